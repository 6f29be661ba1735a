"""Rigid transforms: composition, inverses, and what is refused."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
import numpy as np
import pytest

from ixgs_ros.geometry.rigid import interpolate, RigidTransform

VECTORS = arrays(np.float64, 3, elements=st.floats(-3.0, 3.0))


@given(VECTORS, VECTORS, VECTORS)
def test_inverse_undoes_and_product_chains(vector, translation, point):
    a_from_b = RigidTransform.from_rotation_vector(vector, translation)
    b_from_c = RigidTransform.from_rotation_vector(translation, vector)
    assert np.allclose(a_from_b.inverse().apply(a_from_b.apply(point)), point, atol=1e-12)
    assert np.allclose((a_from_b @ b_from_c).apply(point), a_from_b.apply(b_from_c.apply(point)),
                       atol=1e-12)
    assert np.allclose((a_from_b @ a_from_b.inverse()).matrix(), np.eye(4), atol=1e-12)


@given(VECTORS, VECTORS)
def test_quaternion_round_trip(vector, translation):
    transform = RigidTransform.from_rotation_vector(vector, translation)
    again = RigidTransform.from_quaternion(transform.quaternion(), transform.translation)
    assert transform.quaternion()[3] >= 0
    assert np.allclose(again.matrix(), transform.matrix(), atol=1e-12)


def test_interpolation_takes_half_the_turn_and_half_the_way():
    start = RigidTransform()
    end = RigidTransform.from_rotation_vector(np.array([0, 0, 1.0]), np.array([2.0, 0, 0]))
    middle = interpolate(start, end, 0.5)
    assert middle.angle_to(start) == pytest.approx(0.5)
    assert middle.distance_to(start) == pytest.approx(1.0)


@pytest.mark.parametrize('rotation', [np.diag([1.0, 1.0, -1.0]), 1.1 * np.eye(3),
                                      np.full((3, 3), np.nan)])
def test_improper_rotations_are_refused(rotation):
    with pytest.raises(ValueError, match='expected'):
        RigidTransform(rotation, np.zeros(3))


def test_quaternion_that_is_not_unit_is_refused_with_its_norm():
    with pytest.raises(ValueError, match=r'norm 1\.5'):
        RigidTransform.from_quaternion(np.array([0, 0, 0, 1.5]), np.zeros(3))
