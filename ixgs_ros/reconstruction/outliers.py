"""Which views the model does not explain, as it is known by now: they are set aside.

A wrong view is averaged in: it spoils the body, and where the body can follow, its own residual
falls. It still stands out against the others' (a robust test, as they are few and a wrong one is
far off). Two figures of each view are compared: the residual, and its structure over the image's
own; the outside of a truncated body is smooth and shows in the first one only, and there from view
to view. A view's weight is 1 or 0: good views keep theirs, whatever their rank, and weights in
between would be lost, since the optimiser divides by the size of what it is given.
"""

from __future__ import annotations

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
    mask = (m.weights + m.held_out > 0).astype(np.float32)
    own = weighted_rms(structure(m.values, mask), mask)
    left = weighted_rms(structure(residual, mask), mask)
    return np.array([weighted_rms(residual, m.weights), left / own if own > 0 else np.nan])


def excess(misfits: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Return how far each view stands out from those used: above 1, too far; below 0, not at all.

    Args:
        misfits: (views, 2).
        used: (views,) bool.
    """
    logs = np.log(np.maximum(misfits, 1e-9))
    middle = np.nanmedian(logs[used], axis=0)
    spread = 1.4826 * np.nanmedian(np.abs(logs[used] - middle), axis=0)
    return np.nanmax((logs - middle) / np.maximum(np.log(RATIOS), DEVIATIONS * spread), axis=1)


def judged(misfits: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Return which views are to be used, (views,) bool.

    One view at a time is set aside, the one that stands out most: without it the others may look
    better, or worse.

    Args:
        misfits: (views, 2) of all views with the body as it is.
        used: (views,) bool, so far.
    """
    found = excess(misfits, used)
    result = used | (found < RETURN)
    worst = int(np.argmax(np.where(used, found, -np.inf)))
    most = int(MOST_ASIDE * len(used))
    if found[worst] > 1 and used.sum() >= LEAST_VIEWS and (~result).sum() < most:
        result[worst] = False
    return result


def quarantine(misfits: np.ndarray, used: np.ndarray, view: int) -> Verdict:
    """Return the verdict on a view that is set aside, with its figures against the others'."""
    whole, fine = misfits[view]
    usual_whole, usual_fine = np.nanmedian(misfits[used], axis=0)
    return Verdict(Code.QUARANTINED, 'the model does not explain the image: residual '
                   f'{whole:.3f} (median of the others: {usual_whole:.3f}), structure left '
                   f'{100 * fine:.0f} % (the others: {100 * usual_fine:.0f} %), expected at most '
                   f'{RATIOS[0]:g} and {RATIOS[1]:g} times theirs; it waits until the model '
                   'explains it, and moves nothing')
