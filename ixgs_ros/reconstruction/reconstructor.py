"""Reconstruction from a stream of shots: the algorithm on one page.

A shot is checked, measured and remembered; the first few shots each make a new start from coarse voxels, later
ones find the model warm; ``refine`` then fits one view a step. All is synchronous, deterministic and knows
neither clocks nor topics: its budget is work.
"""

from __future__ import annotations

import numpy as np

from ixgs_ros.gaussians.model import GaussianModel
from ixgs_ros.geometry.region import automatic_region, NoRegionError, SMALLEST_ANGLE
from ixgs_ros.geometry.view import View
from ixgs_ros.reconstruction import checks, density
from ixgs_ros.reconstruction.body import Body, Projector
from ixgs_ros.reconstruction.config import ReconstructionConfig
from ixgs_ros.reconstruction.exposure import Exposures
from ixgs_ros.reconstruction.fit import Progress, ShotFit
from ixgs_ros.reconstruction.held_out import StopRule
from ixgs_ros.reconstruction.measurement import measure, Measurement
from ixgs_ros.reconstruction.refinement import Refiner
from ixgs_ros.reconstruction.replay import view_of_step
from ixgs_ros.reconstruction.start import build_body
from ixgs_ros.shot import Shot
from ixgs_ros.verdict import Code, Refusal, Verdict
from ixgs_ros.volume.grid import Region, VoxelGrid

