"""Gaussians by cosines are those by taps, whatever the image and its mirrored borders."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ixgs_ros.standardization.network.smoothing import smoothed, WIDE_SIGMA


@pytest.mark.parametrize('shape', [(96, 96), (33, 20), (200, 64), (2, 3), (1, 9), (1, 1)])
@pytest.mark.parametrize('sigma', [1.1, WIDE_SIGMA, 15.0, 45.0])
def test_it_is_the_gaussian_of_the_mirrored_image(shape, sigma):
    image = np.random.default_rng(0).uniform(0.0, 9.0, shape).astype(np.float32)
    taps = cv2.GaussianBlur(image.astype(np.float64), (0, 0), sigma,
                            borderType=cv2.BORDER_REFLECT_101)
    found = smoothed(image, sigma)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, taps, atol=2e-4)


def test_an_even_image_stays_as_it_is():
    np.testing.assert_allclose(smoothed(np.ones((40, 50), np.float32), 12.0), 1.0, atol=1e-6)


def test_far_from_a_bright_point_nothing_is_left_nor_made():
    image = np.zeros((200, 200), np.float32)
    image[20, 20] = 100.0
    assert np.abs(smoothed(image, 10.0)[120:, 120:]).max() < 1e-5
