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
from ixgs_ros.reconstruction import checks, confidence, state
from ixgs_ros.reconstruction.accepted import Accepted
from ixgs_ros.reconstruction.body import Body, Projector
from ixgs_ros.reconstruction.config import ReconstructionConfig
from ixgs_ros.reconstruction.course import Course, LEAST_VIEWS
from ixgs_ros.reconstruction.fit import Progress, ShotFit
from ixgs_ros.reconstruction.solution import Solution
from ixgs_ros.reconstruction.start import intersection
from ixgs_ros.shot import Shot
from ixgs_ros.verdict import Refusal, Verdict
from ixgs_ros.volume.grid import Region, VoxelGrid


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
        self._set_shots(Accepted(self.config))

    def _set_shots(self, shots: Accepted) -> None:
        self._shots = shots
        self._course = Course(self._projector, self.config, shots)

    def check(self, shot: Shot) -> Verdict:
        """Return whether :meth:`add_shot` would take the shot; changes nothing."""
        return self._shots.judge(shot, self._solution).verdict

    def add_shot(self, shot: Shot) -> ShotFit:
        """Take a shot into the model that is there; the second makes one, of few sweeps.

        Raises:
            Refusal: the shot cannot be used; nothing has changed, nor after any other error.
        """
        region, revision = self.region, self.revision
        fit = self._accept(shot)
        try:
            self._course.add(shot)
        except Exception:
            self._shots.take_back(region)
            self._course.revision = revision
            raise
        return fit

    def add_shots(self, shots: Iterable[Shot]) -> list[ShotFit]:
        """Take several shots at once, with one new start instead of one model after another.

        No model foretells them, not even one that stands, so nothing is refused as INCONSISTENT,
        now or by their yardstick.

        Raises:
            Refusal: one of them cannot be used; those before it are in, the others not. After any
                other error nothing has changed.
        """
        together, added = self._shots.copy(), []
        try:
            for shot in shots:
                added.append(together.accept(shot, None))
        except Refusal:
            if added:
                self._begin_anew(together, self.revision + len(added))
            raise
        if added:
            self._begin_anew(together, self.revision + len(added))
        return added

    def remove_shot(self, shot_id: int) -> None:
        """Forget a shot and start anew from the others, as if it had never come.

        Raises:
            KeyError: there is no such shot.
            Exception: the new start failed. The shot is out all the same, as it may be the cause
                of more; the model, with its region, is the one that it has moved.
        """
        others = self._shots.copy()
        others.remove(shot_id)
        try:
            self._begin_anew(others, self.revision + 1)
        except Exception:
            self._course.go_on_without(shot_id)
            raise

    def set_region(self, region: Region) -> None:
        """Move the volume; where old and new box overlap, what is known is kept.

        Raises:
            ParameterError: the region is larger than the configuration allows.
            ValueError: the shots do not show it; nothing has changed, nor after any other error.
        """
        build(ReconstructionConfig, {'region.center': region.center.tolist(),
                                     'region.size': region.size.tolist()})
        shots = self._shots.taking_part
        checks.require_seen(shots, region, min(LEAST_VIEWS, len(shots)))
        prior = None
        if self._solution is not None:
            overlap = intersection(region, self._solution.region)
            prior = None if overlap is None else (self._solution.body, overlap)
        elsewhere = self._shots.copy()
        elsewhere.set_region(region)
        self._begin_anew(elsewhere, self.revision + 1, prior)

    def advance(self) -> bool:
        """Do one piece of work: a step, or a piece of a new start that is under way or due.

        Returns:
            False if there is nothing to do, because there is no model.
        """
        return self._course.advance()

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
        self._course.settle()

    def bring_up_to_date(self) -> None:
        """Let :attr:`fits` be those of the model as it is, not of the last pass over its views."""
        self._course.report()

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
        """Return shots and model as arrays, see `state`; of a start under way there is nothing.

        A pass over the poses that is half done is done again by who goes on from it.
        """
        self.bring_up_to_date()
        schedule = self._course.schedule
        newest = -1 if schedule.newest is None else schedule.newest
        next_views = schedule.number if schedule.unaligned else schedule.next_views
        numbers = [self.revision, self.steps, schedule.number, next_views,
                   self._course.starts.views, newest, schedule.known]
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
        shots, region, course = result._shots, result.region, result._course
        if 'held_out' in arrays and region is not None:
            measurements = [shots.measured(shot, region) for shot in shots.shots]
            course.solution = Solution.restored(result._projector, measurements, region, config,
                                                shots.used, arrays)
        (course.revision, course.steps, number, next_views, views, newest,
         known) = (int(n) for n in arrays['numbers'])
        course.begin_schedule(None if newest < 0 else newest, known)
        course.schedule.number, course.schedule.next_views = number, next_views
        course.starts.views = course.starts.begun = views
        return result

    @property
    def region(self) -> Region | None:
        """The box of the volume; None until the shots say where it is."""
        return self._shots.region

    @property
    def fits(self) -> dict[int, ShotFit]:
        """What is said of each accepted shot, by its id; as of the last pass over the views."""
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
    def revision(self) -> int:
        """Counts the changes of which shots make the model, and of the region."""
        return self._course.revision

    @property
    def steps(self) -> int:
        """How many were done since the reset."""
        return self._course.steps

    @property
    def held_out_residual(self) -> float:
        """Weighted RMS over pixels never fitted, line integrals; NaN without a model."""
        return self._course.held_out_residual

    @property
    def contradiction(self) -> str | None:
        """In what the shots as a whole contradict each other; '' if they do not.

        None as long as they were not looked at: that is done when steps gain nothing more.
        """
        return self._course.contradiction

    @property
    def converged(self) -> bool:
        """Whether held-out pixels have stopped improving, and nothing else is to be done."""
        return self._course.converged

    @property
    def _solution(self) -> Solution | None:
        return self._course.solution

    def _begin_anew(self, shots: Accepted, revision: int,
                    prior: tuple[Body, Region] | None = None) -> None:
        """Replace shots and model by others, once these are made: an error leaves what stands."""
        self._course.drop_work()   # its memory is for the new start
        course = Course(self._projector, self.config, shots)
        course.revision, course.steps = revision, self.steps
        course.begin(prior)
        self._shots, self._course = shots, course

    def _accept(self, shot: Shot) -> ShotFit:
        fit = self._shots.accept(shot, self._solution)
        self._course.revision += 1
        return fit
