"""What the network sees of an image: its own pixel size, masked, with high-pass copies.

Every image is resampled to the same focal length in pixels, that is to the same angle a pixel:
what is known of a view without the distance to the detector. High-pass copies are channels of
their own, each divided by its own strength around a pixel: they hold the edges of bone whatever
lies above them, whatever the exposure was and however much scatter takes of their contrast. What
they are worth was measured (docs/standardization-network.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ixgs_ros.standardization.network.config import NetworkConfig
from ixgs_ros.standardization.network.smoothing import smoothed

# Deviations of the Gaussians that the high-pass copies are the difference from, px of the network
# where a row has 128 of them; the strength of a copy is its root mean square over a Gaussian
# this many times as wide, and this much more, lest noise be taken for detail.
HIGH_PASSES = (1.5, 6.0, 20.0)
REFERENCE_FOCAL = 435.0
WIDER, NOISE = 3.0, 0.01
# The line integral is divided by this, to be about one as the other channels are.
SCALE = 4.0
CHANNELS = 3 + len(HIGH_PASSES)


@dataclass(frozen=True, eq=False)
class Scaled:
    """An image at the network's pixel size.

    Args:
        line_integrals: (h, w) float32, 0 where masked.
        mask: (h, w) bool.
    """

    line_integrals: np.ndarray
    mask: np.ndarray


def masked_resize(image: np.ndarray, mask: np.ndarray, shape: tuple[int, int]
                  ) -> tuple[np.ndarray, np.ndarray]:
    """Resample an image, taking nothing from masked pixels.

    Args:
        image: (H, W).
        mask: (H, W) bool, usable pixels.
        shape: rows and columns wanted.

    Returns:
        The image (h, w) float32, 0 where it is masked, and its mask: at least half usable.
    """
    way = cv2.INTER_AREA if shape[0] < image.shape[0] else cv2.INTER_LINEAR
    weights = mask.astype(np.float32)
    size = (shape[1], shape[0])
    total = cv2.resize(np.where(mask, image, 0.0).astype(np.float32), size, interpolation=way)
    share = cv2.resize(weights, size, interpolation=way)
    usable = share >= 0.5
    return np.where(usable, total / np.maximum(share, 0.5), 0.0).astype(np.float32), usable


def scaled_shape(shape: tuple[int, int], focal: float, config: NetworkConfig) -> tuple[int, int]:
    """Return rows and columns of an image of ``focal`` (px) at the network's pixel size."""
    factor = config.focal / focal
    return max(1, round(shape[0] * factor)), max(1, round(shape[1] * factor))


def scale_to_network(line_integrals: np.ndarray, mask: np.ndarray, focal: float,
                     config: NetworkConfig) -> Scaled:
    """Return line integrals (H, W) with their mask (H, W) bool at the network's pixel size."""
    return Scaled(*masked_resize(line_integrals, mask,
                                 scaled_shape(line_integrals.shape, focal, config)))


def channels_of(scaled: Scaled, config: NetworkConfig) -> np.ndarray:
    """Return the network's input, (CHANNELS, h, w) float32, all 0 where masked.

    The channels: the line integral against the image's median, which an unknown exposure leaves
    alone; the line integral itself, divided by SCALE; high-pass copies; the mask.
    """
    image, mask = scaled.line_integrals, scaled.mask
    center = np.median(image[mask]) if mask.any() else np.float32(0.0)
    weights = mask.astype(np.float32)
    found = [image - center, image / SCALE]
    for deviation in HIGH_PASSES:
        sigma = deviation * config.focal / REFERENCE_FOCAL
        high = (image - _local_mean(image, weights, sigma)) * weights
        power = _local_mean(high * high, weights, WIDER * sigma)
        found.append(high / np.sqrt(power + NOISE ** 2))
    return np.stack([*(channel * weights for channel in found), weights]).astype(np.float32)


def _local_mean(image: np.ndarray, weights: np.ndarray, sigma: float) -> np.ndarray:
    """Return the mean over a Gaussian around each pixel; ``image`` is 0 where weights are."""
    return smoothed(image, sigma) / np.maximum(smoothed(weights, sigma), np.float32(1e-3))


def padded(scaled: Scaled, multiple: int) -> Scaled:
    """Return the image with masked pixels added below and right, to a multiple of pixels."""
    height, width = scaled.mask.shape
    pad = ((0, -height % multiple), (0, -width % multiple))
    return Scaled(np.pad(scaled.line_integrals, pad), np.pad(scaled.mask, pad))
