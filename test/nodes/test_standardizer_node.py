"""The standardizer node over DDS: what it passes on, what one can look at, what it refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image

from ixgs.msg import Shot as ShotMessage
from ixgs.msg import ShotReport
from ixgs_ros.geometry import RigidTransform, View
from ixgs_ros.nodes.standardizer import StandardizerNode
from ixgs_ros.parameters import build
from ixgs_ros.ros import qos
from ixgs_ros.ros.processes import NodeGroup
from ixgs_ros.ros.shot_message import from_shot_message, to_shot_message
from ixgs_ros.shot import Shot
from ixgs_ros.standardization.network.config import NetworkConfig
from ixgs_ros.standardization.network.domain import Domain
from ixgs_ros.standardization.network.generator import Generator
from ixgs_ros.standardization.network.weights import save_weights, Weights

OUTPUTS = {'shots': (ShotMessage, qos.SHOTS), 'attenuation/shots': (ShotMessage, qos.SHOTS),
           'standardized': (Image, qos.LATCHED), 'report': (ShotReport, qos.REPORTS)}


def ball(number: int) -> Shot:
    """A ball of 3 cm radius and water, 0.6 m in front of the source, as the shot of a number."""
    focal, middle, water = 384.0, 31.5, 20.0
    view = View(np.array([[focal, 0, middle], [0, focal, middle], [0, 0, 1]]),
                RigidTransform(np.eye(3), np.array([0.0, 0.0, -0.6])), 64, 64)
    distance = np.linalg.norm(np.cross(view.ray_directions(), view.source), axis=-1)
    chord = 2 * np.sqrt(np.maximum(0, 0.03**2 - distance**2))
    lines = (water * chord).astype(np.float32)
    return Shot(number, number * 1_000_000_000, view, lines, np.exp(-lines))


class Node:
    """The running node: shots go in, messages are kept by topic."""

    def __init__(self, group: NodeGroup) -> None:
        self.station = group.station
        self.heard: dict[str, list] = {name: [] for name in OUTPUTS}
        for name, (kind, profile) in OUTPUTS.items():
            self.station.node.create_subscription(kind, f'/carm/standardizer/{name}',
                                                  self.heard[name].append, profile)
        self._shots = self.station.node.create_publisher(ShotMessage, '/carm/acquisition/shots',
                                                         qos.SHOTS)
        group.bring_up()
        self.station.wait(lambda: self._shots.get_subscription_count() == 1, 20, 'the node')

    def send(self, shot, **changes) -> None:
        """Publish a shot, with fields of its message changed."""
        message = to_shot_message(shot, 'patient_reference')
        for name, value in changes.items():
            setattr(message, name, value)
        self._shots.publish(message)

    def wait(self, name: str, count: int = 1):
        """Return the newest message of a topic as soon as there are so many."""
        self.station.wait(lambda: len(self.heard[name]) >= count, 20, f'{count} of {name}')
        return self.heard[name][-1]


def pixels(image: Image) -> np.ndarray:
    assert image.encoding == '32FC1'
    return np.frombuffer(bytes(image.data), '<f4').reshape(image.height, image.width)


def test_shots_of_both_quantities_are_passed_on_shown_or_refused(ros_domain, tmp_path):
    """With an untrained network, whose domain ends at a median line integral of 3."""
    config = build(NetworkConfig, {'channels': 4, 'levels': 2})
    file = tmp_path / 'bone.safetensors'
    save_weights(file, Weights(Generator(config), Domain({'level': (0.0, 3.0)})))
    shot = ball(1)
    parameters = {'mode': 'both', 'weights': str(file), 'metal': 'mask'}
    with NodeGroup(('standardizer',), {'standardizer': parameters}, ros_domain) as group:
        node = Node(group)
        node.send(shot)
        bone = from_shot_message(node.wait('shots'))
        attenuation = from_shot_message(node.wait('attenuation/shots'))
        assert (bone.id, bone.quantity) == (1, 'bone')
        assert (attenuation.id, attenuation.quantity) == (1, 'attenuation')
        np.testing.assert_array_equal(attenuation.line_integrals, shot.line_integrals)
        picture, used = node.wait('standardized'), bone.weights > 0
        assert picture.header.stamp == node.heard['shots'][0].header.stamp
        np.testing.assert_array_equal(np.isnan(pixels(picture)), ~used)
        np.testing.assert_array_equal(pixels(picture)[used], bone.line_integrals[used])
        node.send(replace(ball(2), line_integrals=ball(2).line_integrals + 6))
        report = node.wait('report')
        assert (report.id, report.code) == (2, 'OUT_OF_DOMAIN')
        assert 'median line integral is' in report.message
        node.send(replace(ball(3), weights=np.zeros_like(shot.weights)))
        report = node.wait('report', 2)
        assert (report.id, report.code) == (3, 'NO_SIGNAL')
        for number, broken in enumerate((np.nan, -1e-6), start=3):
            covariance = np.zeros(36)
            covariance[7] = broken
            node.send(ball(5), source_covariance=covariance)
            report = node.wait('report', number)
            assert (report.id, report.code) == (5, 'INCONSISTENT')
            assert 'no negative variance' in report.message
        node.send(ball(4))   # the stream goes on
        assert node.wait('shots', 2).id == node.wait('attenuation/shots', 2).id == 4


@pytest.mark.ros
def test_weights_that_cannot_be_used_are_said_when_the_node_is_configured(ros, tmp_path):
    """The reason is in the diagnostics; with weights that can be used, the node starts after all.

    Without a file, with one that is none, and with one whose end was cut off.
    """
    good, cut, text = (tmp_path / name for name in ('good', 'cut', 'text'))
    save_weights(good, Weights(Generator(build(NetworkConfig, {'channels': 4, 'levels': 2})),
                               Domain({})))
    cut.write_bytes(good.read_bytes()[:-100])
    text.write_text('no weights ' * 20)
    node = ros.add(StandardizerNode(context=ros.context, parameter_overrides=[
        Parameter('mode', value='network'), Parameter('weights', value='nowhere.safetensors')]))
    for file, words in (('nowhere.safetensors', 'there is no such file'), (str(text), 'damaged'),
                        (str(cut), 'damaged')):
        node.set_parameters([Parameter('weights', value=file)])
        assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
        said = ' '.join(status.message for status in node.diagnostics.message(0).status)
        assert f'cannot configure: weights: {file}: {words}' in said
    node.set_parameters([Parameter('weights', value=str(good))])
    assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS
