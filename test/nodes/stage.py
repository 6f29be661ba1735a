"""An active node in the test's own process, over DDS: for what no topic shows, or has to fail."""

from __future__ import annotations

import balls
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter

from ixgs.msg import ReconstructionStatus, Shot, ShotReport, VoxelVolume
from ixgs_ros.ros import qos
from ixgs_ros.ros.shot_message import to_shot_message

SUCCESS = TransitionCallbackReturn.SUCCESS


class Stage:
    """An active node in this process, and what it says."""

    def __init__(self, ros, node_class, name, **values) -> None:
        self.ros = ros
        self.node = ros.add(node_class(context=ros.context, parameter_overrides=[
            Parameter(key, value=value) for key, value in values.items()]))
        observer = ros.node()
        self.reports, self.shots, self.volumes = [], [], []
        self.status, self.diagnostics = [], []
        for kind, topic, profile, kept in (
                (ShotReport, f'/{name}/report', qos.REPORTS, self.reports),
                (Shot, f'/{name}/shots', qos.SHOTS, self.shots),
                (VoxelVolume, f'/{name}/volume', qos.LATCHED, self.volumes),
                (ReconstructionStatus, f'/{name}/status', qos.LATCHED, self.status),
                (DiagnosticArray, '/diagnostics', qos.DIAGNOSTICS, self.diagnostics)):
            observer.create_subscription(kind, topic, kept.append, profile)
        self.input = observer.create_publisher(Shot, '/shots', qos.SHOTS)
        assert self.node.trigger_configure() == self.node.trigger_activate() == SUCCESS
        ros.spin_until(lambda: self.input.get_subscription_count() == 1)

    def send(self, shot: int | balls.Shot) -> None:
        """Publish a shot, or the one of that number."""
        given = balls.shot(shot) if isinstance(shot, int) else shot
        self.input.publish(to_shot_message(given, 'patient_reference'))

    def report_of(self, number: int) -> ShotReport:
        """Return the last report of a shot as soon as there is one."""
        def found():
            return [report for report in self.reports if report.id == number]
        return self.ros.spin_until(found, 30.0, f'a report of shot {number}')[-1]

    def error(self) -> str:
        """Return what the diagnostics say as soon as they hold an error."""
        def found():
            return [status.message for message in self.diagnostics for status in message.status
                    if status.level == DiagnosticStatus.ERROR]
        return self.ros.spin_until(found, 5.0, 'an error in the diagnostics')[-1]
