"""Weights from the residuals: what the photons say, and what the model cannot.

A pixel of which a share t of the photons arrives has a line integral of variance ~ 1 / t. Where
the body reaches beyond the region, the shell leaves far more than that, and about as much in
bright pixels as in dark ones; weights by photons alone would then throw away the thick parts. So
the variance of a residual is taken as ``model + photon / t``, and the two are read off the
residuals themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
import dataclasses
from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls

from ixgs_ros.reconstruction.measurement import Measurement, normalized

# The residuals' mean squares are compared in so many classes of equal size, from bright to dark.
CLASSES = 12
# Of all pixels so many are looked at, about.
SAMPLES = 4096
# Below this share of the photons of air a pixel says nothing.
LEAST_PHOTONS = 1e-4
# A perfect fit still leaves rounding: keeps the relative errors finite.
LEAST_VARIANCE = 1e-8


class Noise(NamedTuple):
    """The two parts of a residual's variance; line integrals have no unit.

    Args:
        model: the same for all pixels.
        photon: of a pixel in air.
    """

    model: float
    photon: float


def noise_of(measurements: Sequence[Measurement], residuals: Sequence[np.ndarray]) -> Noise:
    """Return the noise that explains residuals best, in relative terms, neither part negative.

    Args:
        measurements: of at least one view.
        residuals: (h, w) measured minus model of each, line integrals.
    """
    used = [np.flatnonzero(m.weights) for m in measurements]
    every = max(1, sum(map(len, used)) // SAMPLES)
    used = [where[::every] for where in used]
    squares = np.concatenate([residual.ravel()[where].astype(np.float64) ** 2
                              for residual, where in zip(residuals, used, strict=True)])
    per_photon = np.concatenate([1.0 / np.maximum(m.photons.ravel()[where], LEAST_PHOTONS)
                                 for m, where in zip(measurements, used, strict=True)])
    classes = np.array_split(np.argsort(per_photon, kind='stable'), CLASSES)
    found = np.array([squares[c].mean() if len(c) else 0.0 for c in classes]) + LEAST_VARIANCE
    photons = np.array([per_photon[c].mean() if len(c) else 1.0 for c in classes])
    parts, _ = nnls(np.stack([1.0 / found, photons / found], axis=1), np.ones(CLASSES))
    return Noise(float(parts[0]), float(parts[1]))


def weighted(m: Measurement, noise: Noise) -> Measurement:
    """Return a measurement whose fitted pixels have the weights of a noise; mean 1."""
    variance = noise.model + noise.photon / np.maximum(m.photons, LEAST_PHOTONS)
    weights = np.where(m.weights > 0, 1.0 / np.maximum(variance, LEAST_VARIANCE), 0.0)
    return dataclasses.replace(m, weights=normalized(weights))
