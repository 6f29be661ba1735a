"""Whether what was said of a shot still holds, or the shot has to be reported again.

While a model is refined every number moves a little; what is reported again is what a reader would
act on. The bounds are small beside what the numbers themselves are worth.
"""

from __future__ import annotations

import numpy as np

from ixgs_ros.reconstruction.fit import ShotFit

# A pose moved: 0.1 mm is a twelfth of a voxel as published by default, and what 0.01° makes over
# the half metre or so from the focal spot to the patient. Fitted poses are not known so well.
MOVED = 1e-4                    # metres, of the focal spot
TURNED = float(np.deg2rad(0.01))
# The exposure: 1 % of the intensity, and of the line integrals.
EXPOSURE = 0.01
# The residual and the deviations of the pose: a tenth of what was said; they are estimates.
SHARE = 0.1


def is_news(said: ShotFit, now: ShotFit) -> bool:
    """Return whether a shot's fit is no longer what was said of it.

    Args:
        said: as it was reported last.
        now: as it is.
    """
    if said.verdict.code is not now.verdict.code:
        return True
    # What stays in quarantine moves nothing.
    return not now.aside and (_has_moved(said, now) or _differs(
        np.array([said.exposure_offset, said.scale]), np.array([now.exposure_offset, now.scale]),
        EXPOSURE) or _differs(_estimates(said), _estimates(now), SHARE * _estimates(said)))


def _has_moved(said: ShotFit, now: ShotFit) -> bool:
    before, after = said.pose_correction.inverse(), now.pose_correction.inverse()
    return before.distance_to(after) > MOVED or before.angle_to(after) > TURNED


def _estimates(fit: ShotFit) -> np.ndarray:
    """Return the residual and the six deviations of the pose, (7,); zero and NaN: not known."""
    return np.array([fit.residual, *np.sqrt(np.diag(fit.pose_covariance))])


def _differs(said: np.ndarray, now: np.ndarray, tolerance: float | np.ndarray) -> bool:
    """Return whether a number went further than its tolerance, or was not known before."""
    same = (np.abs(now - said) <= tolerance) | (np.isnan(said) & np.isnan(now))
    return not bool(same.all())
