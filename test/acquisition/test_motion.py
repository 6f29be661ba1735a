"""Speeds from tracked poses: motion is found, noise is not taken for it."""

from __future__ import annotations

import numpy as np
import pytest

from ixgs_ros.acquisition.motion import estimate_motion
from ixgs_ros.geometry import RigidTransform

STAMPS = [1_700_000_000_000_000_000 + 20_000_000 * i for i in range(7)]
TIMES = 0.02 * np.arange(7)


def poses(velocity: np.ndarray, spin: np.ndarray, noise: float = 0.0, turn_noise: float = 0.0,
          seed: int = 0) -> list[RigidTransform]:
    rng = np.random.default_rng(seed)
    start = RigidTransform.from_rotation_vector(np.array([0.3, -1.0, 2.0]), np.ones(3))
    return [RigidTransform.from_rotation_vector(spin * t + turn_noise * rng.normal(size=3),
                                                velocity * t + noise * rng.normal(size=3)) @ start
            for t in TIMES]


def test_constant_motion_is_measured_exactly() -> None:
    velocity = np.array([0.03, -0.04, 0.12])
    motion = estimate_motion(STAMPS, poses(velocity, np.zeros(3)))
    assert motion is not None
    assert motion.speed == pytest.approx(0.13, abs=1e-6)
    assert motion.angular_speed == pytest.approx(0, abs=1e-6)
    spin = np.array([0.0, 0.6, -0.8])
    motion = estimate_motion(STAMPS, poses(np.zeros(3), spin))
    assert motion is not None and motion.angular_speed == pytest.approx(1.0, abs=1e-3)


def test_white_tracker_noise_is_not_motion() -> None:
    """1.5 mm and 0.5° from sample to sample would be 50 mm/s for two samples' difference."""
    still, turn = np.zeros(3), np.deg2rad(0.5)
    found = [estimate_motion(STAMPS, poses(still, still, 1.5e-3, turn, seed))
             for seed in range(200)]
    assert sum(m is not None and (m.speed > 0.1 or m.angular_speed > 0.2) for m in found) == 0


def test_motion_is_found_through_the_noise() -> None:
    velocity = np.array([0.3, 0.0, 0.0])
    found = [estimate_motion(STAMPS, poses(velocity, np.zeros(3), 1.5e-3, 0.0, seed))
             for seed in range(50)]
    assert all(m is not None and m.speed > 0.1 for m in found)


def test_a_tremor_of_the_hand_is_not_motion() -> None:
    """8 Hz, 0.3 mm: 15 mm/s at its fastest."""
    for phase in np.linspace(0, 2 * np.pi, 12):
        shaken = [RigidTransform(np.eye(3), np.array([3e-4 * np.sin(50 * t + phase), 0, 0.6]))
                  for t in TIMES]
        motion = estimate_motion(STAMPS, shaken)
        assert motion is not None and motion.speed < 0.05


def test_too_few_poses_say_nothing() -> None:
    assert estimate_motion(STAMPS[:4], poses(np.ones(3), np.zeros(3))[:4]) is None
