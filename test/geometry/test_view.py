"""The projection: where a point lands, whatever the pose, the principal point and the binning."""

from itertools import product

import numpy as np
import pytest

from ixgs_ros.geometry.orbits import CArm, CArmAngles, random_views
from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.geometry.view import View

OCTANTS = [0.04 * np.array(signs) for signs in product((-1, 1), repeat=3)]


def test_isocentre_lands_on_the_principal_point():
    angles = CArmAngles(0.4, -0.3, 0.1, np.array([0.01, -0.02, 0.03]))
    view = CArm().view(angles, principal_offset=np.array([0.012, -0.006]))
    pixel, depth = view.project(angles.isocentre)
    assert pixel == pytest.approx([127.5 + 10.0, 127.5 - 5.0])
    assert depth == pytest.approx(0.64)


@pytest.mark.parametrize('view', random_views(3, seed=1))
def test_rays_pass_through_what_projects_onto_their_pixel(view):
    directions = view.ray_directions()
    for point in OCTANTS:
        (u, v), depth = view.project(point)
        toward = (point - view.source) / np.linalg.norm(point - view.source)
        nearest = directions[round(v), round(u)]
        # Half a pixel is at most 0.5 √2 · 1.2 mm / 1.02 m.
        assert np.arccos(min(1.0, toward @ nearest)) < 0.0009
        assert depth > 0


def test_binning_keeps_every_point_in_place():
    view = CArm().view(CArmAngles(0.3, 0.2), principal_offset=np.array([0.004, 0.009]))
    for factor in (2, 4):
        coarse = view.binned(factor)
        for point in OCTANTS:
            fine, _ = view.project(point)
            # A coarse pixel's centre is the mean of its fine pixels' centres.
            assert coarse.project(point)[0] == pytest.approx((fine + 0.5) / factor - 0.5)


def test_packed_holds_what_the_kernels_need():
    view = random_views(1, seed=3)[0]
    packed, point = view.packed(), OCTANTS[5]
    local = packed[:9].reshape(3, 3) @ point + packed[9:12]
    pixel = packed[12:14] * local[:2] / local[2] + packed[14:16]
    assert pixel == pytest.approx(view.project(point)[0])


@pytest.mark.parametrize(('k', 'message'), [
    (np.zeros((3, 3)), 'positive focal lengths, got fx = 0.0, fy = 0.0'),
    (np.diag([10.0, 0.0, 1.0]), 'positive focal lengths, got fx = 10.0, fy = 0.0'),
    (np.diag([-1.0, 1.0, 1.0]), 'positive focal lengths, got fx = -1.0'),
    (np.diag([np.nan, 1.0, 1.0]), r'a finite K of shape \(3, 3\), got .*nan'),
    (np.eye(4), r'a finite K of shape \(3, 3\)'),
    (np.diag([1.0, 1.0, 0.0]), r'expected K = \[\[fx, 0, cx\], \[0, fy, cy\], \[0, 0, 1\]\], got'),
    ([[1, 0.1, 0], [0, 1, 0], [0, 0, 1]], 'expected K = ')])
def test_a_singular_k_and_other_forms_are_named(k, message):
    with pytest.raises(ValueError, match=message):
        View(np.asarray(k, float), RigidTransform(), 8, 8)


@pytest.mark.parametrize(('size', 'error', 'message'), [
    ((0, 8), ValueError, 'a positive height, got 0'),
    ((8, -1), ValueError, 'a positive width, got -1'),
    ((8.0, 8), TypeError, 'height as a whole number, got 8.0'),
    ((8, None), TypeError, 'width as a whole number, got None')])
def test_sizes_are_positive_whole_numbers(size, error, message):
    with pytest.raises(error, match=message):
        View(np.eye(3), RigidTransform(), *size)


def test_a_matrix_is_no_pose():
    with pytest.raises(TypeError, match='reference_from_source as a RigidTransform, got array'):
        View(np.eye(3), np.eye(4), 8, 8)
