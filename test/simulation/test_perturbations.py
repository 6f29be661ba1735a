"""Jitter, exposure and principal point: as large as asked for, in no preferred direction."""

from dataclasses import replace

import numpy as np
import pytest

from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.simulation.perturbations import (
    draw_gain,
    draw_jitter,
    draw_principal_offset,
    JitterConfig,
    motion_about,
)


def rms(values):
    return np.sqrt(np.mean(np.square(values)))


def test_jitter_has_the_rms_it_says_in_every_direction():
    rng = np.random.default_rng(0)
    motions = np.array([draw_jitter(JitterConfig(), rng) for _ in range(4000)])
    assert rms(np.linalg.norm(motions[:, :3], axis=1)) == pytest.approx(np.deg2rad(0.5), rel=0.03)
    assert rms(np.linalg.norm(motions[:, 3:], axis=1)) == pytest.approx(0.0015, rel=0.03)
    covariance = np.corrcoef(motions.T)
    assert np.abs(covariance - np.eye(6)).max() < 0.06


def test_no_jitter_is_none_and_leaves_the_other_draws_alone():
    config = replace(JitterConfig(), rotation_deg=0.0)
    quiet, noisy = (draw_jitter(c, np.random.default_rng(3)) for c in (config, JitterConfig()))
    assert (quiet[:3] == 0).all()
    assert np.array_equal(quiet[3:], noisy[3:])


def test_a_turn_about_a_point_leaves_it_and_shifts_it():
    pivot = np.array([0.3, -0.1, 0.7])
    turn = motion_about(np.array([0.01, 0.02, -0.03, 0, 0, 0]), pivot)
    assert turn.apply(pivot) == pytest.approx(pivot)
    assert turn.angle_to(RigidTransform()) == pytest.approx(np.linalg.norm([0.01, 0.02, 0.03]))
    both = motion_about(np.array([0.01, 0.02, -0.03, 0.001, 0.002, 0.003]), pivot)
    assert both.apply(pivot) - pivot == pytest.approx([0.001, 0.002, 0.003])


def test_exposure_errs_by_the_share_it_says_and_stays_positive():
    rng = np.random.default_rng(1)
    gains = np.array([draw_gain(0.05, rng) for _ in range(4000)])
    assert np.log(gains).std() == pytest.approx(0.05, rel=0.05)
    assert abs(np.log(gains).mean()) < 0.003
    assert draw_gain(0.0, rng) == 1.0


def test_principal_point_fills_its_disc():
    rng = np.random.default_rng(2)
    offsets = np.array([draw_principal_offset(0.016, rng) for _ in range(4000)])
    radii = np.linalg.norm(offsets, axis=1)
    assert radii.max() <= 0.016
    assert np.mean(radii < 0.008) == pytest.approx(0.25, abs=0.03)
    assert np.abs(offsets.mean(0)).max() < 0.0005
