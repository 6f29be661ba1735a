"""Reconstruction from a stream of shots: the algorithm on one page.

A shot is checked, remembered, and in the warm model at once. ``advance`` then does one small piece
of work: a step, which fits one view, or a piece of a new start from coarse voxels, which replaces
the model where it explains all shots better. Between two pieces the model is whole, and the next
shot may come. All is synchronous, deterministic and knows neither clocks nor topics: its budget is
work.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from ixgs_ros.gaussians.model import GaussianModel
from ixgs_ros.geometry.view import View
from ixgs_ros.parameters import build
from ixgs_ros.reconstruction import checks, confidence, outliers, state
from ixgs_ros.reconstruction.accepted import Accepted
from ixgs_ros.reconstruction.body import Body, Projector
from ixgs_ros.reconstruction.config import ReconstructionConfig
from ixgs_ros.reconstruction.fit import Progress, ShotFit
from ixgs_ros.reconstruction.quarantine import Quarantine
from ixgs_ros.reconstruction.schedule import Schedule
from ixgs_ros.reconstruction.solution import Solution
from ixgs_ros.reconstruction.start import intersection
from ixgs_ros.reconstruction.starts import Starts
from ixgs_ros.reconstruction.work import finish, Pieces
from ixgs_ros.shot import Shot
from ixgs_ros.verdict import Verdict
from ixgs_ros.volume.grid import Region, VoxelGrid

LEAST_VIEWS = 2


@dataclass(frozen=True, eq=False)
class Deviation:
    """How far voxels may be off.

    Args:
        volume: (z, y, x) float32 in 1/m: 68 % of voxels are within it.
        wide: factor on it, within which are 95 %.
    """

    volume: np.ndarray
    wide: float


class Reconstructor:
    """A persistent model of the patient, refined as shots come in.

    Args:
        config: all settings.

    Not thread-safe: one compute thread owns it.
    """

    def __init__(self, config: ReconstructionConfig | None = None) -> None:
        self.config = ReconstructionConfig() if config is None else config
        self._projector = Projector()
        self.reset()

    def reset(self) -> None:
        """Forget all shots and the model; the configured region stays."""
        self.revision = 0
        self.steps = 0
        self._set_shots(Accepted(self.config))
        self._solution: Solution | None = None
        self._start()

    def _set_shots(self, shots: Accepted) -> None:
        self._shots = shots
        self._starts = Starts(self._projector, self.config, shots)
        self._quarantine = Quarantine(self._starts, shots)

    def check(self, shot: Shot) -> Verdict:
        """Return whether :meth:`add_shot` would take the shot; changes nothing."""
        return self._shots.judge(shot, self._solution).verdict

    def add_shot(self, shot: Shot) -> ShotFit:
        """Take a shot into the model that is there; the second makes one, of few sweeps.

        Raises:
            Refusal: the shot cannot be used; nothing has changed.
        """
        fit = self._accept(shot)
        if self._solution is None:
            self._start(quick=True)
        else:
            self._solution.add(self._shots.measured(shot, self._solution.region))
            self._begin_schedule(self.views - 1)
        return fit

    def add_shots(self, shots: Iterable[Shot]) -> list[ShotFit]:
        """Take several shots at once, with one new start instead of one model after another.

        No model foretells them, so nothing is refused as INCONSISTENT, now or by their yardstick.

        Raises:
            Refusal: one of them cannot be used; those before it are in, the others not.
        """
        added = []
        try:
            for shot in shots:
                added.append(self._accept(shot))
        finally:
            if added:
                self._start()
        return added

    def remove_shot(self, shot_id: int) -> None:
        """Forget a shot and start anew from the others, as if it had never come.

        Raises:
            KeyError: there is no such shot.
        """
        self._shots.remove(shot_id)
        self._quarantine.forget()
        self.revision += 1
        self._start()

    def set_region(self, region: Region) -> None:
        """Move the volume; where old and new box overlap, what is known is kept.

        Raises:
            ParameterError: the region is larger than the configuration allows.
            ValueError: the shots do not show it; nothing has changed.
        """
        build(ReconstructionConfig, {'region.center': region.center.tolist(),
                                     'region.size': region.size.tolist()})
        shots = self._shots.shots
        checks.require_seen(shots, region, min(LEAST_VIEWS, len(shots)))
        prior = None
        if self._solution is not None:
            overlap = intersection(region, self._solution.region)
            prior = None if overlap is None else (self._solution.body, overlap)
        self._shots.set_region(region)
        self.revision += 1
        self._start(prior)

    def advance(self) -> bool:
        """Do one piece of work: a step, or a piece of a new start that is under way or due.

        Returns:
            False if there is nothing to do, because there is no model.
        """
        if self._solution is None:
            return False
        if self._is_starting and self._starts.may_go_on(self._schedule.number):
            self._go_on(self._solution)
        else:
            self._fit_views(self._solution)
            self._step(self._solution)
        return True

    def refine(self, steps: int) -> Progress:
        """Fit one view a step, with all else that is due meanwhile; nothing without a model.

        Args:
            steps: how many.
        """
        if steps < 0:
            raise ValueError(f'expected steps >= 0, got {steps}')
        before = self.steps
        while self.steps < before + steps and self.advance():
            pass
        return Progress(self.steps - before, self.steps, self.held_out_residual, self.converged)

    def settle(self) -> None:
        """Finish the new start that is under way or due, now and without steps before it."""
        while self._solution is not None and self._is_starting:
            self._go_on(self._solution)

    def volume(self, grid: VoxelGrid | None = None) -> np.ndarray:
        """Return the density, (z, y, x) float32 in 1/m.

        Args:
            grid: where; :attr:`grid` if None.

        Raises:
            ValueError: there is no grid yet, because no region is known.
        """
        grid = self.grid if grid is None else grid
        if grid is None:
            raise ValueError(f'expected a region before a volume, got {self.views} views and no '
                             'region.size: add shots or set the region')
        if self._solution is None:
            return np.zeros(grid.shape, np.float32)
        return self._projector.fine.voxelize(self.model, grid)

    def deviation(self, grid: VoxelGrid | None = None) -> Deviation | None:
        """Return how far the density of each voxel may be off, of the model as it is now.

        Args:
            grid: where; :attr:`grid` if None.

        Returns:
            None where the body is wider than the field: nothing is known that holds there.

        Raises:
            ValueError: there is no model yet.
        """
        grid = self.grid if grid is None else grid
        found, views = self.session()
        assert self.region is not None and grid is not None
        if found.truncated:
            return None
        sigma = confidence.deviation(self.volume(grid), grid, views, self.region, found)
        return Deviation(sigma, confidence.NUMBERS.wide)

    def session(self) -> tuple[confidence.Session, list[View]]:
        """Return what the model says about its own errors, and the corrected views it is of.

        Raises:
            ValueError: there is no model yet.
        """
        solution = self._solution
        if solution is None:
            raise ValueError(f'expected a model before its deviation, got {self.views} views: add '
                             f'at least {LEAST_VIEWS} shots from different directions')
        used = [solution.measurements[k] for k in np.flatnonzero(solution.used)]
        found = confidence.session(self._projector, solution.body, used, solution.region)
        return found, [m.view for m in used]

    def state(self) -> dict[str, np.ndarray]:
        """Return shots and model as arrays, see `state`; of a start under way there is nothing."""
        schedule = self._schedule
        numbers = [self.revision, self.steps, schedule.number, schedule.next_views,
                   self._starts.views, -1 if schedule.newest is None else schedule.newest]
        arrays = {'schema': np.asarray(state.SCHEMA), 'numbers': np.asarray(numbers)}
        arrays |= self._shots.arrays()
        if self._solution is not None:
            arrays |= self._solution.arrays()
        return arrays

    @classmethod
    def from_state(cls, config: ReconstructionConfig,
                   arrays: Mapping[str, np.ndarray]) -> Reconstructor:
        """Return the reconstruction of :meth:`state`.

        Raises:
            KeyError, TypeError, ValueError: an array is missing or wrong, or a cap is exceeded.
        """
        state.check_schema(arrays)
        result = cls(config)
        result._set_shots(Accepted.restored(config, arrays))
        shots, region = result._shots, result.region
        if 'held_out' in arrays and region is not None:
            measurements = [shots.measured(shot, region) for shot in shots.shots]
            result._solution = Solution.restored(result._projector, measurements, region, config,
                                                 shots.used, arrays)
        (result.revision, result.steps, number, next_views, views,
         newest) = (int(n) for n in arrays['numbers'])
        result._begin_schedule(None if newest < 0 else newest)
        result._schedule.number, result._schedule.next_views = number, next_views
        result._starts.views = result._starts.begun = views
        return result

    @property
    def region(self) -> Region | None:
        """The box of the volume; None until the shots say where it is."""
        return self._shots.region

    @property
    def fits(self) -> dict[int, ShotFit]:
        """What is said of each accepted shot, by its id."""
        return self._shots.fits

    @property
    def grid(self) -> VoxelGrid | None:
        """The voxels of the published volume; None while no region is known."""
        if self.region is None:
            return None
        return VoxelGrid.covering(self.region, self.config.volume.spacing)

    @property
    def quantity(self) -> str:
        """What the volume holds: 'attenuation' or 'bone'; '' while no shot has decided it."""
        return self._shots.quantity

    @property
    def views(self) -> int:
        """The number of shots in the model; those in quarantine are not."""
        return self._shots.views

    @property
    def model(self) -> GaussianModel:
        """All Gaussians, a copy; the shell's last."""
        return GaussianModel.empty() if self._solution is None else self._solution.body.whole()

    @property
    def gaussians(self) -> int:
        """How many there are, the shell's too."""
        return 0 if self._solution is None else len(self._solution.body)

    @property
    def converged(self) -> bool:
        """Whether held-out pixels have stopped improving, and no new start may change that."""
        return self._schedule.converged and not self._is_starting

    @property
    def _is_starting(self) -> bool:
        return self._course is not None or self._starts.wanted

    def _accept(self, shot: Shot) -> ShotFit:
        fit = self._shots.accept(shot, self._solution)
        self.revision += 1
        return fit

    def _start(self, prior: tuple[Body, Region] | None = None, quick: bool = False) -> None:
        """Make the model anew from all shots, if they suffice; what is under way is dropped."""
        self._course: Pieces[None] | None = None
        self._solution = None
        if self.region is not None and self.views >= LEAST_VIEWS:
            self._solution = finish(self._starts.first(self.region, prior, quick))
        self._begin_schedule(None)

    def _go_on(self, solution: Solution) -> None:
        """Do a piece of what is under way, or begin the new start that is due."""
        if self._course is None:
            self._course = self._renew(solution)
        try:
            next(self._course)
        except StopIteration:
            self._course = None

    def _renew(self, solution: Solution) -> Pieces[None]:
        """Try a new start."""
        fresh = yield from self._starts.renewal(solution)
        solution.layers = fresh.layers
        if fresh.held_out_residual < solution.held_out_residual:
            self._solution = fresh
            self._begin_schedule(self._schedule.newest)

    def _try_without(self, solution: Solution, view: int, clear: bool) -> Pieces[None]:
        """Set a suspect view aside; if new starts acquit it, let others back."""
        without = yield from self._quarantine.without(solution, view, clear)
        if without is None:
            self._let_back(solution)
            return
        if without.held_out_residual < solution.held_out_of(without.used):
            self._solution = without
        solution.layers = without.layers
        self._use(solution, without.used)

    def _use(self, solution: Solution, used: np.ndarray) -> None:
        """Let these views make the model from now on, (shots,) bool."""
        solution.used = used
        for shot, taken in zip(self._shots.shots, used, strict=True):
            self.fits[shot.id].aside = not taken
        self.revision += 1
        self._begin_schedule(None)

    def _begin_schedule(self, newest: int | None) -> None:
        """Begin anew with full rates, after a change of the shots; ``newest`` is replayed most."""
        self._schedule = Schedule(self.views, newest)
        self._report()

    def _step(self, solution: Solution) -> None:
        schedule = self._schedule
        k = schedule.view(solution.used, (self.config.seed, self.revision))
        found = solution.step(k, schedule.number)
        self.fits[self._shots.shots[k].id].residual = found.residual
        self.steps += 1
        if schedule.stepped():
            self._report()
            schedule.judge(self.held_out_residual)

    def _fit_views(self, solution: Solution) -> None:
        """Fit poses, one a step from time to time, and then the exposures of all views."""
        schedule = self._schedule
        if schedule.views_are_due:
            few = self.views < self.config.poses.least_views
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
        if self._course is not None or not self._schedule.settled:
            return
        suspect = self._quarantine.suspect(solution)
        if suspect is None:
            self._let_back(solution)
        else:
            self._course = self._try_without(solution, *suspect)

    def _let_back(self, solution: Solution) -> None:
        """Use the views again that the model explains now."""
        back = outliers.returning(solution.misfits, solution.used)
        if back.any():
            self._use(solution, solution.used | back)

    def _report(self) -> None:
        """Bring the fits and the held-out residual up to date."""
        self.held_out_residual = float('nan')
        if self._solution is not None:
            self.held_out_residual = self._solution.held_out_residual
            self._shots.report(self._solution)
