"""Which view is left out of the model, and what a trial without it says (`outliers`, `trial`)."""

from __future__ import annotations

import numpy as np

from ixgs_ros.reconstruction import outliers, trial
from ixgs_ros.reconstruction.accepted import Accepted
from ixgs_ros.reconstruction.config import ReconstructionConfig
from ixgs_ros.reconstruction.solution import Solution
from ixgs_ros.reconstruction.starts import GROWTH, Starts
from ixgs_ros.reconstruction.work import Pieces


class Quarantine:
    """Tries models without a view that stands out.

    Args:
        starts: makes them.
        shots: what they are made from.
        config: all settings.
    """

    def __init__(self, starts: Starts, shots: Accepted, config: ReconstructionConfig) -> None:
        self._starts = starts
        self._shots = shots
        self._config = config
        # How many views there were when a suspect shot was last tried, by its id.
        self._tried: dict[int, int] = {}

    def forget(self) -> None:
        """Let every view be tried again: the shots are others, or the region is another."""
        self._tried.clear()

    def suspect(self, solution: Solution) -> tuple[int, bool] | None:
        """Return the view that is to be tried, and whether its figures alone decide; or None.

        Whom a trial acquits is looked at again only when there are many more views. For a view
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

        Where its figures are not clear, a trial decides.
        """
        region, others = solution.region, solution.used.copy()
        others[view] = False
        if not clear:
            shot_id, views = self._shots.shots[view].id, self._shots.views
            wrong = yield from self._is_wrong(solution, others)
            # Only now: a trial that is dropped half-way has acquitted nobody.
            self._tried[shot_id] = views
            if not wrong:
                return None
        fresh = yield from self._starts.of(region, others)
        yield from self._starts.catch_up(fresh)
        return fresh

    def _is_wrong(self, solution: Solution, others: np.ndarray) -> Pieces[bool]:
        """Return whether voxels from the others alone, (views,) bool, explain them better."""
        # The model goes on meanwhile: both are made of what is known now.
        measurements, used = list(solution.measurements), solution.used.copy()
        offsets = solution.exposures.offsets.copy()
        with_it = yield from trial.residuals(measurements, offsets, used, solution.region,
                                             self._config)
        without = yield from trial.residuals(measurements, offsets, others, solution.region,
                                             self._config)
        return outliers.better_without(with_it, without, others)
