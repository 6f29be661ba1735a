"""Hounsfield units to linear attenuation and back."""

from __future__ import annotations

import numpy as np

# At the effective energy of a C-arm's beam (about 65 keV) water attenuates 20 per metre; the
# project's scale for rmse_hu and psnr_db (docs/contracts.md) rests on the same number.
WATER_PER_M = 20.0


def attenuation(hu: np.ndarray) -> np.ndarray:
    """Return the attenuation in 1/m, float32, of Hounsfield units: ``20 (1 + HU / 1000)``, ≥ 0."""
    per_m = np.multiply(hu, np.float32(WATER_PER_M / 1000.0), dtype=np.float32)
    per_m += np.float32(WATER_PER_M)
    return np.maximum(per_m, np.float32(0.0), out=per_m)


def hounsfield(per_m: np.ndarray) -> np.ndarray:
    """Return Hounsfield units, float32, of an attenuation in 1/m."""
    return (np.asarray(per_m, dtype=np.float32) / np.float32(WATER_PER_M) - 1.0) * 1000.0
