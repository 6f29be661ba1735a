"""Gauss-Newton for one view: where was it really taken, as the body is known now.

Unknown are the ten numbers of a `Correction` and the exposure's two. The mode of the posterior
solves

    (t Jᵀ W J + P⁻¹) δ = t Jᵀ W r - P⁻¹ x

with the residual r, the weights W, the prior's covariance P, what is corrected already x, and the
trust t = 1 / (n σ²) in the residuals' variance σ² when n neighbouring pixels err together. A step
that does not lower the posterior is not taken.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ixgs_ros.geometry.view import View
from ixgs_ros.reconstruction.body import Body, halved, Projector
from ixgs_ros.reconstruction.correction import Correction, pose_covariance, UNKNOWNS
from ixgs_ros.reconstruction.exposure import LEAST_RESIDUAL, OFFSET_SD, SCALE_SD
from ixgs_ros.reconstruction.measurement import Measurement
from ixgs_ros.reconstruction.voxel_body import VoxelBody

# Pixels (at the resolution of the alignment) that err together while the model is not yet right.
CORRELATED_PIXELS = 60.0
# Steps of the differences: fractions of a pixel at the region's border.
TURN, SHIFT = 0.003, 0.0005   # rad, m


def warp_derivatives(image: np.ndarray, view: View, factor: int) -> np.ndarray:
    """Return an image's derivatives by K, which only warps it: minus its gradient times the flow.

    Args:
        image: (h, w).
        view: of the image.
        factor: pixels of the image over those that cx and cy are counted in.

    Returns:
        (4, h, w) by relative changes of fx and fy, and by shifts of cx and cy.
    """
    v, u = np.indices(image.shape, dtype=np.float64)
    _, _, cx, cy = view.intrinsics
    down, right = np.gradient(image.astype(np.float64))
    return np.stack([-right * (u - cx), -down * (v - cy), -right / factor, -down / factor])


def motion_derivatives(voxels: VoxelBody, m: Measurement, pivot: np.ndarray) -> np.ndarray:
    """Return an image's derivatives by turns of the body about a pivot and its shifts, (6, h, w).

    Differences of images: in a turn about the pivot, parallax is all there is, and a warp knows
    none.
    """
    numbers = m.correction.vector(pivot)
    image = voxels.render(m.view)
    columns = []
    for k, step in enumerate([TURN] * 3 + [SHIFT] * 3):
        changed = numbers.copy()
        changed[k] += step
        moved = m.moved(Correction.from_vector(changed, pivot))
        columns.append((voxels.render(moved.view) - image) / step)
    return np.stack(columns).astype(np.float64)


def align(projector: Projector, body: Body, voxels: VoxelBody, fine: Measurement,
          center: np.ndarray, offset: float, scale: float) -> Correction:
    """Return the correction of one view after one Gauss-Newton step, and how well it is known.

    The residual is that of the work's resolution, so that a fitted body asks for no step; it is
    averaged over 2 × 2 pixels, and the derivatives are of the image of half the resolution,
    through voxels: that is cheaper, and sees farther.

    Args:
        projector: renders.
        body: what the view shows; does not change.
        voxels: the same body, or as it was a few steps ago.
        fine: measurement of the view; does not change.
        center: (3,) of the region in the reference frame, metres: the pivot.
        offset: exposure offset of the view so far.
        scale: exposure scale of the view so far.
    """
    m = fine.coarser(2)
    used = m.weights > 0
    free = np.flatnonzero(np.diag(m.prior) > 0)
    if not len(free) or not used.any():
        return fine.correction
    w = m.weights[used].astype(np.float64)

    def residual_of(at: Measurement, image: np.ndarray, offset: float,
                    scale: float) -> np.ndarray:
        sums = halved(at.weights * (at.values - np.float32(offset) - np.float32(scale) * image))
        return sums[used] / (4.0 * w)

    pivot = m.shot.view.source_from_reference.apply(center)
    numbers = m.correction.vector(pivot)
    image = projector.render(body, fine)
    half = np.float32(0.25) * halved(image)
    columns = np.concatenate([motion_derivatives(voxels, m, pivot),
                              warp_derivatives(half, m.view, m.factor)])[free]
    jacobian = np.stack([*(scale * columns[:, used]), np.ones(len(w)), half[used]], axis=1)
    residual = residual_of(fine, image, offset, scale)
    trust = 1.0 / (CORRELATED_PIXELS * (float(np.mean(w * residual**2)) + LEAST_RESIDUAL**2))
    prior = inverse_prior(m.prior[np.ix_(free, free)])
    state = np.array([*numbers[free], 0.0 if np.isfinite(m.known_offset) else offset, scale - 1.0])
    weighted = trust * (jacobian * w[:, None]).T
    precision = weighted @ jacobian + prior
    step = np.linalg.solve(precision, weighted @ residual - prior @ state)
    covariance = np.zeros((UNKNOWNS, UNKNOWNS))
    covariance[np.ix_(free, free)] = np.linalg.inv(precision)[:-2, :-2]
    numbers[free] += step[:-2]
    found = Correction.from_vector(numbers, pivot)
    moved = fine.moved(found)
    left = residual_of(moved, projector.render(body, moved), offset + step[-2], scale + step[-1])

    def cost(residual: np.ndarray, state: np.ndarray) -> float:
        return float(trust * np.sum(w * residual**2) + state @ prior @ state)

    better = cost(left, state + step) < cost(residual, state)
    return replace(found if better else fine.correction,
                   pose_covariance=pose_covariance(covariance, m.shot.view, pivot))


def inverse_prior(covariance: np.ndarray) -> np.ndarray:
    """Return the inverse of the covariance of the free numbers and of the exposure's two."""
    count = len(covariance)
    precision = np.diag([0.0] * count + [1.0 / OFFSET_SD**2, 1.0 / SCALE_SD**2])
    precision[:count, :count] = np.linalg.inv(covariance)
    return precision
