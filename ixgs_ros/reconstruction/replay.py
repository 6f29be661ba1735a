"""Which view a step fits: the new one, and enough old ones that nothing is forgotten.

Every X-ray view sees the whole field, so fitting the new view alone forgets everywhere at once (2
dB). The choice is a pure function of the step's number: no state to save, the same after a resume.
"""

from __future__ import annotations

import numpy as np

# One step in five goes to the new view, so each visit of it is paired with four old ones.
PERIOD = 5
# Visits to the new view in excess of its share.
NEW_VISITS = 10


def view_of_step(step: int, views: int, newest: int | None, seed: tuple[int, ...]) -> int:
    """Return the index of the view to fit.

    Args:
        step: number of the step since the shots last changed, from 0.
        views: number of views, at least 1.
        newest: index of the view that came last, None if the last change brought none.
        seed: of the order; give it the revision too, so that each change has its own.
    """
    if newest is None or views <= PERIOD:
        return _permuted(step, views, seed)
    if step < PERIOD * NEW_VISITS:
        if step % PERIOD == 0:
            return newest
        old = _permuted(step - step // PERIOD - 1, views - 1, seed)
        return old + (old >= newest)
    return _permuted(step - PERIOD * NEW_VISITS, views, (*seed, 1))


def _permuted(index: int, views: int, seed: tuple[int, ...]) -> int:
    """Return element ``index`` of an endless row of random permutations of ``range(views)``."""
    epoch, place = divmod(index, views)
    return int(np.random.default_rng((*seed, epoch)).permutation(views)[place])
