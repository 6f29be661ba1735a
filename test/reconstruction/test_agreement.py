"""The agreement of two images: blind to exposure, scale, slow gradients and small shifts."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from ixgs_ros.reconstruction.agreement import agreement

SIZE = 96
USED = np.ones((SIZE, SIZE), dtype=bool)


def image(seed):
    """Structure of a few pixels, as ribs and vertebrae make it."""
    noise = np.random.default_rng(seed).normal(size=(SIZE, SIZE))
    return (10 * gaussian_filter(noise, 3)).astype(np.float32)


def test_an_image_agrees_with_itself_and_not_with_another_or_its_negative():
    assert agreement(image(0), image(0), USED) == pytest.approx(1, abs=1e-6)
    assert abs(agreement(image(0), image(1), USED)) < 0.5
    assert agreement(image(0), -image(0), USED) < 0.5


def test_exposure_scale_slow_gradients_and_small_shifts_do_not_matter():
    slow = np.linspace(-3, 3, SIZE, dtype=np.float32)[:, np.newaxis]
    assert agreement(1.1 * image(0) + 0.3 + slow, image(0), USED) > 0.95
    assert agreement(np.roll(image(0), (2, -1), (0, 1)), image(0), USED) > 0.95
    assert agreement(np.roll(image(0), (12, 0), (0, 1)), image(0), USED) < 0.6


def test_unused_pixels_do_not_matter():
    spoilt, used = image(0), USED.copy()
    spoilt[20:40, 30:70], used[20:40, 30:70] = 50.0, False
    assert agreement(spoilt, image(0), used) > 0.95


def test_without_structure_there_is_no_agreement():
    flat = np.full((SIZE, SIZE), 2.0, np.float32)
    assert np.isnan(agreement(flat, np.zeros_like(flat), USED))
