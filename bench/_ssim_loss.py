"""The structural similarity of two images with its gradient, in closed form."""

from __future__ import annotations

import cv2
import numpy as np

WINDOW, SIGMA = 11, 1.5
C1, C2 = 0.01**2, 0.03**2


def ssim_and_gradient(x: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the mean SSIM of two images of range 1, and its derivative by the first.

    Wang et al. (IEEE Trans. Image Process. 13(4), 2004): Gaussian window of 11² pixels, σ = 1.5;
    zero beyond the border, so that the window is its own transpose.

    Args:
        x: (H, W) float32.
        y: (H, W) float32.
    """
    mean_x, mean_y = _blur(x), _blur(y)
    a1, b1 = 2 * mean_x * mean_y + C1, mean_x**2 + mean_y**2 + C1
    a2 = 2 * (_blur(x * y) - mean_x * mean_y) + C2
    b2 = _blur(x * x) + _blur(y * y) - mean_x**2 - mean_y**2 + C2
    ssim, below = a1 * a2 / (b1 * b2), b1 * b2
    by_mean = 2 * mean_y * (a2 - a1) / below - 2 * ssim * mean_x * (1 / b1 - 1 / b2)
    by_square, by_product = -ssim / b2, 2 * a1 / below
    gradient = _blur(by_mean) + 2 * x * _blur(by_square) + y * _blur(by_product)
    return float(ssim.mean()), (gradient / x.size).astype(np.float32)


def _blur(image: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(image, (WINDOW, WINDOW), SIGMA, borderType=cv2.BORDER_CONSTANT)
