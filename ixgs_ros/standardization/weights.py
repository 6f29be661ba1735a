"""Weights of pixels in the least squares: the expected photons relative to air."""

from __future__ import annotations

import numpy as np

# The variance of -ln(N) is 1/N, so the weight is N. A large abdomen seen from the side has line
# integrals up to 10; beyond that a pixel counts a few photons at most, and electronic noise rules.
WEIGHT_FLOOR = 2e-5


def photon_weights(line_integrals: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Return ``clip(exp(-y), floor, 1)``, and 0 where masked.

    Args:
        line_integrals: (H, W), no unit.
        usable: (H, W) bool, false = masked.

    Returns:
        (H, W) float32 in [0, 1].
    """
    expected = np.clip(np.exp(-np.asarray(line_integrals, dtype=np.float32)), WEIGHT_FLOOR, 1.0)
    return np.where(usable, expected, 0.0).astype(np.float32)
