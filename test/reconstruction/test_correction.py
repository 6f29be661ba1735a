"""Corrections of views: their numbers, their prior, and what no image can tell."""

import numpy as np
from reconstruction_scene import CARM
from scipy.spatial.transform import Rotation

from ixgs_ros.geometry.orbits import random_views
from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.reconstruction.config import PoseConfig
from ixgs_ros.reconstruction.correction import (
    Correction,
    pose_covariance,
    prior_covariance,
    without_common_motion,
)

VIEWS = random_views(8, 5, CARM)
POINT = np.array([0.01, -0.02, 0.015])


def numbers(seed, turn=0.01, shift=0.002):
    rng = np.random.default_rng(seed)
    return np.concatenate([turn * rng.normal(size=3), shift * rng.normal(size=3),
                           0.01 * rng.normal(size=2), 3.0 * rng.normal(size=2)])


def test_numbers_come_back():
    pivot = np.array([0.02, 0.01, 0.6])
    vector = numbers(0)
    np.testing.assert_allclose(Correction.from_vector(vector, pivot).vector(pivot), vector,
                               atol=1e-12)


def test_a_correction_turns_the_body_about_the_pivot():
    """A turn of 0.01 rad leaves the pivot's pixel, and moves a point 0.1 m beside it by 1 mm."""
    view = VIEWS[0]
    pivot = view.source_from_reference.apply(POINT)
    corrected = Correction.from_vector(np.array([0, 0, 0.01, 0, 0, 0, 0, 0, 0, 0]), pivot)
    there = corrected.apply(view).source_from_reference.apply(POINT)
    np.testing.assert_allclose(there, pivot, atol=1e-12)
    beside = view.reference_from_source.apply(pivot + [0.1, 0, 0])
    moved = corrected.apply(view).source_from_reference.apply(beside)
    np.testing.assert_allclose(moved - pivot, [0.1 * np.cos(0.01), 0.1 * np.sin(0.01), 0],
                               atol=1e-12)


def test_changes_of_k_are_relative_and_in_pixels():
    view = Correction.from_vector(np.array([0, 0, 0, 0, 0, 0, 0.02, -0.01, 3, -2]),
                                  np.zeros(3)).apply(VIEWS[1])
    np.testing.assert_allclose(view.intrinsics, VIEWS[1].intrinsics * [1.02, 0.99, 1, 1]
                               + [0, 0, 3, -2])


def test_the_trackers_covariance_becomes_that_of_the_bodys_motion():
    """Against samples: poses drawn from the covariance, and the motion that each means."""
    view, rng = VIEWS[2], np.random.default_rng(1)
    root = np.diag([1e-3, 2e-3, 5e-4, 2e-3, 1e-3, 3e-3]) @ rng.normal(size=(6, 6)) / 2
    covariance = root @ root.T
    pivot = view.source_from_reference.apply(POINT)
    motions = []
    for draw in rng.normal(size=(4000, 6)) @ root.T:
        pose = view.reference_from_source
        turn = Rotation.from_rotvec(draw[3:]).as_matrix()
        true = RigidTransform(turn @ pose.rotation, pose.translation + draw[:3])
        motions.append(Correction(true.inverse() @ pose).vector(pivot)[:6])
    found = prior_covariance(view, covariance, pivot, PoseConfig())[:6, :6]
    scale = np.sqrt(np.outer(np.diag(found), np.diag(found)))
    np.testing.assert_allclose(np.cov(np.array(motions).T) / scale, found / scale, atol=0.07)


def test_the_posteriors_covariance_goes_back_to_the_pose():
    view = VIEWS[3]
    pivot = view.source_from_reference.apply(POINT)
    root = np.random.default_rng(2).normal(size=(6, 6))
    covariance = root @ root.T
    there = prior_covariance(view, covariance, pivot, PoseConfig())
    np.testing.assert_allclose(pose_covariance(there, view, pivot), covariance, atol=1e-9)


def test_a_silent_tracker_gets_the_configured_deviations():
    config = PoseConfig(rotation_sd=0.01, position_sd=0.002, focal_sd=0.03, principal_sd=4.0)
    found = prior_covariance(VIEWS[0], np.zeros((6, 6)), np.array([0, 0, 0.6]), config)
    np.testing.assert_allclose(np.trace(found[:3, :3]), 0.01**2)
    np.testing.assert_allclose(np.trace(found[3:6, 3:6]), 0.002**2)
    np.testing.assert_allclose(np.sqrt(np.diag(found)[6:]), [0.03, 0.03, 4, 4])


def test_what_all_views_have_in_common_is_taken_out():
    """All views moved together, and all receded in proportion: nothing of it is left."""
    motion = RigidTransform(Rotation.from_rotvec([0.002, -0.001, 0.003]).as_matrix(),
                            np.array([0.0005, -0.0003, 0.0002]))
    about = RigidTransform(translation=POINT) @ motion @ RigidTransform(translation=-POINT)
    corrections = []
    for view in VIEWS:
        away = RigidTransform(translation=0.002 * view.source_from_reference.apply(POINT))
        moved = view.source_from_reference @ about @ view.reference_from_source
        corrections.append(Correction(away @ moved))
    for correction, view in zip(without_common_motion(corrections, VIEWS, POINT), VIEWS,
                                strict=True):
        left = correction.vector(view.source_from_reference.apply(POINT))
        # What is left is of the second order: the product of two small motions.
        assert np.abs(left[:3]).max() < 2e-5
        assert np.abs(left[3:6]).max() < 1e-5


def test_what_differs_from_view_to_view_stays():
    corrections, pivots = [], [v.source_from_reference.apply(POINT) for v in VIEWS]
    for k, pivot in enumerate(pivots):
        corrections.append(Correction.from_vector(numbers(k, 1e-3, 1e-3), pivot))
    once = without_common_motion(corrections, VIEWS, POINT)
    twice = without_common_motion(once, VIEWS, POINT)
    for a, b, c, pivot in zip(corrections, once, twice, pivots, strict=True):
        np.testing.assert_allclose(b.vector(pivot), c.vector(pivot), atol=1e-6)
        assert np.linalg.norm(a.vector(pivot)[3:6] - b.vector(pivot)[3:6]) < 2.5e-3
        np.testing.assert_array_equal(a.vector(pivot)[6:], b.vector(pivot)[6:])
