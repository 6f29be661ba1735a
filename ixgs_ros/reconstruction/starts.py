"""When a new start is made from coarse voxels, and the work it takes.

It replaces the model where it explains the held-out pixels better. It takes as long as a hundred
steps, so it is made in pieces, and waits, also half-way, until the newest shot has been fitted in
some steps and can be shown.
"""

from __future__ import annotations

import numpy as np

from ixgs_ros.reconstruction.accepted import Accepted
from ixgs_ros.reconstruction.body import Body, Projector
from ixgs_ros.reconstruction.config import ReconstructionConfig
from ixgs_ros.reconstruction.solution import Solution
from ixgs_ros.reconstruction.work import Pieces
from ixgs_ros.volume.grid import Region

# A new start is made at each of the first views, and whenever there are so many times more views
# than at the last one ...
FIRST_VIEWS = 6
GROWTH = 1.3
# ... after so many steps with the newest shot, unless there are twice as many views.
RENEWAL_STEPS = 24
LATEST_GROWTH = 2.0


class Starts:
    """Makes solutions of the accepted shots.

    Args:
        projector: renders; shared by all solutions.
        config: all settings.
        shots: what there is to start from.

    Attributes:
        views: how many there were at the last start that was finished; 0 before the first.
        begun: the same of the last that was begun.
    """

    def __init__(self, projector: Projector, config: ReconstructionConfig,
                 shots: Accepted) -> None:
        self.views = self.begun = 0
        self._projector = projector
        self._config = config
        self._shots = shots

    @property
    def wanted(self) -> bool:
        """Whether there are enough more views than at the last start."""
        views = self._shots.views
        return views > self.begun if views <= FIRST_VIEWS else views >= GROWTH * self.begun

    def may_go_on(self, steps: int) -> bool:
        """Return whether the newest shot, fitted in so many steps, lets starts be worked at."""
        return (steps >= RENEWAL_STEPS or self._shots.views >= LATEST_GROWTH * self.begun)

    def first(self, region: Region, prior: tuple[Body, Region] | None = None,
              quick: bool = False) -> Pieces[Solution]:
        """Return a model of all shots where there is none.

        Args:
            region: of the volume.
            prior: a model, and the box within which its densities are taken over.
            quick: make do with few sweeps; a whole start is then wanted still.
        """
        self.views = self.begun = 0 if quick else self._shots.views
        return self.of(region, self._shots.used, prior, quick=quick)

    def renewal(self, solution: Solution) -> Pieces[Solution]:
        """Return a new start from the shots of now, with those that come until it is done."""
        self.begun = self._shots.views
        # What few views say is wrong in ways that later sweeps do not undo.
        layers = solution.layers if self.begun > FIRST_VIEWS else None
        fresh = yield from self.of(solution.region, solution.used, begun=layers)
        yield from self.catch_up(fresh)
        self.views = self.begun
        return fresh

    def of(self, region: Region, used: np.ndarray, prior: tuple[Body, Region] | None = None,
           begun: list[np.ndarray] | None = None, quick: bool = False) -> Pieces[Solution]:
        """Return a new start; the arguments are those of ``Solution.fresh``."""
        measurements = []
        for shot in self._shots.shots[:len(used)]:
            measurements.append(self._shots.measured(shot, region))
            yield
        return (yield from Solution.fresh(self._projector, measurements, region, self._config,
                                          used.copy(), prior, begun, quick))

    def catch_up(self, fresh: Solution) -> Pieces[None]:
        """Let a new start know the shots that came while it was made."""
        while len(fresh.measurements) < len(self._shots.shots):
            shot = self._shots.shots[len(fresh.measurements)]
            fresh.add(self._shots.measured(shot, fresh.region))
            yield
