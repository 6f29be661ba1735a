"""Two numbers of each view in closed form: ``y = scale · A + offset``.

A wrong exposure multiplies the intensity and so shifts the line integrals by ``offset = -ln(gain)``; beam
quality and hardening scale them. Both have priors, and where no air is visible a common offset of
all views cannot be told from a thicker body, so the mean offset is 0 and the mean scale 1 (the gauge).
"""

from __future__ import annotations

import numpy as np

OFFSET_SD = 0.1
SCALE_SD = 0.03
# Residuals of a model that is not yet converged are smooth: so many pixels err together.
CORRELATED_PIXELS = 20.0
# A perfect fit of perfect data still leaves what binning and footprints do: keeps the solve regular.
LEAST_RESIDUAL = 1e-3


def fit_exposure(values: np.ndarray, model: np.ndarray, weights: np.ndarray,
                 known_offset: float = float('nan')) -> tuple[float, float]:
    """Return offset and scale of one view, the posterior mode under Gaussian priors.

    Args:
        values: (h, w) measured line integrals.
        model: (h, w) line integrals of the model.
        weights: (h, w), 0 where not to be used.
        known_offset: the offset if it is known, else NaN.

    Returns:
        The offset (no unit, prior 0 ± 0.1) and the scale (prior 1 ± 0.03).
    """
    w = weights.astype(np.float64)
    a = model.astype(np.float64)
    total = w.sum()
    if total == 0:
        return (0.0 if np.isnan(known_offset) else known_offset), 1.0
    error = values - a
    offset = known_offset
    mean = (w * error).sum() / total if np.isnan(offset) else offset
    variance = (w * (error - mean) ** 2).sum() / total + LEAST_RESIDUAL**2
    trust = 1.0 / (CORRELATED_PIXELS * variance)
    # Unknowns: the offset and the scale's excess over 1.
    one, first, second = trust * total, trust * (w * a).sum(), trust * (w * a * a).sum()
    right0, right1 = trust * (w * error).sum(), trust * (w * a * error).sum()
    second += 1.0 / SCALE_SD**2
    if not np.isnan(offset):
        return offset, 1.0 + float((right1 - first * offset) / second)
    one += 1.0 / OFFSET_SD**2
    determinant = one * second - first * first
    return (float((right0 * second - right1 * first) / determinant),
            1.0 + float((one * right1 - first * right0) / determinant))


class Exposures:
    """Offset and scale of all views.

    Args:
        known_offsets: (views,) float64, NaN where the offset is to be fitted.
    """

    def __init__(self, known_offsets: np.ndarray) -> None:
        self.known = np.asarray(known_offsets, dtype=np.float64)
        self.raw_offsets = np.where(np.isnan(self.known), 0.0, self.known)
        self.raw_scales = np.ones(len(self.known))

    def append(self, known_offset: float) -> None:
        """Add a view that has not been fitted."""
        fresh = np.isnan(known_offset)
        self.known = np.append(self.known, known_offset)
        self.raw_offsets = np.append(self.raw_offsets,
                                     self._common_offset() if fresh else known_offset)
        self.raw_scales = np.append(self.raw_scales, self._common_scale())

    def fit(self, k: int, values: np.ndarray, model: np.ndarray,
            weights: np.ndarray) -> tuple[float, float]:
        """Fit view ``k``, see :func:`fit_exposure`; return its offset and scale in the gauge.

        The gauge is applied to what is returned, so that an error common to all views drives the
        model and not the exposures.
        """
        self.raw_offsets[k], self.raw_scales[k] = fit_exposure(values, model, weights,
                                                               self.known[k])
        return float(self.offsets[k]), float(self.scales[k])

    @property
    def offsets(self) -> np.ndarray:
        """The offsets in the gauge, (views,) float64: of mean 0 unless one is known."""
        return self.raw_offsets - self._common_offset()

    @property
    def scales(self) -> np.ndarray:
        """The scales in the gauge, (views,) float64: of mean 1."""
        return self.raw_scales - self._common_scale() + 1.0

    def _common_offset(self) -> float:
        free = np.isnan(self.known)
        return float(self.raw_offsets.mean()) if len(free) and free.all() else 0.0

    def _common_scale(self) -> float:
        return float(self.raw_scales.mean()) if len(self.raw_scales) else 1.0