# Up to so many views a new start from voxels is better than going on from the last model.
RESTARTS = 6
# λ of the density sweeps after a start.
SWEEP_RATES = (1.0, 1.0, 0.5)
LEAST_VIEWS = 2


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
        self.region = Region(self.config.region.center, size) if size.any() else None
        self.fits: dict[int, ShotFit] = {}
        self.revision = 0
        self.steps = 0
        self._shots: list[Shot] = []
        self._forget_model()

    def check(self, shot: Shot) -> Verdict:
        """Return whether :meth:`add_shot` would take the shot; changes nothing."""
        return self._judge(shot)[0]

    def add_shot(self, shot: Shot) -> ShotFit:
        """Take a shot into the model.

        Raises:
            Refusal: the shot cannot be used; nothing has changed.
        """
        verdict, region, share = self._judge(shot)
        if not verdict.accepted:
            raise Refusal(verdict.code, verdict.message)
        self.region = region
        self._shots.append(shot)
        self.fits[shot.id] = ShotFit(shot.id, verdict, unexplained=share)
        self.revision += 1
        if self.views <= RESTARTS or self._refiner is None:
            self._start()
        else:
            self._continue_with(shot)
        return self.fits[shot.id]

    def refine(self, steps: int) -> Progress:
        """Fit one view a step; do nothing while there is no model.

        Args:
            steps: how many.
        """
        done = 0
        if self._refiner is not None:
            for done in range(1, steps + 1):
                self._step()
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
        if self._body is None:
            return np.zeros(grid.shape, np.float32)
        return self._projector.fine.voxelize(self._body.whole(), grid)

    @property
    def grid(self) -> VoxelGrid | None:
        """The voxels of the published volume; None while no region is known."""
        if self.region is None:
            return None
        return VoxelGrid.covering(self.region, self.config.volume.spacing)

    @property
    def views(self) -> int:
        """The number of shots in the model."""
        return len(self._shots)

    @property
    def model(self) -> GaussianModel:
        """All Gaussians, a copy; the shell's last."""
        return GaussianModel.empty() if self._body is None else self._body.whole()

    def _judge(self, shot: Shot) -> tuple[Verdict, Region | None, float]:
        """Return the verdict, the region with this shot, and the share it leaves unexplained."""
        region, share = self.region, float('nan')
        if shot.quantity != self.config.quantity:
            raise ValueError(f'expected shots of quantity {self.config.quantity!r}, got '
                             f'{shot.quantity!r}')
        verdict = checks.check_size(shot) or checks.check_duplicate(shot, self._shots)
        if verdict is None and region is None and self._shots:
            region, verdict = self._region_with(shot)
        if verdict is None and region is not None:
            verdict = checks.check_overlap(shot, region)
        if verdict is None and self._body is not None:
            m = measure(shot, self.region.center, self.config)
            share = checks.unexplained(m, self._projector.render(self._body, m))
            before = [f.unexplained for f in self.fits.values() if not np.isnan(f.unexplained)]
            verdict = checks.check_consistency(share, self.views, before)
        return verdict or Verdict(Code.ACCEPTED, f'view {self.views + 1}'), region, share

    def _region_with(self, shot: Shot) -> tuple[Region | None, Verdict | None]:
        """Return the automatic region of all shots and this one, or why there cannot be one."""
        views = [s.view for s in (*self._shots, shot)]
        if largest_angle(views) < SMALLEST_ANGLE:
            return None, None
        try:
            return automatic_region(views), None
        except NoRegionError as error:
            return None, Verdict(Code.OUT_OF_VIEW, str(error))

    def _forget_model(self) -> None:
        self.held_out_residual = float('nan')
        self.converged = False
        self._measurements: list[Measurement] = []
        self._exposures = Exposures(np.zeros(0))
        self._held_out = np.zeros(0)
        self._body: Body | None = None
        self._refiner: Refiner | None = None
        self._restart_schedule(None)

    def _restart_schedule(self, newest: int | None) -> None:
        """Begin anew with full rates, after a change of the shots."""
        self._newest = newest
        self._number = 0
        self._next_exposures = 0
        self._stop_rule = StopRule()
        self.converged = False

    def _start(self) -> None:
        """Make the model anew from all shots, if they suffice."""
        if self.region is None or self.views < LEAST_VIEWS:
            return
        self._forget_model()
        self._measurements = [measure(s, self.region.center, self.config) for s in self._shots]
        self._exposures = Exposures(np.array([m.known_offset for m in self._measurements]))
        self._held_out = np.full(self.views, np.nan)
        body, _ = build_body(self._measurements, self._exposures.offsets, self.region,
                             self.config)
        self._body = body
        self._curvature = density.Curvature()
        for m in self._measurements:
            self._curvature.append(self._projector, body, m)
        for number, rate in enumerate(SWEEP_RATES):
            order = np.random.default_rng((self.config.seed, self.revision, number))
            density.sweep(self._projector, body, self._measurements, self._exposures,
                          self._curvature, order.permutation(self.views), rate)
            self._fit_exposures()
        self._refiner = Refiner(self._projector, body, self.region, self.config.refine)

    def _continue_with(self, shot: Shot) -> None:
        """Let a new shot into the model that is there."""
        m = measure(shot, self.region.center, self.config)
        self._measurements.append(m)
        self._exposures.append(m.known_offset)
        self._held_out = np.append(self._held_out, np.nan)
        self._curvature.append(self._projector, self._body, m)
        self._restart_schedule(self.views - 1)

    def _step(self) -> None:
        if self._number == self._next_exposures:
            self._fit_exposures()
            self._next_exposures = 2 * self._number + self.views
        k = view_of_step(self._number, self.views, self._newest,
                         (self.config.seed, self.revision))
        result = self._refiner.step(self._measurements[k], k, self._exposures, self._curvature,
                                    self._number)
        self._held_out[k] = result.held_out
        fit = self.fits[self._shots[k].id]
        fit.residual = result.residual
        self._number += 1
        self.steps += 1
        if self._number % self.views == 0:
            self._judge_pass()

    def _fit_exposures(self) -> None:
        self._exposures.fit(self._projector, self._body, self._measurements)
        for shot, offset, scale in zip(self._shots, self._exposures.offsets,
                                       self._exposures.scales, strict=True):
            self.fits[shot.id].exposure_offset = float(offset)
            self.fits[shot.id].scale = float(scale)

    def _judge_pass(self) -> None:
        self.held_out_residual = float(np.sqrt(np.nanmean(self._held_out**2)))
        self.converged = self._stop_rule.update(self.held_out_residual)


def largest_angle(views: list[View]) -> float:
    """Return the largest angle between two views' principal rays, radians."""
    axes = np.array([view.axis for view in views])
    return float(np.arccos(np.clip((axes @ axes.T).min(), -1.0, 1.0)))
