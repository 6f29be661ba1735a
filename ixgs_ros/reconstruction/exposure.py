"""Two numbers of each view in closed form: ``y = scale · A + offset``.

A wrong exposure multiplies the intensity and so shifts the line integrals by ``offset =
-ln(gain)``; beam quality and hardening scale them. Both have priors, and where no air is visible a
common offset of all views cannot be told from a thicker body, so the mean offset is 0 and the mean
scale 1 (the gauge).
"""

from __future__ import annotations

import numpy as np

from ixgs_ros.reconstruction.body import Body, Projector
from ixgs_ros.reconstruction.measurement import Measurement
from ixgs_ros.reconstruction.work import Pieces

OFFSET_SD = 0.1
SCALE_SD = 0.03
# Residuals of a model that is not yet right are smooth: so many pixels err together.
CORRELATED_PIXELS = 1000.0
# A perfect fit of perfect data still leaves what binning and footprints do: keeps the solve
# regular.
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
    """Offset and scale of all views, in the gauge.

    Args:
        known_offsets: (views,) float64, NaN where the offset is to be fitted.
    """

    def __init__(self, known_offsets: np.ndarray) -> None:
        self.known = np.asarray(known_offsets, dtype=np.float64)
        self.offsets = np.where(np.isnan(self.known), 0.0, self.known)
        self.scales = np.ones(len(self.known))

    def append(self, m: Measurement, image: np.ndarray) -> None:
        """Add a view, fitted to the body's image (h, w) of it; the others stay as they are."""
        offset, scale = fit_exposure(m.values, image, m.weights, m.known_offset)
        self.known = np.append(self.known, m.known_offset)
        self.offsets = np.append(self.offsets, offset)
        self.scales = np.append(self.scales, scale)

    def forget(self, view: int) -> None:
        """Take a view out; the others stay as they are."""
        self.known = np.delete(self.known, view)
        self.offsets = np.delete(self.offsets, view)
        self.scales = np.delete(self.scales, view)

    def fit(self, projector: Projector, body: Body, measurements: list[Measurement],
            used: np.ndarray) -> Pieces[list[np.ndarray]]:
        """Fit all views to one state of the body, apply the gauge, and return the body's images.

        Nothing changes before the last piece.

        Together and not one view a step: fitted while the body moves, exposures follow it with a
        delay, and both drift away. The gauge is that of the views in ``used``, (views,) bool.
        """
        images = yield from projector.render_all(body, measurements)
        for k, (m, image) in enumerate(zip(measurements, images, strict=True)):
            self.offsets[k], self.scales[k] = fit_exposure(m.values, image, m.weights,
                                                           self.known[k])
        if np.isnan(self.known).all():
            self.offsets -= self.offsets[used].mean()
        self.scales += 1.0 - self.scales[used].mean()
        return images

    def residual(self, k: int, m: Measurement, image: np.ndarray) -> np.ndarray:
        """Return measured minus model of view ``k``, (h, w) float32."""
        return m.values - np.float32(self.offsets[k]) - np.float32(self.scales[k]) * image
