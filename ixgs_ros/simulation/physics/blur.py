"""Blur of about a pixel: focal spot, motion, panel. All keep the sum of the light."""

from __future__ import annotations

import cv2
import numpy as np

FWHM_OF_SIGMA = 2.3548     # full width at half maximum of a Gaussian
SAMPLED_SIGMA = 1.2        # pixels, from which on a sampled Gaussian is right
MAX_PASS_VARIANCE = 0.5    # pixels², of three taps that are nowhere negative


def small_blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Return the image (H, W) blurred by a standard deviation of some pixels, exactly.

    A Gaussian sampled at pixels is wrong for fractions of a pixel. Three taps ``a, 1 - 2a, a``
    have the variance 2a; passes add up, and many make a Gaussian.
    """
    if sigma > SAMPLED_SIGMA:
        return cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    passes = int(np.ceil(sigma ** 2 / MAX_PASS_VARIANCE))
    for _ in range(passes):
        image = _three_taps(image, 0.5 * sigma ** 2 / passes)
    return image


def panel_blur(image: np.ndarray, mtf: float) -> np.ndarray:
    """Return the image (H, W) with this modulation left at the Nyquist frequency of each axis.

    Three taps ``a, 1 - 2a, a`` transfer ``1 - 2a (1 - cos 2 pi f)``, so ``1 - 4a`` at f = 1/2.
    """
    return _three_taps(image, 0.25 * (1.0 - mtf)) if mtf < 1.0 else image


def _three_taps(image: np.ndarray, side: float) -> np.ndarray:
    taps = np.array([side, 1.0 - 2.0 * side, side], dtype=np.float32)
    return cv2.sepFilter2D(image, cv2.CV_32F, taps, taps, borderType=cv2.BORDER_REPLICATE)


def motion_blur(image: np.ndarray, length: float, angle: float) -> np.ndarray:
    """Return the image (H, W) moved evenly along a line during the exposure.

    Args:
        image: (H, W) intensity.
        length: of the line, pixels.
        angle: of the line, radians from x towards y.
    """
    if length <= 0.0:
        return image
    return cv2.filter2D(image, cv2.CV_32F, line_kernel(length, angle),
                        borderType=cv2.BORDER_REPLICATE)


def line_kernel(length: float, angle: float) -> np.ndarray:
    """Return a line as a kernel (n, n) float32 of sum 1, its points shared among the pixels."""
    reach = int(np.ceil(0.5 * length)) + 1
    along = np.linspace(-0.5, 0.5, 8 * reach + 1) * length
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), dtype=np.float64)
    x, y = reach + along * np.cos(angle), reach + along * np.sin(angle)
    column, row = x.astype(int), y.astype(int)
    right, down = x - column, y - row
    for i, j, share in ((0, 0, (1 - down) * (1 - right)), (0, 1, (1 - down) * right),
                        (1, 0, down * (1 - right)), (1, 1, down * right)):
        np.add.at(kernel, (row + i, column + j), share)
    return (kernel / kernel.sum()).astype(np.float32)
