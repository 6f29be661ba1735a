"""Which view is left out of the model, and what new starts without it say (`outliers`)."""

from __future__ import annotations

import numpy as np

from ixgs_ros.reconstruction import outliers
from ixgs_ros.reconstruction.accepted import Accepted
from ixgs_ros.reconstruction.solution import Solution
from ixgs_ros.reconstruction.starts import GROWTH, Starts
from ixgs_ros.reconstruction.work import Pieces
from ixgs_ros.volume.grid import Region


class Quarantine:
    """Tries models without a view that stands out.

    Args:
        starts: makes them.
        shots: what they are made from.
    """

    def __init__(self, starts: Starts, shots: Accepted) -> None:
        self._starts = starts
        self._shots = shots
        # How many views there were when a suspect shot was last tried, by its id.
        self._tried: dict[int, int] = {}

    def forget(self) -> None:
        """Let every view be tried again: the shots are others."""
        self._tried.clear()

    def suspect(self, solution: Solution) -> tuple[int, bool] | None:
        """Return the view that is to be tried, and whether its figures alone decide; or None.

        Whom new starts acquit is looked at again only when there are many more views. For a view
        that no start has seen the figures never decide: it may be right and stand out as far.
        """
        found = outliers.suspect(solution.misfits, solution.used)
        if found is None:
            return None
        view, clear = found
        before = self._tried.get(self._shots.shots[view].id, 0)
        if self._shots.views < GROWTH * before:
            return None
        return view, clear and view < solution.founded

    def without(self, solution: Solution, view: int, clear: bool) -> Pieces[Solution | None]:
        """Return a new start without a suspect view; None if it is to stay.

        Where its figures are not clear, two new starts are made, with and without it.
        """
        region, used = solution.region, solution.used.copy()
        others = used.copy()
        others[view] = False
        if not clear:
            self._tried[self._shots.shots[view].id] = self._shots.views
            with_it = yield from self._tried_with(region, used)
            without = yield from self._tried_with(region, others)
            if not outliers.better_without(with_it, without, others):
                return None
        fresh = yield from self._starts.of(region, others)
        yield from self._starts.catch_up(fresh)
        return fresh

    def _tried_with(self, region: Region, used: np.ndarray) -> Pieces[np.ndarray]:
        """Return the misfits (views, 2) that a start of few sweeps leaves."""
        return (yield from self._starts.of(region, used, trial=True)).misfits
