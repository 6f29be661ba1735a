"""How well a model foretells an image: the correlation of their structures.

What lies beyond the region is known badly but smooth in the image, and what is finer than the
model's own resolution it cannot know: so both images are cut down to a band of sizes in between.
Tracker jitter moves the whole image by a few pixels: so the best of some small shifts counts.
"""

from __future__ import annotations

import cv2
import numpy as np

# Standard deviations of the band's two blurs, and the longest shift along each axis, as shares of
# the image's width. At a magnification of 1.6, 1.5 mm and 0.5° of jitter are about 2 %.
FINE, COARSE, SHIFT = 0.02, 0.08, 0.024


def agreement(measured: np.ndarray, modelled: np.ndarray, used: np.ndarray) -> float:
    """Return the correlation of two images' structures, -1 to 1; NaN if one has none.

    Args:
        measured: (h, w) line integrals of the shot.
        modelled: (h, w) line integrals of the model at the shot's pose.
        used: (h, w) bool, which pixels of the shot count.
    """
    mask = used.astype(np.float32)
    one, other = structure(measured, mask), structure(modelled, mask)
    reach = max(1, round(SHIFT * measured.shape[1]))
    shifts = range(-reach, reach + 1)
    found = [_correlation(_overlap(one, dv, du), _overlap(other, -dv, -du),
                          _overlap(mask, dv, du)) for dv in shifts for du in shifts]
    return float(np.max(found))


def structure(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the band of sizes between the two blurs, each over the used pixels only."""
    fine, coarse = (_blurred(image, mask, share * image.shape[1]) for share in (FINE, COARSE))
    return fine - coarse


def _blurred(image: np.ndarray, mask: np.ndarray, sigma: float) -> np.ndarray:
    weight = _gaussian(mask, sigma)
    return _gaussian(image * mask, sigma) / np.maximum(weight, np.float32(1e-6))


def _gaussian(image: np.ndarray, sigma: float) -> np.ndarray:
    size = 2 * round(4.0 * sigma) + 1
    return cv2.GaussianBlur(image, (size, size), sigma, borderType=cv2.BORDER_REFLECT)


def _overlap(image: np.ndarray, dv: int, du: int) -> np.ndarray:
    """Return the part of an image that meets another one shifted by (dv, du) pixels."""
    height, width = image.shape
    return image[max(0, dv):height + min(0, dv), max(0, du):width + min(0, du)]


def _correlation(a: np.ndarray, b: np.ndarray, weights: np.ndarray) -> float:
    total = max(float(weights.sum()), 1.0)
    a = a - (weights * a).sum() / total
    b = b - (weights * b).sum() / total
    squares = float((weights * a * a).sum()) * float((weights * b * b).sum())
    return float((weights * a * b).sum()) / np.sqrt(squares) if squares > 0 else float('nan')
