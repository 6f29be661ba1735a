"""What the reconstruction says of one shot and of its progress."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.reconstruction.correction import Correction
from ixgs_ros.verdict import Verdict


@dataclass
class ShotFit:
    """How one accepted shot is explained.

    Args:
        id: of the shot.
        verdict: ACCEPTED, ACCEPTED_CORRECTED or QUARANTINED: set aside, but compared still.
        residual: weighted RMS of measured minus model, line integrals; NaN before the first fit.
        exposure_offset: added to the model's line integrals.
        scale: multiplies them.
        agreement: correlation of the image's structure with what the model foretold when the
            shot came; NaN if there was no model yet.
        correction: of the reported pose and K.
        aside: whether it is quarantined.
    """

    id: int
    verdict: Verdict
    residual: float = float('nan')
    exposure_offset: float = 0.0
    scale: float = 1.0
    agreement: float = float('nan')
    correction: Correction = field(default_factory=Correction)
    aside: bool = False

    @property
    def pose_correction(self) -> RigidTransform:
        """``corrected source from reported source``."""
        return self.correction.motion

    @property
    def pose_covariance(self) -> np.ndarray:
        """(6, 6) of the corrected pose as `Shot` has it.

        Zero where the pose is taken as reported; NaN where it was moved and nothing tells how well
        it is known, as one said to be exact by what others have in common.
        """
        known = self.correction.pose_covariance
        moved = self.correction_distance > 0 or self.correction_angle > 0
        return np.full((6, 6), np.nan) if moved and not known.any() else known

    @property
    def correction_distance(self) -> float:
        """Length of the pose correction's translation, metres."""
        return float(np.linalg.norm(self.pose_correction.translation))

    @property
    def correction_angle(self) -> float:
        """Angle of the pose correction, radians."""
        return RigidTransform().angle_to(self.pose_correction)


@dataclass(frozen=True)
class Progress:
    """What a call of ``refine`` did.

    Args:
        steps: done by this call.
        total_steps: since the reset.
        held_out_residual: weighted RMS over pixels never fitted, line-integral units.
        converged: whether they have stopped improving.
    """

    steps: int
    total_steps: int
    held_out_residual: float
    converged: bool
