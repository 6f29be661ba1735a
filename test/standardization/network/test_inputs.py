"""What the network sees: no masked pixel, the same angle a pixel, no exposure in most channels."""

from __future__ import annotations

import cv2
import numpy as np

from ixgs_ros.standardization.network import inputs
from ixgs_ros.standardization.network.config import NetworkConfig
from ixgs_ros.standardization.network.inputs import (
    channels_of,
    masked_resize,
    padded,
    scale_to_network,
    Scaled,
)

CONFIG = NetworkConfig(focal=100.0)


def smooth_image(size, seed=0):
    rng = np.random.default_rng(seed)
    return 2.0 + cv2.GaussianBlur(rng.normal(0.0, 8.0, (size, size)), (0, 0), size / 16)


def test_masked_pixels_do_not_matter():
    image = smooth_image(40).astype(np.float32)
    mask = np.ones(image.shape, dtype=bool)
    mask[5:9, 20:30] = False
    spoilt = np.where(mask, image, 1e4).astype(np.float32)
    first, second = (channels_of(scale_to_network(array, mask, 200.0, CONFIG), CONFIG)
                     for array in (image, spoilt))
    np.testing.assert_array_equal(first, second)
    assert np.abs(first[:, ~(first[-1] > 0)]).max() == 0.0


def test_a_mean_over_usable_pixels_is_a_mean():
    mask = np.array([[True, False], [True, True]])
    small, usable = masked_resize(np.array([[3.0, 9.0], [4.0, 5.0]]), mask, (1, 1))
    assert usable.all()
    np.testing.assert_allclose(small, 4.0, rtol=1e-6)


def test_an_exposure_moves_only_the_plain_channel():
    image = Scaled(smooth_image(48).astype(np.float32), np.ones((48, 48), dtype=bool))
    brighter = Scaled(image.line_integrals + np.float32(0.3), image.mask)
    change = channels_of(brighter, CONFIG) - channels_of(image, CONFIG)
    np.testing.assert_allclose(change[1], 0.3 / 4.0, atol=1e-6)
    np.testing.assert_allclose(np.delete(change, 1, axis=0), 0.0, atol=1e-4)


def test_the_same_scene_with_twice_the_pixels_looks_the_same():
    large = smooth_image(96)
    small = cv2.resize(large, (48, 48), interpolation=cv2.INTER_AREA)
    masks = [np.ones(array.shape, dtype=bool) for array in (large, small)]
    seen = [scale_to_network(array, mask, focal, CONFIG).line_integrals
            for array, mask, focal in zip((large, small), masks, (400.0, 200.0), strict=True)]
    assert seen[0].shape == seen[1].shape == (24, 24)
    np.testing.assert_allclose(seen[0], seen[1], atol=1e-4)


def test_padding_is_masked():
    image = padded(Scaled(np.ones((20, 33), np.float32), np.ones((20, 33), bool)), 16)
    assert image.mask.shape == (32, 48)
    assert image.mask.sum() == image.line_integrals.sum() == 20 * 33


def test_the_high_pass_copies_are_those_of_gaussians_by_taps(monkeypatch):
    """Within 1 % of their strength beside an edge of 2, far less on average.

    OpenCV's taps end at four deviations, which is what the difference is; it grows with the edge.
    """
    rng = np.random.default_rng(2)
    image = smooth_image(96) + rng.normal(0.0, 0.05, (96, 96))
    image[30:34, 20:70] += 2.0
    mask = np.hypot(*(np.mgrid[:96, :96] - 45.0)) < 52.0
    scaled = Scaled(np.where(mask, image, 0.0).astype(np.float32), mask)
    config = NetworkConfig(focal=326.0)
    found = channels_of(scaled, config)
    monkeypatch.setattr(inputs, 'smoothed', lambda array, sigma: cv2.GaussianBlur(
        array, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101))
    by_taps = channels_of(scaled, config)
    assert found[2:5].std() > 0.3
    assert np.abs(found - by_taps).max() < 0.01
    assert np.abs(found - by_taps).mean() < 1e-3
