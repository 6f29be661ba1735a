"""Gaussians of an image that mirrors itself at its borders, at a cost that falls with their width.

The mirror is that of ``cv2.BORDER_REFLECT_101``: such an image is a sum of cosines (the discrete
cosine transform of type I), and a Gaussian multiplies each of them. A wide one leaves only the
first few, which two small matrix products find and put together again.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

# Pixels, from which on the few cosines are quicker than the taps.
WIDE_SIGMA = 8.0
# A cosine of which less than this is left is left out: what is smooth must not become negative by
# more than single precision's rounding.
LEAST_LEFT = 1e-7


def smoothed(image: np.ndarray, sigma: float) -> np.ndarray:
    """Return the image (H, W) float32 under a Gaussian of ``sigma`` pixels."""
    if sigma < WIDE_SIGMA or 1 in image.shape:
        return cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
    (find_rows, rows), (find_columns, columns) = (_cosines(length, sigma)
                                                  for length in image.shape)
    return rows @ (find_rows @ image @ find_columns.T) @ columns.T


@lru_cache(256)
def _cosines(length: int, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Return what finds the share of each cosine in a line, (n, length) float32, and its inverse.

    The inverse (length, n) weakens each cosine as the Gaussian does.
    """
    steps = max(length - 1, 1)
    highest = np.sqrt(-2.0 * np.log(LEAST_LEFT)) / sigma * steps / np.pi
    orders = np.arange(min(length, int(highest) + 1))
    left = np.exp(-0.5 * (sigma * np.pi * orders / steps) ** 2)
    cosines = np.cos(np.pi / steps * np.outer(orders, np.arange(length)))
    # The first and the last pixel, and the cosines of lowest and highest order, count half.
    ends = np.where(np.arange(length) % steps == 0, 0.5, 1.0)
    again = 2.0 / steps * (cosines * (ends[orders] * left)[:, None]).T
    return (cosines * ends).astype(np.float32), np.ascontiguousarray(again, dtype=np.float32)
