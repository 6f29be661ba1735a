"""The panel: automatic exposure, noise, and what its calibration leaves."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

MEASURING_FIELD = 0.35     # radius of the automatic exposure's field, over half the smaller side


@dataclass(frozen=True, eq=False)
class Signal:
    """What the panel delivers.

    Args:
        counts: (H, W) float32, 1 = one detected photon; may be negative.
        saturated: (H, W) bool.
        defective: (H, W) bool.
    """

    counts: np.ndarray
    saturated: np.ndarray
    defective: np.ndarray


def measured_mean(light: np.ndarray) -> float:
    """Return the mean of the light (H, W) in the field of the automatic exposure."""
    height, width = light.shape
    reach = max(1, round(0.5 * MEASURING_FIELD * min(height, width)))
    rows, columns = height // 2, width // 2
    return float(light[rows - reach:rows + reach, columns - reach:columns + reach].mean())


def normal(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Return standard normal numbers (H, W) float32.

    OpenCV draws them, five times as fast as numpy; ``rng`` seeds it (it keeps a state a thread).
    """
    cv2.setRNGSeed(int(rng.integers(2 ** 31)))
    return cv2.randn(np.empty(shape, dtype=np.float32), 0.0, 1.0)


def quantum_noise(photons: np.ndarray, swank: float, rng: np.random.Generator) -> np.ndarray:
    """Return the photons (H, W) that are detected.

    Poisson noise in its normal limit, wider by the scintillator's uneven gain: the variance is
    ``photons / swank`` (Swank, J. Appl. Phys. 44, 1973).
    """
    noise = normal(photons.shape, rng)
    noise *= np.sqrt(photons * np.float32(1.0 / swank))
    noise += photons
    return noise


def electronic_noise(counts: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Return the counts (H, W) with white noise that does not depend on them.

    Args:
        counts: (H, W).
        sigma: standard deviation in a pixel, counts.
        rng: draws the noise.
    """
    return counts + np.float32(sigma) * normal(counts.shape, rng)


def calibration_residual(counts: np.ndarray, gain: float, line: float, offset: float,
                         rng: np.random.Generator) -> np.ndarray:
    """Return the counts (H, W) under the errors that the panel's calibration leaves.

    Args:
        counts: (H, W).
        gain: relative error from pixel to pixel, standard deviation.
        line: relative error from column to column, standard deviation.
        offset: counts.
        rng: draws the errors.
    """
    factor = normal(counts.shape, rng)
    factor *= np.float32(gain)
    factor += 1 + np.float32(line) * rng.standard_normal(counts.shape[1], dtype=np.float32)
    factor *= counts
    factor += np.float32(offset)
    return factor


def draw_defects(shape: tuple[int, int], pixels: float, lines: float,
                 rng: np.random.Generator) -> np.ndarray:
    """Return which pixels (H, W) are defective.

    Args:
        shape: (H, W).
        pixels: share of single pixels.
        lines: rows and columns, rounded.
        rng: draws the places.
    """
    defective = np.zeros(shape, dtype=bool)
    count = rng.poisson(pixels * defective.size)
    defective.ravel()[rng.integers(defective.size, size=count)] = True
    for _ in range(round(lines)):
        axis = int(rng.integers(2))
        index = int(rng.integers(shape[axis]))
        defective[(index,) if axis == 0 else (slice(None), index)] = True
    return defective


def saturate(counts: np.ndarray, limit: float, defective: np.ndarray,
             rng: np.random.Generator) -> Signal:
    """Return the counts clipped at ``limit``; defective pixels are dead, or rarely stuck."""
    saturated = counts >= limit
    clipped = np.minimum(counts, np.float32(limit))
    where = np.flatnonzero(defective)
    clipped.ravel()[where] = np.where(rng.uniform(size=len(where)) < 0.8, 0.0, limit)
    return Signal(clipped, saturated, defective)
