"""Messages and core types: round trips, and what is refused."""

from __future__ import annotations

from array import array

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CameraInfo, Image

from ixgs.msg import Shot as ShotMessage
from ixgs_ros.acquisition import CameraModel, decode_image, RegionOfInterest
from ixgs_ros.geometry import RigidTransform, View
from ixgs_ros.ros.image_message import from_camera_info, from_image, to_camera_info, to_image
from ixgs_ros.ros.messages import (
    from_pose,
    from_transform,
    MessageError,
    to_bytes,
    to_ns,
    to_pose,
    to_time,
    to_transform,
)
from ixgs_ros.ros.shot_message import (
    Fit,
    from_report,
    from_shot_message,
    to_report,
    to_shot_message,
)
from ixgs_ros.shot import Shot
from ixgs_ros.verdict import Code, Verdict


def _over_the_wire(message):
    return deserialize_message(serialize_message(message), type(message))


def _shot(rng):
    view = View(np.array([[850.0, 0, 3.2], [0, 851.0, 2.1], [0, 0, 1]]),
                RigidTransform.from_rotation_vector(rng.normal(size=3), rng.normal(size=3)), 5, 7)
    covariance = rng.normal(size=(6, 6))
    return Shot(id=3, stamp_ns=1_700_000_000_123_456_789, view=view,
                line_integrals=rng.normal(size=(5, 7)), weights=rng.random((5, 7)),
                pose_covariance=covariance @ covariance.T, exposure_offset=0.25)


@given(st.integers(0, 2**31 * 10**9 - 1))
def test_no_nanosecond_is_lost(stamp_ns):
    assert to_ns(to_time(stamp_ns)) == stamp_ns


def test_a_shot_arrives_as_it_was_sent():
    shot = _shot(np.random.default_rng(1))
    message = _over_the_wire(to_shot_message(shot, 'patient_reference'))
    again = from_shot_message(message)
    assert message.header.frame_id == 'patient_reference'
    assert (again.id, again.stamp_ns, again.quantity) == (3, shot.stamp_ns, 'attenuation')
    assert np.array_equal(again.line_integrals, shot.line_integrals)
    assert np.array_equal(again.weights, shot.weights)
    assert np.array_equal(again.view.k, shot.view.k)
    assert np.array_equal(again.pose_covariance, shot.pose_covariance)
    assert again.exposure_offset == 0.25
    pose = again.view.reference_from_source
    assert pose.distance_to(shot.view.reference_from_source) < 1e-12
    assert pose.angle_to(shot.view.reference_from_source) < 1e-7


@pytest.mark.parametrize(('field', 'value', 'text'), [
    ('height', 6, 'expected 168 bytes in line_integrals'),
    ('weights', array('B', bytes(4)), 'expected 140 bytes in weights'),
    ('k', np.zeros(9), 'expected positive focal lengths'),
    ('quantity', 'soup', "expected quantity 'attenuation' or 'bone'")])
def test_a_shot_that_is_none_is_refused_by_field(field, value, text):
    message = to_shot_message(_shot(np.random.default_rng(2)), 'patient_reference')
    setattr(message, field, value)
    with pytest.raises(MessageError, match=text):
        from_shot_message(message)


def test_an_empty_message_is_no_shot():
    with pytest.raises(MessageError):
        from_shot_message(ShotMessage())


def test_poses_and_transforms_return():
    transform = RigidTransform.from_rotation_vector(np.array([0.3, -2.0, 0.9]),
                                                    np.array([0.1, -0.2, 1.5]))
    for again in (from_pose(to_pose(transform)), from_transform(to_transform(transform))):
        assert again.distance_to(transform) < 1e-15 and again.angle_to(transform) < 1e-7
    broken = to_pose(transform)
    broken.orientation.w += 0.5
    with pytest.raises(ValueError, match='unit quaternion'):
        from_pose(broken)


@pytest.mark.parametrize('dtype', ['u1', 'u2', 'f4'])
def test_an_image_arrives_as_it_was_sent(dtype):
    pixels = np.random.default_rng(3).integers(0, 250, (4, 9)).astype(dtype)
    message = _over_the_wire(to_image(pixels, 17, 'source'))
    frame = from_image(message)
    assert isinstance(message, Image) and message.step == 9 * pixels.itemsize
    assert (frame.stamp_ns, frame.frame_id) == (17, 'source')
    assert np.array_equal(decode_image(frame), pixels)


def test_pixels_without_an_encoding_are_refused():
    with pytest.raises(ValueError, match='got \\(2, 2\\) of complex64'):
        to_image(np.zeros((2, 2), np.complex64), 0, '')


def test_a_camera_arrives_as_it_was_sent():
    camera = CameraModel(17, 'source', 1024, 960, np.array([850.0, 0, 480, 0, 851, 512, 0, 0, 1]),
                         np.array([0.1, 0.0, 0.0, 0.0, 0.0]), 'plumb_bob', 2, 2,
                         RegionOfInterest(10, 20, 512, 480))
    message = _over_the_wire(to_camera_info(camera))
    again = from_camera_info(message)
    assert isinstance(message, CameraInfo)
    assert np.array_equal(again.k, camera.k) and np.array_equal(again.d, camera.d)
    assert again.image_size() == camera.image_size() == (256, 240)
    assert (again.stamp_ns, again.frame_id, again.roi) == (17, 'source', camera.roi)


def test_big_endian_memory_goes_out_little_endian():
    assert to_bytes(np.array([1, 256], dtype='>u2')).tobytes() == b'\x01\x00\x00\x01'


def test_a_report_arrives_as_it_was_sent():
    fit = Fit(0.01, -0.1, 1.02, np.array([1e-3, 0, 0]), np.array([0, 2e-3, 0]),
              np.diag([1.0, 2, 3, 4, 5, 6]))
    verdict = Verdict(Code.ACCEPTED_CORRECTED, 'moved by 1 mm')
    message = _over_the_wire(to_report(5, 99, 'patient_reference', verdict, steady_ns=7, fit=fit))
    again_verdict, again = from_report(message)
    assert again_verdict == verdict and (message.id, message.steady_ns) == (5, 7)
    assert again.residual == pytest.approx(0.01) and again.scale == pytest.approx(1.02)
    assert np.array_equal(again.pose_translation, fit.pose_translation)
    assert np.array_equal(again.pose_covariance, fit.pose_covariance)
    unfitted = from_report(to_report(1, 2, 'f', Verdict(Code.MOVING, 'x')))[1]
    assert np.isnan([unfitted.residual, unfitted.exposure_offset, unfitted.scale]).all()
    message.code = 'SPLENDID'
    with pytest.raises(MessageError, match='SPLENDID'):
        from_report(message)
