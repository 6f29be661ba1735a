"""What a reported view is off by, and what is known of that beforehand.

A correction is ten small numbers: the body's motion in the source frame about a pivot (a rotation
vector in radians, a translation in metres; about the region's centre they hardly trade against
each other), and the changes of fx, fy (relative) and cx, cy (pixels of the shot).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from scipy.spatial.transform import Rotation

from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.geometry.view import View
from ixgs_ros.reconstruction.config import PoseConfig

UNKNOWNS = 10
# Least deviation of a tracker's rotations, radians, and positions, metres.
LEAST_SD = 1e-6


def cross_matrix(vector: np.ndarray) -> np.ndarray:
    """Return the (3, 3) matrix of ``vector × ·``."""
    x, y, z = vector
    return np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])


@dataclass(frozen=True, eq=False)
class Correction:
    """From the view as reported to the view as fitted.

    Args:
        motion: ``corrected source from reported source``: what the pose has to be multiplied by.
        intrinsics: (4,) relative changes of fx and fy, changes of cx and cy in the shot's pixels.
        pose_covariance: (6, 6) of the corrected pose as `Shot` has it, as of when it was fitted
            last; zero where it never was.
    """

    motion: RigidTransform = field(default_factory=RigidTransform)
    intrinsics: np.ndarray = field(default_factory=lambda: np.zeros(4))
    pose_covariance: np.ndarray = field(default_factory=lambda: np.zeros((6, 6)))

    @staticmethod
    def from_vector(vector: np.ndarray, pivot: np.ndarray) -> Correction:
        """Make a correction from its ten numbers.

        Args:
            vector: (10,), see the module's text.
            pivot: (3,) in the reported source frame, metres.
        """
        rotation = Rotation.from_rotvec(vector[:3]).as_matrix()
        return Correction(RigidTransform(rotation, pivot - rotation @ pivot + vector[3:6]),
                          np.array(vector[6:]))

    def vector(self, pivot: np.ndarray) -> np.ndarray:
        """Return the ten numbers about a pivot: the inverse of :meth:`from_vector`."""
        turn = Rotation.from_matrix(self.motion.rotation).as_rotvec()
        return np.concatenate([turn, self.motion.apply(pivot) - pivot, self.intrinsics])

    def apply(self, view: View) -> View:
        """Return the corrected view of a reported one, at the shot's own resolution."""
        k = view.k.copy()
        k[0, 0] *= 1.0 + self.intrinsics[0]
        k[1, 1] *= 1.0 + self.intrinsics[1]
        k[:2, 2] += self.intrinsics[2:]
        return View(k, view.reference_from_source @ self.motion.inverse(), view.height, view.width)


def prior_covariance(view: View, pose_covariance: np.ndarray, pivot: np.ndarray,
                     config: PoseConfig) -> np.ndarray:
    """Return the prior covariance (10, 10) of a correction's numbers.

    Args:
        view: as reported.
        pose_covariance: (6, 6) of the source's pose as `Shot` has it; all zero where the tracker
            says nothing: then the configured deviations about the pivot hold.
        pivot: (3,) in the source frame, metres.
        config: deviations where nothing else is known.

    """
    covariance = np.zeros((UNKNOWNS, UNKNOWNS))
    if np.any(pose_covariance):
        covariance[:6, :6] = motion_covariance(view, pose_covariance, pivot)
        # A tracker may know some directions only, which then no inverse would know.
        covariance[:6, :6] += LEAST_SD**2 * np.eye(6)
    else:
        variances = [config.rotation_sd**2] * 3 + [config.position_sd**2] * 3
        covariance[:6, :6] = np.diag(variances) / 3.0
    covariance[6:, 6:] = np.diag([config.focal_sd**2] * 2 + [config.principal_sd**2] * 2)
    return covariance


def motion_covariance(view: View, pose_covariance: np.ndarray, pivot: np.ndarray) -> np.ndarray:
    """Return the covariance (6, 6) of the body's motion in the source frame, rotation first.

    The source's pose errs by δp and δθ in the reference; in the source frame the body then moves
    by ω = -Rᵀδθ about the source and by -Rᵀδp, which about the pivot c is τ = -Rᵀδp + ω × c.

    Args:
        view: of the source.
        pose_covariance: (6, 6) of its pose as `Shot` has it.
        pivot: (3,) in the source frame, metres.
    """
    rotation = view.reference_from_source.rotation
    jacobian = np.zeros((6, 6))
    jacobian[:3, 3:] = jacobian[3:, :3] = -rotation.T
    jacobian[3:, 3:] = cross_matrix(pivot) @ rotation.T
    return jacobian @ pose_covariance @ jacobian.T


def pose_covariance(covariance: np.ndarray, view: View, pivot: np.ndarray) -> np.ndarray:
    """Return the covariance (6, 6) of a source's pose, as `Shot` has it, from (10, 10) numbers.

    The inverse of :func:`motion_covariance`: δθ = -R ω, δp = -R (τ - ω × c).
    """
    rotation = view.reference_from_source.rotation
    jacobian = np.zeros((6, 6))
    jacobian[3:, :3] = jacobian[:3, 3:] = -rotation
    jacobian[:3, :3] = -rotation @ cross_matrix(pivot)
    return jacobian @ covariance[:6, :6] @ jacobian.T


def without_common_motion(corrections: list[Correction], views: list[View],
                          point: np.ndarray) -> list[Correction]:
    """Return the corrections less what they have in common: the gauge.

    A motion of all views together moves the body and changes no image, so the reports' mean
    stands; nor does it when all sources recede in proportion and the body grows (with so much
    less density), so their mean distance stands as well.

    Args:
        corrections: of all views.
        views: as reported.
        point: (3,) in the reference frame, metres; what is turned about, and grows from.
    """
    pivots = [view.source_from_reference.apply(point) for view in views]
    rotations = [view.reference_from_source.rotation for view in views]
    vectors = [c.vector(pivot) for c, pivot in zip(corrections, pivots, strict=True)]
    turn = np.mean([r @ v[:3] for r, v in zip(rotations, vectors, strict=True)], axis=0)
    # By what a common shift (3) and growth (1) move each view's body; least squares over all.
    design = np.concatenate([np.column_stack([r.T, p])
                             for r, p in zip(rotations, pivots, strict=True)])
    shifts = np.concatenate([v[3:6] for v in vectors])
    common_shifts = (design @ np.linalg.lstsq(design, shifts)[0]).reshape(-1, 3)
    kept = [Correction.from_vector(v - np.concatenate([r.T @ turn, shift, np.zeros(4)]), pivot)
            for v, r, shift, pivot in zip(vectors, rotations, common_shifts, pivots, strict=True)]
    return [replace(left, pose_covariance=c.pose_covariance)
            for left, c in zip(kept, corrections, strict=True)]
