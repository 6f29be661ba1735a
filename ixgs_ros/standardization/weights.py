"""Weights of pixels in the least squares: the expected photons relative to air."""

from __future__ import annotations

import numpy as np

# The variance of -ln(N) is 1/N, so the weight is N; below a thousandth of air, electronic noise
# and scatter rule, and the floor keeps such a pixel from being mistaken for a masked one.
WEIGHT_FLOOR = 1e-3


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
