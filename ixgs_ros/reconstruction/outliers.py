"""Which views the model does not explain, as it is known by now: they are set aside.

A wrong view is averaged in: it spoils the body, and where the body can follow, its own residual
falls. It still stands out against the others' (a robust test, as they are few and a wrong one is
far off). Two figures of each view are compared: the residual, and its structure over the image's
own; the outside of a truncated body is smooth and shows in the first one only, and there from view
to view. A view's weight is 1 or 0: good views keep theirs, whatever their rank, and weights in
between would be lost, since the optimiser divides by the size of what it is given.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ixgs_ros.reconstruction.agreement import structure
from ixgs_ros.reconstruction.held_out import weighted_rms
from ixgs_ros.reconstruction.measurement import Measurement
from ixgs_ros.verdict import Code, Verdict

# A view stands out if one of its figures is more than so many times the used views' median ...
RATIOS = np.array([3.0, 1.8])
# ... and farther from it than so many of their deviations (1.4826 median absolute deviations).
DEVIATIONS = 4.0
# A view that is set aside is used again once it is this much closer, as a share of the logarithm.
RETURN = 0.8
# A wrong view makes the right ones differ as well, so nothing may stand out clearly. From this
# share on, a trial decides: coarse voxels with and without the view. Without a right view they
# leave the others' residuals as they are.
SUSPECT = 0.6
RELIEF = 0.95
# Exponent of the photons by which residuals are compared (the default of refine.weight_power): the
# weights by which views are fitted follow the residuals where the body is truncated, and views
# through thick parts would stand out by them.
TRUST = 0.7
# Structure is compared where pixels weigh more than this (the mean is 1): along metal hardly a
# photon comes, and a view that looks along a screw would stand out by it.
LEAST_WEIGHT = 0.03
# With fewer views there is no telling which of them is wrong.
LEAST_VIEWS = 6
# No more than this share of all views is set aside.
MOST_ASIDE = 1.0 / 3.0


def misfit(m: Measurement, residual: np.ndarray) -> np.ndarray:
    """Return the two figures of a view, (2,).

    Args:
        m: its measurement.
        residual: (h, w) measured minus model, line integrals.

    Returns:
        The weighted RMS of the residual; the RMS of its structure over that of the image's.
    """
    mask = (m.weights + m.held_out > LEAST_WEIGHT).astype(np.float32)
    own = weighted_rms(structure(m.values, mask), mask)
    left = weighted_rms(structure(residual, mask), mask)
    return np.array([photon_residual(m, residual), left / own if own > 0 else np.nan])


def photon_residual(m: Measurement, residual: np.ndarray) -> float:
    """Return the RMS of a view's residual (h, w), weighted by its photons."""
    trust = np.where(m.weights > 0, m.photons ** np.float32(TRUST), 0)
    return weighted_rms(residual, trust)


@dataclass(frozen=True, eq=False)
class Standing:
    """How each view stands out from those used.

    Args:
        far: (views,) the logarithm of a figure over its median, as a share of that of ``RATIOS``;
            the larger of the two figures'. Above 1: too far.
        clear: (views,) bool, whether that is beyond the used views' own spread too.
    """

    far: np.ndarray
    clear: np.ndarray


def standing(misfits: np.ndarray, used: np.ndarray) -> Standing:
    """Compare the figures (views, 2) of all views with those of the used ones, (views,) bool."""
    logs = np.log(np.maximum(misfits, 1e-9))
    middle = np.nanmedian(logs[used], axis=0)
    spread = 1.4826 * np.nanmedian(np.abs(logs[used] - middle), axis=0)
    far = (logs - middle) / np.log(RATIOS)
    clear = (far > 1) & (logs - middle > DEVIATIONS * spread)
    return Standing(np.nanmax(far, axis=1), clear.any(axis=1))


def returning(misfits: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Return which of the views that are set aside the model explains now, (views,) bool."""
    return ~used & (standing(misfits, used).far < RETURN)


def suspect(misfits: np.ndarray, used: np.ndarray) -> tuple[int, bool] | None:
    """Return the used view that stands out most, and whether that alone decides; or None.

    One view at a time, for without it the others may look better, or worse.
    """
    if used.sum() < LEAST_VIEWS or (~used).sum() + 1 > MOST_ASIDE * len(used):
        return None
    found = standing(misfits, used)
    worst = int(np.argmax(np.where(used, found.far, -np.inf)))
    if not found.far[worst] > SUSPECT:
        return None
    return worst, bool(found.clear[worst])


def better_without(with_it: np.ndarray, without: np.ndarray, others: np.ndarray) -> bool:
    """Return whether the others' residuals fall as only a wrong view lets them.

    Args:
        with_it: (views,) that voxels from all used views leave.
        without: the same of voxels without the suspect.
        others: (views,) bool, the used views without the suspect.
    """
    change = np.log(without[others] / with_it[others])
    return bool(np.mean(change) < np.log(RELIEF))


def quarantine(misfits: np.ndarray, used: np.ndarray, view: int) -> Verdict:
    """Return the verdict on a view that is set aside, with its figures against the others'."""
    whole, fine = misfits[view]
    usual_whole, usual_fine = np.nanmedian(misfits[used], axis=0)
    return Verdict(Code.QUARANTINED, 'the model does not explain the image: residual '
                   f'{whole:.3f} (median of the others: {usual_whole:.3f}), structure left '
                   f'{100 * fine:.0f} % (the others: {100 * usual_fine:.0f} %), expected at most '
                   f'{RATIOS[0]:g} and {RATIOS[1]:g} times theirs; it waits until the model '
                   'explains it, and moves nothing')
