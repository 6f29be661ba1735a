"""Gauss-Newton for one view: where was it really taken, as the body is known now.

Unknown are the ten numbers of a `Correction` and the exposure's two. The image is linear in the
latter; its derivatives by the former are differences of rendered images, at steps a fraction of
their prior deviation. The mode of the posterior solves

    (t Jᵀ W J + P⁻¹) δ = t Jᵀ W r - P⁻¹ x

with the residual r, the weights W, the prior's covariance P, what is corrected already x, and the
trust t = 1 / (n σ²) in the residuals' variance σ² when n neighbouring pixels err together. A step
that does not lower the posterior is not taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ixgs_ros.reconstruction.body import Body, Projector
from ixgs_ros.reconstruction.correction import Correction, UNKNOWNS
from ixgs_ros.reconstruction.exposure import LEAST_RESIDUAL, OFFSET_SD, SCALE_SD
from ixgs_ros.reconstruction.measurement import Measurement

# Pixels (at the resolution of the work) that err together while the model is not yet right.
CORRELATED_PIXELS = 60.0
# Steps of the differences over the prior's deviation.
STEP = 0.5


@dataclass(frozen=True, eq=False)
class Alignment:
    """The result for one view.

    Args:
        correction: of the reported view.
        covariance: (10, 10) of its numbers about the pivot.
    """

    correction: Correction
    covariance: np.ndarray


def align(projector: Projector, body: Body, m: Measurement, center: np.ndarray,
          offset: float, scale: float) -> Alignment:
    """Take one Gauss-Newton step of one view.

    Args:
        projector: renders.
        body: what the view shows; does not change.
        m: the view's measurement; does not change.
        center: (3,) of the region in the reference frame, metres: the pivot.
        offset: exposure offset of the view so far.
        scale: exposure scale of the view so far.
    """
    pivot = m.shot.view.source_from_reference.apply(center)
    free = np.flatnonzero(np.diag(m.prior) > 0)
    before = m.correction.vector(pivot)
    if not len(free):
        return Alignment(m.correction, np.zeros((UNKNOWNS, UNKNOWNS)))
    prior = m.prior[np.ix_(free, free)]
    precision = np.zeros((len(free) + 2, len(free) + 2))
    precision[:-2, :-2] = np.linalg.inv(prior)
    precision[-2, -2], precision[-1, -1] = 1.0 / OFFSET_SD**2, 1.0 / SCALE_SD**2

    def image_at(numbers: np.ndarray) -> np.ndarray:
        return projector.render(body, m.moved(Correction.from_vector(numbers, pivot)))

    image = projector.render(body, m)
    steps = STEP * np.sqrt(np.diag(prior))
    columns = []
    for k, step in zip(free, steps, strict=True):
        numbers = before.copy()
        numbers[k] += step
        columns.append(scale * (image_at(numbers) - image) / step)
    columns += [np.ones_like(image), image]
    used = m.weights > 0
    jacobian = np.stack([c[used] for c in columns], axis=1).astype(np.float64)
    w = m.weights[used].astype(np.float64)
    residual = (m.values - offset - scale * image)[used].astype(np.float64)
    trust = 1.0 / (CORRELATED_PIXELS * (float(np.mean(w * residual**2)) + LEAST_RESIDUAL**2))
    state = np.concatenate([before[free], [offset if np.isnan(m.known_offset) else 0.0,
                                           scale - 1.0]])
    weighted = trust * (jacobian * w[:, None]).T
    hessian = weighted @ jacobian + precision
    step = np.linalg.solve(hessian, weighted @ residual - precision @ state)
    covariance = np.zeros((UNKNOWNS, UNKNOWNS))
    covariance[np.ix_(free, free)] = np.linalg.inv(hessian)[:-2, :-2]

    def cost(left: np.ndarray, at: np.ndarray) -> float:
        return float(trust * np.sum(w * left**2) + at @ precision @ at)

    after = before.copy()
    after[free] += step[:-2]
    left = (m.values - (offset + step[-2]) - (scale + step[-1]) * image_at(after))[used]
    if cost(left, state + step) < cost(residual, state):
        return Alignment(Correction.from_vector(after, pivot), covariance)
    return Alignment(m.correction, covariance)
