"""Ours and the TF buffer, image conversion and rotations of ROS give the same, where installed."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from sensor_msgs.msg import Image

from ixgs_ros.acquisition import (
    decode_image,
    FutureLookup,
    NotConnected,
    PastLookup,
    TransformBuffer,
    UnknownFrame,
)
from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.ros import adapters, rotations
from ixgs_ros.ros.image_message import from_image, to_image
from ixgs_ros.ros.installed import installed

needs_tf2 = pytest.mark.skipif(not installed('tf2_ros'), reason='tf2_ros is not installed')
needs_bridge = pytest.mark.skipif(not installed('cv_bridge'), reason='cv_bridge is not installed')
needs_rotations = pytest.mark.skipif(not installed('tf_transformations'),
                                     reason='tf_transformations is not installed')
S = 1_000_000_000


def _fill(buffer, rng):
    for number in range(50):
        stamp = 100 * S + number * S // 50
        for parent, child in (('tracker', 'patient_reference'), ('tracker', 'carm_marker')):
            turn = rng.normal(size=4)
            buffer.insert(parent, child, stamp, rng.normal(size=3).tolist(),
                          (turn / np.linalg.norm(turn)).tolist())
    buffer.insert('carm_marker', 'source', 0, [0.1, 0.2, 0.3], [0.0, 0.0, 0.6, 0.8], static=True)
    buffer.insert('elsewhere', 'alone', 0, [0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0], static=True)
    return buffer


def test_padded_rows_that_cv_bridge_only_looks_at_are_taken(monkeypatch):
    """Some versions give a view into the padded buffer."""
    counts = np.arange(12, dtype=np.uint16).reshape(3, 4)
    padded = np.zeros((3, 6), dtype=np.uint16)
    padded[:, :4] = counts
    bridge = SimpleNamespace(imgmsg_to_cv2=lambda message, desired_encoding: padded[:, :4])
    monkeypatch.setitem(sys.modules, 'cv_bridge', SimpleNamespace(CvBridge=lambda: bridge))
    monkeypatch.setattr(adapters, 'installed', lambda name: name == 'cv_bridge')
    message = Image(height=3, width=4, encoding='mono16', step=12, data=padded.tobytes())
    np.testing.assert_array_equal(decode_image(adapters.image_frame(message)), counts)


@needs_tf2
def test_tf2_and_ours_look_up_the_same():
    ours = _fill(TransformBuffer(), np.random.default_rng(1))
    theirs = _fill(adapters.Tf2Buffer(), np.random.default_rng(1))
    for stamp in np.random.default_rng(2).integers(100 * S, 100 * S + 49 * S // 50, 40).tolist():
        ours_pose = ours.lookup('patient_reference', 'source', stamp)
        theirs_pose = theirs.lookup('patient_reference', 'source', stamp)
        assert ours_pose.distance_to(theirs_pose) < 1e-9
        assert ours_pose.angle_to(theirs_pose) < 1e-7


@pytest.mark.parametrize('make', [
    TransformBuffer, pytest.param(adapters.Tf2Buffer, marks=needs_tf2)])
def test_what_cannot_be_looked_up_is_told_apart(make):
    buffer = _fill(make(), np.random.default_rng(3))
    for frame, stamp, error in (('source', 99 * S, PastLookup), ('source', 102 * S, FutureLookup),
                                ('alone', 100 * S, NotConnected), ('none', 100 * S, UnknownFrame)):
        with pytest.raises(error):
            buffer.lookup('patient_reference', frame, stamp)
    buffer.clear()
    assert buffer.lookup('carm_marker', 'source', 100 * S).translation[0] == pytest.approx(0.1)


def test_the_chosen_buffer_is_the_one_that_is_installed():
    wanted = adapters.Tf2Buffer if installed('tf2_ros') else TransformBuffer
    assert isinstance(adapters.transform_source(), wanted)
    assert f'transforms: {"tf2_ros" if installed("tf2_ros") else "own"}' in adapters.choice()


@needs_bridge
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16, np.float32])
def test_cv_bridge_and_ours_decode_the_same(dtype):
    pixels = np.random.default_rng(4).integers(0, 255, (5, 7)).astype(dtype)
    message = to_image(pixels, 1, 'source')
    theirs, ours = adapters.image_frame(message), from_image(message)
    assert np.array_equal(decode_image(theirs), decode_image(ours))


def test_an_encoding_nobody_takes_reaches_the_decoder_that_refuses_it_by_name():
    frame = adapters.image_frame(Image(height=1, width=1, step=2, encoding='bayer_rggb16',
                                       data=[0, 0]))
    assert frame.encoding == 'bayer_rggb16'


@needs_rotations
def test_tf_transformations_and_ours_turn_the_same():
    for turn in np.random.default_rng(5).normal(size=(20, 4)):
        turn /= np.linalg.norm(turn)
        ours = RigidTransform.from_quaternion(turn, np.zeros(3))
        assert ours.angle_to(rotations.rigid(turn, np.zeros(3))) < 1e-7


def test_a_quaternion_that_is_no_rotation_is_refused():
    with pytest.raises(ValueError, match='unit quaternion'):
        rotations.rigid(np.array([0.0, 0.0, 0.0, 1.5]), np.zeros(3))
