"""The nodes under test as real processes, and a station that talks to them over DDS."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
import time
from typing import Any

import balls
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseArray
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Float32
from std_srvs.srv import SetBool, Trigger
from visualization_msgs.msg import MarkerArray

from ixgs.msg import ReconstructionStatus, Shot, ShotReport, VoxelVolume
from ixgs_ros.ros import qos
from ixgs_ros.ros.domain import private_domain
from ixgs_ros.ros.processes import NodeGroup
from ixgs_ros.ros.shot_message import to_shot_message

NODE = '/carm/reconstructor'
OUTPUTS = {'volume': VoxelVolume, 'gaussians': PointCloud2, 'status': ReconstructionStatus,
           'report': ShotReport, 'markers': MarkerArray, 'next_view': PoseArray,
           'coverage': Float32}


class Theatre:
    """Running nodes; keeps all they publish by topic, with the time it came (monotonic, s)."""

    def __init__(self, group: NodeGroup, domain: int) -> None:
        self.group = group
        self.domain = domain
        self.station = group.station
        self.heard: dict[str, list[Any]] = defaultdict(list)
        self._shots = self.station.node.create_publisher(Shot, '/carm/standardizer/shots',
                                                         qos.SHOTS)
        for name, kind in OUTPUTS.items():
            self.listen(kind, f'{NODE}/{name}',
                        qos.REPORTS if name == 'report' else qos.LATCHED, name)
        self.listen(DiagnosticArray, '/diagnostics', qos.DIAGNOSTICS, 'diagnostics')

    def listen(self, kind: type, topic: str, profile: Any, key: str) -> None:
        """Keep all messages of a topic under a key."""
        self.station.node.create_subscription(kind, topic, self.heard[key].append, profile)

    def send(self, shot: Any, frame: str = 'patient_reference', **changes: Any) -> None:
        """Publish a shot, with fields of its message changed."""
        message = to_shot_message(shot, frame)
        for name, value in changes.items():
            setattr(message, name, value)
        self.station.wait(lambda: self._shots.get_subscription_count() == 1, 10, 'a listener')
        self._shots.publish(message)

    def expose(self, number: int) -> ShotReport:
        """Send shot ``number`` and return its report."""
        self.send(balls.shot(number))
        return self.report_of(number)

    def report_of(self, number: int, nth: int = 1, code: str = '') -> ShotReport:
        """Return the nth report of a shot since the last ``fresh``, of those with a code if given.

        A model that rests reports again what its reports say no longer.
        """
        def found() -> Any:
            reports = [report for report in self.heard['report']
                       if report.id == number and code in ('', report.code)]
            return reports[nth - 1] if len(reports) >= nth else None
        return self.station.wait(found, 30, f'report {nth} of shot {number} {code}')

    def last(self, key: str) -> Any:
        """Return the newest message under a key."""
        return self.station.wait(lambda: self.heard[key] and self.heard[key][-1], 10, key)

    def until(self, key: str, condition: Any, timeout: float = 30.0) -> Any:
        """Return the newest message under a key as soon as it meets a condition."""
        def met() -> Any:
            message = self.heard[key][-1] if self.heard[key] else None
            return message if message is not None and condition(message) else None
        return self.station.wait(met, timeout, f'{key} as wanted')

    def call(self, kind: type, service: str, **fields: Any) -> Any:
        """Call a service of the reconstructor."""
        return self.station.call(kind, f'{NODE}/{service}', kind.Request(**fields), 30)

    def pause(self, paused: bool) -> None:
        """Pause or go on."""
        assert self.call(SetBool, 'pause', data=paused).success

    def refine(self, share: float) -> None:
        """Set ``refine.cpu_share``: 0 lets the model stand after each shot."""
        value = ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=share)
        answer = self.call(SetParameters, 'set_parameters',
                           parameters=[Parameter(name='refine.cpu_share', value=value)])
        assert answer.results[0].successful, answer.results[0].reason

    def fresh(self) -> None:
        """Make the reconstructor forget all shots, and not refine by itself."""
        self.pause(False)
        self.refine(0.0)
        assert self.call(Trigger, 'reset').success
        self.until('status', lambda status: status.views == 0)
        time.sleep(0.1)
        for messages in self.heard.values():
            messages.clear()


@contextmanager
def running(nodes: list[str], parameters: dict[str, dict[str, Any]]) -> Iterator[Theatre]:
    """Start nodes on a domain of their own, configured and active."""
    with private_domain() as domain, NodeGroup(nodes, parameters, domain) as group:
        group.bring_up()
        yield Theatre(group, domain)
