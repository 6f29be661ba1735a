"""Planes: where their pixels are, that they span the grid, and what their edges are called."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from ixgs_ros.geometry import RigidTransform
from ixgs_ros.volume import Plane, VoxelGrid
from ixgs_ros.volume.plane import axial, coronal, edge_labels, sagittal, through

GRID = VoxelGrid(np.array([-0.02, 0.01, 0.03]), np.full(3, 0.002), (20, 16, 12))
POINT = GRID.origin + 0.002 * np.array([7, 5, 3])


def test_pixel_centres_follow_the_formula():
    plane = Plane(np.array([1.0, 2.0, 3.0]), [0, 1, 0], [0, 0, -1], 0.5, 4, 6)
    points = plane.points()
    assert points.shape == (4, 6, 3)
    assert np.allclose(points[2, 5], [1.0, 2.0 + 0.5 * 5, 3.0 - 0.5 * 2])
    assert np.allclose(plane.pixel_of(points[2, 5]), (2, 5))
    assert np.allclose(plane.reference_from_plane.apply(np.array([2.5, 1.0, 0.0])), points[2, 5])


def test_anatomical_planes_hit_voxel_centres_and_contain_the_point():
    for make, size in ((axial, (16, 20)), (coronal, (12, 20)), (sagittal, (12, 16))):
        plane = make(GRID, POINT)
        assert (plane.height, plane.width) == size
        indices = GRID.indices(plane.points())
        assert np.allclose(indices, np.round(indices), atol=1e-9)
        assert abs((POINT - plane.origin) @ plane.normal) < 1e-12
        row, column = plane.pixel_of(POINT)
        assert np.allclose(plane.points()[round(row), round(column)], POINT)


def test_radiological_display():
    identity = RigidTransform()
    assert edge_labels(axial(GRID, POINT), identity) == {
        'left': 'R', 'right': 'L', 'top': 'A', 'bottom': 'P'}
    assert edge_labels(coronal(GRID, POINT), identity) == {
        'left': 'R', 'right': 'L', 'top': 'S', 'bottom': 'I'}
    assert edge_labels(sagittal(GRID, POINT), identity) == {
        'left': 'A', 'right': 'P', 'top': 'S', 'bottom': 'I'}


def test_a_turned_reference_frame_still_shows_the_patient_upright():
    turned = RigidTransform(Rotation.from_rotvec([0.4, -1.1, 0.7]).as_matrix(), np.ones(3))
    for make in (axial, coronal, sagittal):
        labels = edge_labels(make(GRID, POINT, lps_from_reference=turned), turned)
        assert labels == edge_labels(make(GRID, POINT), RigidTransform())


def test_oblique_edges_carry_two_letters():
    tilt = Rotation.from_rotvec([0.0, 0.0, np.deg2rad(40)]).as_matrix()
    plane = through(GRID, POINT, tilt @ [1, 0, 0], [0, 0, -1])
    assert edge_labels(plane, RigidTransform())['right'] == 'LP'
    assert edge_labels(plane, RigidTransform())['left'] == 'RA'


def test_an_oblique_plane_spans_the_box():
    u = np.array([1.0, 1.0, 0.0])
    plane = through(GRID, GRID.region.center, u, [0, 0, 1], spacing=0.001)
    assert plane.width == round((0.04 + 0.032) / np.sqrt(2) / 0.001)
    assert np.allclose(plane.points().mean(axis=(0, 1)), GRID.region.center)


@pytest.mark.parametrize('u, v, spacing, size, text', [
    ([1, 0, 0], [1, 0, 0], 0.1, 3, 'orthonormal'),
    ([2, 0, 0], [0, 1, 0], 0.1, 3, 'orthonormal'),
    ([1, 0, 0], [0, 1, 0], 0.0, 3, 'positive spacing, got 0.0 m'),
    ([1, 0, 0], [0, 1, 0], 0.1, 0, 'positive height, got 0'),
    ([np.nan, 0, 0], [0, 1, 0], 0.1, 3, 'finite'),
])
def test_bad_planes_are_refused(u, v, spacing, size, text):
    with pytest.raises(ValueError, match=text):
        Plane(np.zeros(3), u, v, spacing, size, 3)


def test_directions_that_are_zero_or_not_square_are_refused():
    with pytest.raises(ValueError, match='not zero'):
        through(GRID, POINT, [0, 0, 0], [0, 0, 1])
    with pytest.raises(ValueError, match='orthonormal'):
        through(GRID, POINT, [1, 0, 0], [1, 1, 0])
