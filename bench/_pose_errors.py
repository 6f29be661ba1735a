"""How far corrected poses are from the true ones, and how far their covariances say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ixgs_ros.geometry.view import View
from ixgs_ros.reconstruction.correction import Correction, motion_covariance, without_common_motion


@dataclass(frozen=True)
class PoseErrors:
    """RMS over the views, per axis: metres across the rays, radians, and as the covariances say.

    ``ratio`` is the mean of eᵀC⁻¹e / 6 over the views, with the error e of a pose's six numbers
    and their covariance C: 1 where the covariances are right, more where they promise too much.
    """

    displaced: float
    displaced_said: float
    turned: float
    turned_said: float
    ratio: float


def pose_errors(corrections: list[Correction], reported: list[View], true: list[View],
                center: np.ndarray) -> PoseErrors:
    """Compare corrected views with the true ones, but for a motion that all have in common.

    Args:
        corrections: of the reported views.
        reported: as the tracker has them.
        true: as the shots were taken.
        center: (3,) of the region in the reference frame, metres.
    """
    fitted = [correction.apply(view) for correction, view in
              zip(corrections, reported, strict=True)]
    off = [Correction(truth.source_from_reference @ view.reference_from_source)
           for truth, view in zip(true, fitted, strict=True)]
    own = without_common_motion(off, fitted, center)
    pivots = [view.source_from_reference.apply(center) for view in fitted]
    errors = np.stack([correction.vector(pivot)[:6] for correction, pivot in
                       zip(own, pivots, strict=True)])
    said = np.stack([motion_covariance(view, correction.pose_covariance, pivot)
                     for view, correction, pivot in zip(fitted, corrections, pivots, strict=True)])
    variances = np.diagonal(said, axis1=1, axis2=2)
    known = said.any(axis=(1, 2))
    ratios = [error @ np.linalg.solve(covariance, error) / 6 for error, covariance in
              zip(errors[known], said[known], strict=True)]
    lateral, turns = slice(3, 5), slice(0, 3)
    return PoseErrors(*(float(np.sqrt(np.mean(part))) for part in (
        errors[:, lateral]**2, variances[:, lateral], errors[:, turns]**2, variances[:, turns])),
        float(np.mean(ratios)) if ratios else float('nan'))
