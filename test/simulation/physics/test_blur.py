"""Blur: sums, widths, transfer."""

import numpy as np
import pytest

from ixgs_ros.simulation.physics.blur import (
    line_kernel,
    motion_blur,
    panel_blur,
    small_blur,
)


def point(size=41):
    image = np.zeros((size, size), dtype=np.float32)
    image[size // 2, size // 2] = 1.0
    return image


def variances(image):
    axis = np.arange(len(image)) - len(image) // 2
    return [float((image.sum(axis=across) * axis ** 2).sum()) for across in (0, 1)]


@pytest.mark.parametrize('sigma', [0.2, 0.6, 1.1, 3.0])
def test_small_blur_has_the_width_and_keeps_the_light(sigma):
    image = small_blur(point(), sigma)
    assert image.sum() == pytest.approx(1.0, rel=1e-4)
    assert image.min() >= 0.0
    assert variances(image) == pytest.approx([sigma ** 2] * 2, rel=0.02)


def test_no_blur_changes_nothing():
    assert np.array_equal(small_blur(point(), 0.0), point())
    assert np.array_equal(panel_blur(point(), 1.0), point())
    assert np.array_equal(motion_blur(point(), 0.0, 1.0), point())


@pytest.mark.parametrize('mtf', [0.1, 0.5, 0.9])
def test_panel_transfers_as_said_at_nyquist(mtf):
    stripes = np.tile(np.array([1.0, -1.0], dtype=np.float32), (64, 32))
    assert panel_blur(stripes, mtf)[32, 32] == pytest.approx(mtf, rel=1e-4)
    assert panel_blur(np.ones((8, 8), np.float32), mtf) == pytest.approx(1.0)


@pytest.mark.parametrize('angle', [0.0, 0.5, np.pi / 2])
def test_motion_is_a_line(angle):
    length = 6.0
    kernel = line_kernel(length, angle)
    axis = np.arange(len(kernel)) - len(kernel) // 2
    y, x = np.meshgrid(axis, axis, indexing='ij')
    forward = x * np.cos(angle) + y * np.sin(angle)
    across = y * np.cos(angle) - x * np.sin(angle)
    assert kernel.sum() == pytest.approx(1.0, rel=1e-5)
    assert (kernel * forward).sum() == pytest.approx(0.0, abs=1e-5)
    assert (kernel * forward ** 2).sum() == pytest.approx(length ** 2 / 12, rel=0.12)
    assert (kernel * across ** 2).sum() < 0.3
