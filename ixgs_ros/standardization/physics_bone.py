"""Bone without learning: what physics and image processing alone make of a shot.

The baseline that a trained network has to beat. Scatter is taken off as if the body were even;
soft tissue is what is left where everything narrower than half the image is levelled down (a
morphological opening of the line integrals); bone is a share of the rest. What the constants
reach, and how they were fitted, stands in docs/standardization-training.md.
"""

from __future__ import annotations

import cv2
import numpy as np

WORKING_SIZE = 64      # pixels across, at most, on which scatter and soft tissue are estimated
SCATTER = 0.3          # over primary behind 20 cm of water (line integral 4), a common value
SCATTER_WIDTH = 0.14   # standard deviation over the image's smaller side
LEAST_PRIMARY = 0.15   # of the intensity is never taken for scatter
OPENING = 0.48         # width of the levelling over the image's smaller side
SMOOTHING = 0.12       # standard deviation of the levelled image, likewise
GAIN = 0.3             # of the rest is bone: the best of a grid on training shots, as is the next
MOST = 0.8             # no bone beyond this line integral
FAR = np.float32(1e3)  # beyond any line integral


def physics_bone(line_integrals: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the estimate of the bone's line integrals, (H, W) float32; 0 outside the mask.

    Args:
        line_integrals: (H, W), no unit, of the whole body; finite.
        mask: (H, W) bool: the pixels that measure.

    Raises:
        ValueError: the shapes differ.
    """
    if line_integrals.shape != mask.shape or mask.ndim != 2:
        raise ValueError(f'expected line integrals and a mask of one shape (H, W), got '
                         f'{line_integrals.shape} and {mask.shape}')
    if not mask.any():
        return np.zeros(mask.shape, dtype=np.float32)
    y = np.where(mask, line_integrals, 0).astype(np.float32)
    coarse, weight = _reduced(y, mask)
    scatter = scattered_intensity(coarse, weight)
    tissue = soft_tissue(without_scatter(coarse, scatter), weight)
    rest = without_scatter(y, _enlarged(scatter, mask.shape)) - _enlarged(tissue, mask.shape)
    bone = np.float32(GAIN) * rest
    return np.where(mask, np.clip(bone, 0, np.float32(MOST)), 0).astype(np.float32)


def without_scatter(y: np.ndarray, scatter: np.ndarray) -> np.ndarray:
    """Return line integrals of the primary alone; both (H, W), scatter as a share of air."""
    intensity = np.exp(-y)
    return -np.log(np.maximum(intensity - scatter, np.float32(LEAST_PRIMARY) * intensity))


def scattered_intensity(y: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the scatter (H, W), a share of air: intensity times line integral, spread widely."""
    sent = weight * np.exp(-y) * np.maximum(y, 0)
    return np.float32(SCATTER / 4.0) * cv2.GaussianBlur(
        sent, (0, 0), SCATTER_WIDTH * min(y.shape), borderType=cv2.BORDER_CONSTANT)


def soft_tissue(y: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the line integrals (H, W) with all that is narrower than half the image levelled.

    Args:
        y: (H, W).
        weight: (H, W) in [0, 1], the share of a pixel that measures.
    """
    known = weight > 0.5
    width = round(OPENING * min(y.shape)) | 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    lower = cv2.erode(np.where(known, y, FAR), disc)
    level = cv2.dilate(np.where(known & (lower < FAR), lower, -FAR), disc)
    level = np.where(known, np.minimum(level, y), 0)
    sigma = SMOOTHING * min(y.shape)
    total = cv2.GaussianBlur(known.astype(np.float32), (0, 0), sigma)
    return cv2.GaussianBlur(level, (0, 0), sigma) / np.maximum(total, np.float32(1e-4))


def _reduced(y: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return means over blocks of the pixels that measure, and their share; 0 without any."""
    factor = -(-max(y.shape) // WORKING_SIZE)
    size = (-(-y.shape[1] // factor), -(-y.shape[0] // factor))
    weight = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    total = cv2.resize(y, size, interpolation=cv2.INTER_AREA)
    return np.divide(total, weight, out=np.zeros_like(total), where=weight > 1e-3), weight


def _enlarged(coarse: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_LINEAR)
