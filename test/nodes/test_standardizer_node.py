"""The standardizer node over DDS: what it passes on, what one can look at, what it refuses."""

from __future__ import annotations

import balls
import numpy as np
import pytest
from sensor_msgs.msg import Image

from ixgs.msg import Shot as ShotMessage
from ixgs.msg import ShotReport
from ixgs_ros.ros import qos
from ixgs_ros.ros.processes import NodeGroup
from ixgs_ros.ros.shot_message import from_shot_message, to_shot_message


@pytest.fixture
def node(ros_domain):
    """The node, a publisher to it, and what it says by topic."""
    with NodeGroup(('standardizer',), {'standardizer': {'metal': 'mask'}}, ros_domain) as group:
        heard = {'shots': [], 'standardized': [], 'report': []}
        station = group.station
        for name, kind, profile in (('shots', ShotMessage, qos.SHOTS),
                                    ('standardized', Image, qos.LATCHED),
                                    ('report', ShotReport, qos.REPORTS)):
            station.node.create_subscription(kind, f'/carm/standardizer/{name}',
                                             heard[name].append, profile)
        shots = station.node.create_publisher(ShotMessage, '/carm/acquisition/shots', qos.SHOTS)
        group.bring_up()
        station.wait(lambda: shots.get_subscription_count() == 1, 10, 'the node')

        def send(shot):
            shots.publish(to_shot_message(shot, 'patient_reference'))
        yield station, send, heard


def test_shots_are_passed_on_shown_or_refused(node):
    station, send, heard = node
    shot = balls.shot(1)
    send(shot)
    station.wait(lambda: heard['shots'] and heard['standardized'], 20, 'a shot and its picture')
    passed = from_shot_message(heard['shots'][0])
    assert passed.quantity == 'attenuation' and passed.id == 1
    np.testing.assert_array_equal(passed.line_integrals, shot.line_integrals)
    picture = heard['standardized'][0]
    assert (picture.encoding, picture.height, picture.width) == ('32FC1', 64, 64)
    assert picture.header.stamp == heard['shots'][0].header.stamp
    seen = np.frombuffer(bytes(picture.data), '<f4').reshape(64, 64)
    np.testing.assert_array_equal(np.isnan(seen), passed.weights == 0)
    np.testing.assert_array_equal(seen[passed.weights > 0],
                                  shot.line_integrals[passed.weights > 0])
    black = balls.shot(2)
    black.weights[:] = 0
    send(black)
    station.wait(lambda: heard['report'], 10, 'a refusal')
    assert heard['report'][0].id == 2 and heard['report'][0].code == 'NO_SIGNAL'
    send(balls.shot(3))   # the stream goes on
    station.wait(lambda: len(heard['shots']) == 2, 10, 'the next shot')
