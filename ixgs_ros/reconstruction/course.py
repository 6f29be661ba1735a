"""What goes on between the shots: steps, and new starts in pieces.

At most one long work is under way: a new start, or the trial of a view that is suspected. It goes
on once the newest shot has been fitted in some steps, and the model stands meanwhile. Once steps
gain nothing more, the shots are judged as a whole.
"""

from __future__ import annotations

import numpy as np

from ixgs_ros.reconstruction import contradiction, outliers
from ixgs_ros.reconstruction.accepted import Accepted
from ixgs_ros.reconstruction.body import Body, Projector
from ixgs_ros.reconstruction.config import ReconstructionConfig
from ixgs_ros.reconstruction.quarantine import Quarantine
from ixgs_ros.reconstruction.schedule import Schedule
from ixgs_ros.reconstruction.solution import Solution
from ixgs_ros.reconstruction.starts import Starts
from ixgs_ros.reconstruction.work import finish, Pieces
from ixgs_ros.shot import Shot
from ixgs_ros.volume.grid import Region

LEAST_VIEWS = 2
# Held-out pixels flatter a model that was refined for long: a fresh one that leaves so many times
# as much of them unexplained is as near to the truth (24 views: 1.15 and 1.25).
FLATTERED = 1.2


class Course:
    """The model of the accepted shots, and the work at it.

    Args:
        projector: renders; shared by all solutions.
        config: all settings.
        shots: what it is a model of.

    Attributes:
        solution: the model; None while the shots do not make one.
        revision: counts the changes of which shots make the model, and of the region.
        steps: done in all.
        held_out_residual: as of the last pass over the views; NaN without a model.
        contradiction: in what the shots as a whole contradict each other, '' if they do not; None
            as long as they were not looked at.
    """

    def __init__(self, projector: Projector, config: ReconstructionConfig,
                 shots: Accepted) -> None:
        self.solution: Solution | None = None
        self.revision = self.steps = 0
        self.held_out_residual = float('nan')
        self.contradiction: str | None = None
        self.schedule = Schedule(shots.views, None)
        self.starts = Starts(projector, config, shots)
        self.quarantine = Quarantine(self.starts, shots, config)
        self._config = config
        self._shots = shots
        self._work: Pieces[None] | None = None
        # Whether it was begun to look for contradictions among just these shots.
        self._looked = False

    @property
    def is_starting(self) -> bool:
        """Whether a long work is under way, or due as soon as the newest shot is fitted."""
        return self._work is not None or self.starts.wanted

    @property
    def is_whole_due(self) -> bool:
        """Whether steps gain nothing more, and the shots are to be judged as a whole."""
        return (self.solution is not None and self.schedule.converged and not self.is_starting
                and not self._looked and self._shots.views >= contradiction.LEAST_VIEWS)

    @property
    def converged(self) -> bool:
        """Whether held-out pixels have stopped improving, and nothing else is to be done."""
        return self.schedule.converged and not self.is_starting and not self.is_whole_due

    def begin(self, prior: tuple[Body, Region] | None = None, quick: bool = False) -> None:
        """Make the first model, from all shots, if they suffice.

        Args:
            prior: a model, and the box within which its densities are taken over.
            quick: make do with few sweeps; a whole start is then due.
        """
        region = self._shots.region
        if region is not None and self._shots.views >= LEAST_VIEWS:
            self.solution = finish(self.starts.first(region, prior, quick))
        self.begin_schedule(None)

    def add(self, shot: Shot) -> None:
        """Let the model know a shot that was accepted; the second makes one, of few sweeps."""
        if self.solution is None:
            self.begin(quick=True)
        else:
            self.solution.add(self._shots.measured(shot, self.solution.region))
            # Beyond the region, new shots change so much that full rates are right.
            alone = len(self.solution.body.shell) == 0
            self.begin_schedule(self._shots.views - 1,
                                self.schedule.known_to_one_more if alone else 0)

    def drop_work(self) -> None:
        """Let nothing be under way; a new start that was is due again."""
        self._work = None
        self._looked = self.contradiction is not None
        self.starts.begun = self.starts.views

    def go_on_without(self, shot_id: int) -> None:
        """Let the model that is there forget a shot, which has moved it for good."""
        self.drop_work()
        self.quarantine.forget()
        if self.solution is not None:
            self.solution.forget([shot.id for shot in self._shots.shots].index(shot_id))
        self._shots.forget(shot_id)
        self.revision += 1
        if self._shots.views < LEAST_VIEWS:
            self.solution = None
        self.begin_schedule(None)

    def advance(self) -> bool:
        """Do a step or a piece of what is under way or due; False where there is no model."""
        if self.solution is None:
            return False
        if self.is_whole_due:
            self._work = self._judge_whole(self.solution)
        if self.is_starting and self.starts.may_go_on(self.schedule.number):
            self._go_on(self.solution)
        else:
            self._fit_views(self.solution)
            self._step(self.solution)
        return True

    def settle(self) -> None:
        """Finish what is under way or due."""
        while self.solution is not None and self.is_starting:
            self._go_on(self.solution)

    def begin_schedule(self, newest: int | None, known: int = 0) -> None:
        """Begin anew after a change of the shots; the arguments are those of ``Schedule``."""
        self.schedule = Schedule(self._shots.views, newest, known)
        self._looked, self.contradiction = False, None
        self.report()

    def report(self) -> None:
        """Bring the fits and the held-out residual up to date; done after each pass as well."""
        self.held_out_residual = float('nan')
        if self.solution is not None:
            self.held_out_residual = self.solution.held_out_residual
            self._shots.report(self.solution)

    def _go_on(self, solution: Solution) -> None:
        """Do a piece of what is under way, or begin the new start that is due."""
        if self._work is None:
            self._work = self._renew(solution)
        try:
            next(self._work)
        except StopIteration:
            self._work = None

    def _renew(self, solution: Solution) -> Pieces[None]:
        """Try a new start."""
        fresh = yield from self.starts.renewal(solution)
        solution.layers = fresh.layers
        if fresh.held_out_residual < solution.held_out_residual:
            self.solution = fresh
            self.begin_schedule(self.schedule.newest)

    def _try_without(self, solution: Solution, view: int, clear: bool) -> Pieces[None]:
        """Set a suspect view aside; if a trial acquits it, let others back."""
        without = yield from self.quarantine.without(solution, view, clear)
        if without is None:
            self._let_back(solution)
            return
        # What a wrong view has moved stays moved: the model goes on only where it is far better.
        if without.held_out_residual < FLATTERED * solution.held_out_of(without.used):
            self.solution = without
        solution.layers = without.layers
        self._use(solution, without.used)

    def _use(self, solution: Solution, used: np.ndarray) -> None:
        """Let these views make the model from now on, (shots,) bool."""
        solution.used = used
        for shot, taken in zip(self._shots.shots, used, strict=True):
            self._shots.fits[shot.id].aside = not taken
        self.revision += 1
        self.begin_schedule(None)

    def _step(self, solution: Solution) -> None:
        schedule = self.schedule
        k = schedule.view(solution.used, (self._config.seed, self.revision))
        found = solution.step(k, schedule.rate_number)
        self._shots.fits[self._shots.shots[k].id].residual = found.residual
        self.steps += 1
        if schedule.stepped():
            self.report()
            schedule.judge(self.held_out_residual)

    def _fit_views(self, solution: Solution) -> None:
        """Fit poses, one a step from time to time, and then the exposures of all views."""
        schedule = self.schedule
        if schedule.views_are_due:
            few = self._shots.views < self._config.poses.least_views
            schedule.plan_views(0 if few else len(self._shots.shots))
            if few:
                finish(solution.fit_exposures())
        if schedule.unaligned:
            solution.fit_pose(schedule.unaligned.pop())
            if not schedule.unaligned:
                solution.fix_gauge()
                finish(solution.fit_exposures())
                self._judge_views(solution)

    def _judge_views(self, solution: Solution) -> None:
        """Try without the view that the model does not explain, or let back those that it does."""
        if self._work is not None or not self.schedule.settled:
            return
        suspect = self.quarantine.suspect(solution)
        if suspect is None:
            self._let_back(solution)
        else:
            self._work = self._try_without(solution, *suspect)

    def _judge_whole(self, solution: Solution) -> Pieces[None]:
        """See whether the shots contradict each other, by the poses and exposures of now."""
        self._looked, begun = True, self.schedule
        found = yield from contradiction.halves(
            list(solution.measurements), solution.exposures.offsets.copy(), solution.used.copy(),
            solution.region, self._config)
        # Shots that came meanwhile are to be looked at too.
        if self.schedule is begun:
            last = self._shots.shots[found.before - 1].id
            self.contradiction = contradiction.sentence(found, last)

    def _let_back(self, solution: Solution) -> None:
        """Use the views again that the model explains now."""
        back = outliers.returning(solution.misfits, solution.used)
        if back.any():
            self._use(solution, solution.used | back)
