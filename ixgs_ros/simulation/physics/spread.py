"""Light that goes astray: scatter in the body, glare in the panel."""

from __future__ import annotations

import cv2
import numpy as np

WATER_OF_20_CM = 4.0       # line integral that the strength of scatter refers to
THICK = 8.0                # line integral from which on all scatter is broad
BROAD = 2.2                # broad over narrow standard deviation
COARSE_SIGMA = 2.5         # pixels that a standard deviation spans at least on the coarse image


def scattered(primary: np.ndarray, strength: float, sigma: float) -> np.ndarray:
    """Return the scatter (H, W) float32 that the panel sees.

    What leaves a ray's place is ``strength / 4`` of primary times line integral (single scatter
    grows with both), spread by a Gaussian; thick bodies scatter more than once and so spread it
    wider (the thickness-adaptive kernels of Sun & Star-Lack, Phys. Med. Biol. 55, 2010,
    simplified to two). Nothing comes from beyond the image: there is no beam.

    Args:
        primary: (H, W), share of air; what the collimator lets pass.
        strength: scatter over primary behind 20 cm of water in an unbounded field.
        sigma: pixels, of the narrow kernel.
    """
    thickness = -np.log(np.clip(primary, 1e-6, 1.0))
    sent = np.float32(strength / WATER_OF_20_CM) * primary * thickness
    broad = sent * np.minimum(thickness / np.float32(THICK), 1)
    return wide_blur(sent - broad, sigma) + wide_blur(broad, BROAD * sigma)


def with_glare(light: np.ndarray, share: float, sigma: float) -> np.ndarray:
    """Return the light (H, W) with a share of it spread widely (Seibert et al., 1984)."""
    return (1 - np.float32(share)) * light + np.float32(share) * wide_blur(light, sigma)


def wide_blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Return the image (H, W) under a Gaussian of many pixels; dark beyond the border.

    Done on block means, as nothing finer than the kernel is left.
    """
    height, width = image.shape
    factor = max(1, int(sigma / COARSE_SIGMA))
    rows, columns = -(-height // factor), -(-width // factor)
    padded = cv2.copyMakeBorder(image, 0, rows * factor - height, 0, columns * factor - width,
                                cv2.BORDER_CONSTANT, value=0)
    coarse = cv2.resize(padded, (columns, rows), interpolation=cv2.INTER_AREA)
    coarse = cv2.GaussianBlur(coarse, (0, 0), sigma / factor, borderType=cv2.BORDER_CONSTANT)
    fine = cv2.resize(coarse, (columns * factor, rows * factor), interpolation=cv2.INTER_LINEAR)
    return fine[:height, :width]
