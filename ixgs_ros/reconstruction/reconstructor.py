"""Reconstruction from a stream of shots: the algorithm on one page.

A shot is checked and remembered, and finds the model warm; a new start from coarse voxels replaces
it where it explains all shots better; ``refine`` fits one view a step. All is synchronous,
deterministic and knows neither clocks nor topics: its budget is work.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from ixgs_ros.gaussians.model import GaussianModel
from ixgs_ros.geometry.region import automatic_region, NoRegionError, SMALLEST_ANGLE
from ixgs_ros.geometry.view import View
from ixgs_ros.parameters import build
from ixgs_ros.reconstruction import checks, confidence, outliers, state
from ixgs_ros.reconstruction.agreement import agreement
from ixgs_ros.reconstruction.body import Body, Projector
from ixgs_ros.reconstruction.config import ReconstructionConfig
from ixgs_ros.reconstruction.correction import Correction
from ixgs_ros.reconstruction.fit import Progress, ShotFit
from ixgs_ros.reconstruction.held_out import StopRule
from ixgs_ros.reconstruction.measurement import measure, Measurement
from ixgs_ros.reconstruction.replay import view_of_step
from ixgs_ros.reconstruction.solution import Solution
from ixgs_ros.reconstruction.start import intersection
from ixgs_ros.shot import Shot
from ixgs_ros.verdict import Code, Refusal, Verdict
from ixgs_ros.volume.grid import Region, VoxelGrid

LEAST_VIEWS = 2
# A new start is tried at each of the first views, and whenever there are so many times more views
# than at the last one; it replaces the model if it explains the held-out pixels better. It takes
# as long as a hundred steps, so it waits until the newest shot has been fitted in so many steps
# (and can be shown), unless there are twice as many views.
FIRST_VIEWS = 6
GROWTH = 1.3
RENEWAL_STEPS = 24
LATEST_GROWTH = 2.0
# Steps of a new shot's pose towards the model, before it is judged.
NEW_ALIGNMENTS = 2
# Views are judged once each was fitted so many times since the shots last changed.
SETTLED = 2


@dataclass(frozen=True)
class Judgement:
    """What becomes of a shot.

    Args:
        verdict: the code and a sentence.
        region: of the volume with this shot.
        agreement: of the image's structure with the model's; NaN without a model.
        correction: of its pose.
    """

    verdict: Verdict
    region: Region | None
    agreement: float
    correction: Correction


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
        size = np.array(self.config.region.size)
        self.region = Region(np.array(self.config.region.center), size) if size.any() else None
        self._automatic = self.region is None
        self.fits: dict[int, ShotFit] = {}
        self.revision = 0
        self.steps = 0
        self._shots: list[Shot] = []
        self._solution: Solution | None = None
        self._started_with = 0
        # How many views there were when a suspect view was last tried.
        self._tried: dict[int, int] = {}
        self._start()

    def check(self, shot: Shot) -> Verdict:
        """Return whether :meth:`add_shot` would take the shot; changes nothing."""
        return self._judge(shot).verdict

    def add_shot(self, shot: Shot) -> ShotFit:
        """Take a shot into the model.

        Raises:
            Refusal: the shot cannot be used; nothing has changed.
        """
        fit = self._accept(shot)
        self._include(shot)
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
        if shot_id not in self.fits:
            raise KeyError(f'expected the id of an accepted shot, one of {sorted(self.fits)}, got '
                           f'{shot_id}')
        del self.fits[shot_id]
        self._tried.clear()
        self._shots = [s for s in self._shots if s.id != shot_id]
        for fit in self.fits.values():   # fitted together with the shot that was not there
            fit.correction, fit.pose_covariance = Correction(), np.zeros((6, 6))
            fit.aside = False
        if self._automatic:
            self.region = self._first_region()
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
        checks.require_seen(self._shots, region, min(LEAST_VIEWS, len(self._shots)))
        prior = None
        if self._solution is not None:
            overlap = intersection(region, self._solution.region)
            prior = None if overlap is None else (self._solution.body, overlap)
        self.region = region
        self._automatic = False
        self.revision += 1
        self._start(prior)

    def refine(self, steps: int) -> Progress:
        """Fit one view a step; do nothing while there is no model.

        Args:
            steps: how many.
        """
        if steps < 0:
            raise ValueError(f'expected steps >= 0, got {steps}')
        done = 0
        if self._solution is not None:
            for _ in range(steps):
                if self._renewal_is_due() and self._renew(self._solution):
                    self._begin_schedule(self._newest)
                self._fit_views(self._solution)
                self._step(self._solution)
            done = steps
        return Progress(done, self.steps, self.held_out_residual, self.converged)

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
        """Return the shots and the model as arrays; see `state`."""
        numbers = [self.revision, self.steps, self._number, self._next_views,
                   self._started_with, -1 if self._newest is None else self._newest,
                   self._automatic]
        arrays = {'schema': np.asarray(state.SCHEMA), 'numbers': np.asarray(numbers)}
        for k, shot in enumerate(self._shots):
            arrays |= state.shot_arrays(shot, f'shots/{k}/')
        fits = [self.fits[shot.id] for shot in self._shots]
        arrays['fits'] = np.array([[fit.residual, fit.agreement, fit.aside]
                                   for fit in fits]).reshape(-1, 3)
        corrections = [state.correction_array(fit.correction) for fit in fits]
        arrays['corrections'] = np.array(corrections).reshape(-1, 16)
        if self.region is not None:
            arrays['region'] = np.stack([self.region.center, self.region.size])
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
        state.check_shots(len(arrays['fits']), config.max_shots)
        result = cls(config)
        result._shots = [state.shot_from(arrays, f'shots/{k}/')
                         for k in range(len(arrays['fits']))]
        for shot, (residual, agreed, aside), numbers in zip(result._shots, arrays['fits'],
                                                     arrays['corrections'], strict=True):
            result.fits[shot.id] = ShotFit(shot.id, Verdict(Code.ACCEPTED, 'resumed'),
                                           float(residual), agreement=float(agreed),
                                           correction=state.correction_from(numbers),
                                           aside=bool(aside))
        if 'region' in arrays:
            result.region = Region(*arrays['region'])
        if 'held_out' in arrays and result.region is not None:
            measurements = [result._measured(s, result.region) for s in result._shots]
            result._solution = Solution.restored(result._projector, measurements, result.region,
                                                 config, result._used, arrays)
        result._begin_schedule(None)
        (result.revision, result.steps, result._number, result._next_views,
         result._started_with, newest, automatic) = (int(n) for n in arrays['numbers'])
        result._automatic = bool(automatic)
        result._newest = None if newest < 0 else newest
        return result

    @property
    def grid(self) -> VoxelGrid | None:
        """The voxels of the published volume; None while no region is known."""
        if self.region is None:
            return None
        return VoxelGrid.covering(self.region, self.config.volume.spacing)

    @property
    def quantity(self) -> str:
        """What the volume holds: 'attenuation' or 'bone'; '' while no shot has decided it."""
        if self.config.quantity != 'auto':
            return self.config.quantity
        return self._shots[0].quantity if self._shots else ''

    @property
    def views(self) -> int:
        """The number of shots in the model; those in quarantine are not."""
        return int(self._used.sum())

    @property
    def _used(self) -> np.ndarray:
        """Which of the shots take part, (shots,) bool."""
        return np.array([not self.fits[shot.id].aside for shot in self._shots], dtype=bool)

    @property
    def model(self) -> GaussianModel:
        """All Gaussians, a copy; the shell's last."""
        return GaussianModel.empty() if self._solution is None else self._solution.body.whole()

    def _judge(self, shot: Shot) -> Judgement:
        """Return what becomes of a shot; changes nothing."""
        region, agreed, correction = self.region, float('nan'), Correction()
        verdict = (checks.check_quantity(shot, self.quantity) or checks.check_size(shot)
                   or checks.check_duplicate(shot, self._shots)
                   or checks.check_room(len(self._shots), self.config.max_shots))
        if verdict is None and region is None and self._shots:
            region, verdict = self._region_with(shot)
        if verdict is None and region is not None:
            verdict = checks.check_overlap(shot, region)
        if verdict is None and self._solution is not None:
            m = self._aligned(shot, self._solution)
            correction = m.correction
            agreed = agreement(m.values, self._projector.render(self._solution.body, m),
                               (m.weights > 0) | (m.held_out > 0))
            before = [f.agreement for f in self.fits.values()
                      if not f.aside and not np.isnan(f.agreement)]
            verdict = checks.check_consistency(agreed, self.views, before)
        if verdict is None:
            verdict = checks.acceptance(shot, len(self._shots) + 1, region, correction,
                                        self.config.volume.spacing,
                                        checks.depth_hint([*self._shots, shot]))
        return Judgement(verdict, region, agreed, correction)

    def _aligned(self, shot: Shot, solution: Solution) -> Measurement:
        """Return a new shot's measurement, its pose fitted to the model if that may be done."""
        m = measure(shot, solution.region.center, self.config)
        if self.views >= self.config.poses.least_views:
            for _ in range(NEW_ALIGNMENTS):
                m = m.moved(solution.aligned(m).correction)
        return m

    def _measured(self, shot: Shot, region: Region) -> Measurement:
        return measure(shot, region.center, self.config, self.fits[shot.id].correction)

    def _region_with(self, shot: Shot) -> tuple[Region | None, Verdict | None]:
        """Return the automatic region of all shots and this one, or why there cannot be one."""
        views = [s.view for s in (*self._shots, shot)]
        if checks.largest_angle(views) < SMALLEST_ANGLE:
            return None, None
        try:
            return automatic_region(views), None
        except NoRegionError as error:
            return None, Verdict(Code.OUT_OF_VIEW, str(error))

    def _first_region(self) -> Region | None:
        """Return the automatic region that the shots would have had, come one by one."""
        for count in range(2, len(self._shots) + 1):
            views = [shot.view for shot in self._shots[:count]]
            if checks.largest_angle(views) >= SMALLEST_ANGLE:
                with suppress(NoRegionError):
                    return automatic_region(views)
        return None

    def _accept(self, shot: Shot) -> ShotFit:
        """Check and remember a shot; raise a Refusal and change nothing if it is not accepted."""
        found = self._judge(shot)
        if not found.verdict.accepted:
            raise Refusal(found.verdict.code, found.verdict.message)
        self.region = found.region
        self._shots.append(shot)
        self.fits[shot.id] = ShotFit(shot.id, found.verdict, agreement=found.agreement,
                                     correction=found.correction)
        self.revision += 1
        return self.fits[shot.id]

    def _include(self, shot: Shot) -> None:
        """Let the model know the shot: warm, or by a new start where that explains more."""
        if self.region is None or self.views < LEAST_VIEWS:
            return
        if self._solution is None:
            self._start()
            return
        self._solution.add(self._measured(shot, self.region))
        if self.views <= FIRST_VIEWS or self.views >= LATEST_GROWTH * self._started_with:
            self._renew(self._solution)
        self._begin_schedule(self.views - 1)

    def _renewal_is_due(self) -> bool:
        return (self._number >= RENEWAL_STEPS and self.views > FIRST_VIEWS
                and self.views >= GROWTH * self._started_with)

    def _renew(self, solution: Solution) -> bool:
        """Try a new start; return whether it is the model now."""
        # What few views say is wrong in ways that later sweeps do not undo.
        begun = solution.layers if self.views > FIRST_VIEWS else None
        fresh = self._fresh(solution.region, self._used, begun=begun)
        solution.layers = fresh.layers
        self._started_with = self.views
        better = fresh.held_out_residual < solution.held_out_residual
        if better:
            self._solution = fresh
        return better

    def _start(self, prior: tuple[Body, Region] | None = None) -> None:
        """Make the model anew from all shots, if they suffice."""
        self._solution = None
        if self.region is not None and self.views >= LEAST_VIEWS:
            self._solution = self._fresh(self.region, self._used, prior)
            self._started_with = self.views
        self._begin_schedule(None)

    def _fresh(self, region: Region, used: np.ndarray,
               prior: tuple[Body, Region] | None = None,
               begun: list[np.ndarray] | None = None, trial: bool = False) -> Solution:
        measurements = [self._measured(s, region) for s in self._shots]
        return Solution.fresh(self._projector, measurements, region, self.config, used, prior,
                              begun, trial)

    def _begin_schedule(self, newest: int | None) -> None:
        """Begin anew with full rates, after a change of the shots; ``newest`` is replayed most."""
        self._newest = newest
        self._number = 0
        # A new shot's pose was fitted when it came; the others' wait until the model knows it.
        self._next_views = self.views if newest is None else 2 * self.views
        self._unaligned: list[int] = []
        self._stop_rule = StopRule()
        self.converged = False
        self._report()

    def _step(self, solution: Solution) -> None:
        chosen = np.flatnonzero(solution.used)
        k = int(chosen[view_of_step(self._number, len(chosen), self._newest,
                                    (self.config.seed, self.revision))])
        self.fits[self._shots[k].id].residual = solution.step(k, self._number).residual
        self._number += 1
        self.steps += 1
        if self._number % self.views == 0:
            self._report()
            self.converged = self._stop_rule.update(self.held_out_residual)

    def _fit_views(self, solution: Solution) -> None:
        """Fit poses, one a step from time to time, and then the exposures of all views."""
        if self._number == self._next_views:
            self._next_views = 2 * self._number
            self._unaligned = list(range(len(self._shots)))
            if self.views < self.config.poses.least_views:
                self._unaligned = []
                solution.fit_exposures()
        if self._unaligned:
            solution.fit_pose(self._unaligned.pop())
            if not self._unaligned:
                solution.fix_gauge()
                solution.fit_exposures()
                self._judge_views(solution)

    def _judge_views(self, solution: Solution) -> None:
        """Set aside the view that the model does not explain; let back those that it does."""
        if self._number < SETTLED * self.views:
            return
        found = outliers.suspect(solution.misfits, solution.used)
        back = outliers.returning(solution.misfits, solution.used)
        without = None
        if found is not None:
            view, clear = found
            # A right view that no start has seen yet may stand out as far as a wrong one.
            without = self._without(solution, view, clear and view < solution.founded)
        if without is not None:
            if without.held_out_residual < solution.held_out_of(without.used):
                self._solution = without
            solution.used, solution.layers = without.used, without.layers
        elif back.any():
            solution.used = solution.used | back
        else:
            return
        for shot, used in zip(self._shots, solution.used, strict=True):
            self.fits[shot.id].aside = not used
        self.revision += 1
        self._begin_schedule(None)

    def _without(self, solution: Solution, view: int, clear: bool) -> Solution | None:
        """Return a new start without a suspect view; None if it is to stay.

        Where its figures are not clear, two new starts are made, with and without it; whom they
        acquit is looked at again only when there are many more views.
        """
        shot_id = self._shots[view].id
        if self.views < GROWTH * self._tried.get(shot_id, 0):
            return None
        others = solution.used.copy()
        others[view] = False
        if not clear:
            self._tried[shot_id] = self.views
            with_it, without = (self._fresh(solution.region, used, trial=True).misfits
                                for used in (solution.used, others))
            if not outliers.better_without(with_it, without, others):
                return None
        return self._fresh(solution.region, others)

    def _report(self) -> None:
        """Bring the fits and the held-out residual up to date."""
        if self._solution is None:
            self.held_out_residual = float('nan')
            return
        self.held_out_residual = self._solution.held_out_residual
        exposures, hint = self._solution.exposures, checks.depth_hint(self._shots)
        for shot, offset, scale in zip(self._shots, exposures.offsets, exposures.scales,
                                       strict=True):
            fit = self.fits[shot.id]
            fit.exposure_offset, fit.scale = float(offset), float(scale)
        for k, shot in enumerate(self._shots):
            fit, correction = self.fits[shot.id], self._solution.measurements[k].correction
            fit.correction = correction
            fit.pose_covariance = self._solution.pose_covariance(k)
            if fit.aside:
                fit.verdict = outliers.quarantine(self._solution.misfits, self._solution.used, k)
            else:
                fit.verdict = checks.acceptance(shot, k + 1, self.region, correction,
                                                self.config.volume.spacing, hint)
