"""The acquisition node in one process: overload, doubles, clocks that go back, and autostart."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image

from ixgs.msg import Shot, ShotReport
from ixgs_ros.nodes.acquisition import AcquisitionNode
from ixgs_ros.ros import conductor, qos
from ixgs_ros.ros.image_message import to_image
from ixgs_ros.ros.messages import to_time
from ixgs_ros.ros.station import Station

SUCCESS = TransitionCallbackReturn.SUCCESS


@pytest.fixture
def rig(ros):
    """Publishers of a rig, and the reports of an active acquisition made with ``start``."""
    class Rig:
        def start(self, **overrides):
            self.reports = []
            observer = ros.node()
            observer.create_subscription(ShotReport, '/acquisition/report', self.reports.append,
                                         qos.REPORTS)
            # Without a listener each activation waits for one, 3 s.
            observer.create_subscription(Shot, '/acquisition/shots', lambda shot: None, qos.SHOTS)
            self.images = observer.create_publisher(Image, 'image', qos.FRAMES)
            self.cameras = observer.create_publisher(CameraInfo, 'camera_info', qos.FRAMES)
            self.clock = observer.create_publisher(Clock, '/clock', qos.CLOCK)
            node = AcquisitionNode(context=ros.context, parameter_overrides=[
                Parameter(name.replace('__', '.'), value=value)
                for name, value in overrides.items()])
            ros.add(node)
            assert node.trigger_configure() == SUCCESS and node.trigger_activate() == SUCCESS
            ros.spin_until(lambda: self.images.get_subscription_count() == 1)
            return node

        def send(self, stamp_ns):
            self.images.publish(to_image(np.full((4, 4), 9, np.uint8), stamp_ns, 'source'))
    return Rig()


def test_every_image_ends_in_one_report_with_its_own_code(ros, rig):
    node = rig.start(queue=1, tf__timeout=0.3)
    for stamp_ns in (5, 5, 6):
        rig.send(stamp_ns)
    ros.spin_until(lambda: len(rig.reports) == 3)
    codes = {report.id: report.code for report in rig.reports}
    assert codes == {1: 'UNCALIBRATED', 2: 'DUPLICATE', 3: 'OVERLOAD'}
    rig.send(7)
    ros.spin_for(0.1)
    assert node.trigger_deactivate() == SUCCESS  # what waits gets its verdict now
    ros.spin_until(lambda: len(rig.reports) == 4)
    assert node.diagnostics.value('images') == 4
    assert node.diagnostics.value('callback errors') == 0
    assert node.guard.heaviest_s < 0.02


def test_images_that_are_not_taken_up_in_time_are_refused_not_dropped(ros, rig):
    node = rig.start(inbox=1, tf__timeout=0.1)
    node._worker.submit(time.sleep, 0.5)  # the compute thread is busy
    for stamp_ns in range(1, 6):
        rig.send(stamp_ns)
    ros.spin_until(lambda: len(rig.reports) == 5)
    assert 'OVERLOAD' in {report.code for report in rig.reports}
    assert {report.header.stamp.nanosec for report in rig.reports} == {1, 2, 3, 4, 5}


def test_numbers_go_on_when_the_node_is_configured_anew(ros, rig):
    """As the change of a parameter asks for; the reconstructor still knows the earlier ones."""
    node = rig.start(tf__timeout=0.0)
    for stamp_ns in (5, 6):
        rig.send(stamp_ns)
    ros.spin_until(lambda: len(rig.reports) == 2)
    assert node.trigger_deactivate() == node.trigger_cleanup() == SUCCESS
    node.set_parameters([Parameter('tf.max_gap', value=0.2)])
    assert node.trigger_configure() == node.trigger_activate() == SUCCESS
    ros.spin_until(lambda: rig.images.get_subscription_count() == 1)
    rig.send(7)
    ros.spin_until(lambda: len(rig.reports) == 3)
    assert [report.id for report in rig.reports] == [1, 2, 3]


def test_a_clock_that_goes_back_is_said_and_clears_the_transforms(ros, rig):
    node = rig.start(use_sim_time=True)
    for seconds in (10, 20, 5):
        rig.clock.publish(Clock(clock=to_time(seconds * 10**9)))
        ros.spin_for(0.1)
    ros.spin_until(lambda: 'the ROS clock went back' in str(node.diagnostics.value('last event')))


@pytest.mark.parametrize(('argument', 'code'), [('tf.max_gap:=0.2', 0), ('tf.max_gap:=-1.0', 2)])
def test_autostart_brings_a_process_up_or_ends_it(ros_domain, argument, code):
    with Station(ros_domain) as station:
        station.node.create_subscription(Shot, '/carm/acquisition/shots', lambda shot: None,
                                         qos.SHOTS)
        process = subprocess.Popen([sys.executable, '-m', 'ixgs_ros.nodes.runner', 'acquisition',
                                    '--ros-args', '-p', 'autostart:=true', '-p', argument],
                                   stderr=subprocess.PIPE, text=True)
        if code == 0:
            station.wait(lambda: conductor.state(station, '/carm/acquisition') == 'active', 20.0,
                         'the active node')
            process.send_signal(signal.SIGTERM)
        assert process.wait(20) == code
    log = process.stderr.read()
    assert ('tf.max_gap: expected a value in [0.001, 10] s, got -1.0' in log) == (code == 2)
