"""What neighbouring residuals have in common: what a body leaves, and no noise."""

import numpy as np
import pytest

from ixgs_ros.gaussians.model import GaussianModel
from ixgs_ros.reconstruction.body import Body, Projector
from ixgs_ros.reconstruction.config import RefineConfig
from ixgs_ros.reconstruction.refinement import LITTLE, LONGEST, Refiner, shared
from ixgs_ros.volume.grid import Region

ROWS, COLUMNS = np.mgrid[:200, :200]
ONES = np.ones((200, 200), np.float32)
NOISE = np.random.default_rng(0).normal(0, 0.05, (200, 200)).astype(np.float32)
WAVE = (0.02 * np.sqrt(2) * np.sin(COLUMNS / 8)).astype(np.float32)


def test_noise_is_not_shared():
    assert shared(NOISE, ONES) < 0.1 * 0.05


def test_what_a_body_leaves_is_found_through_noise():
    assert shared(WAVE, ONES) == pytest.approx(0.02, rel=0.02)
    assert shared(WAVE + NOISE, ONES) == pytest.approx(0.02, rel=0.1)


def test_pixels_without_weight_say_nothing():
    weights = ONES.copy()
    weights[:, 100:] = 0
    assert shared(np.where(weights > 0, WAVE, 9.0), weights) == pytest.approx(0.02, rel=0.05)
    assert shared(WAVE, 0 * ONES) == 0.0


@pytest.mark.parametrize('beyond', [0, 1])
def test_steps_grow_with_what_is_shared_within_limits_and_only_of_bodies_within_the_field(beyond):
    body = Body(GaussianModel.empty(1), GaussianModel.empty(beyond))
    refiner = Refiner(Projector(), body, Region(np.zeros(3), np.full(3, 0.1)), RefineConfig())
    times = [refiner._boldness(WAVE * (level / 0.02), ONES)
             for level in (0.5 * LITTLE, 1.5 * LITTLE, 9.0 * LITTLE)]
    assert times == pytest.approx([1.0, 1.0, 1.0] if beyond else [1.0, 1.5, LONGEST], rel=0.02)
