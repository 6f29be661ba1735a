"""A model together with all that fits it to its measurements."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy

import numpy as np

from ixgs_ros.reconstruction import density
from ixgs_ros.reconstruction.alignment import align
from ixgs_ros.reconstruction.body import Body, Projector
from ixgs_ros.reconstruction.config import ReconstructionConfig
from ixgs_ros.reconstruction.correction import Correction, without_common_motion
from ixgs_ros.reconstruction.density import Majorisers
from ixgs_ros.reconstruction.exposure import Exposures
from ixgs_ros.reconstruction.held_out import weighted_rms
from ixgs_ros.reconstruction.measurement import Measurement
from ixgs_ros.reconstruction.noise import Noise, noise_of, weighted
from ixgs_ros.reconstruction.outliers import misfit
from ixgs_ros.reconstruction.refinement import Refiner, StepResult
from ixgs_ros.reconstruction.robust import trusted
from ixgs_ros.reconstruction.start import build_body, fine_region
from ixgs_ros.reconstruction.state import check_count, model_arrays, model_from
from ixgs_ros.reconstruction.voxel_body import VoxelBody
from ixgs_ros.reconstruction.work import finish, Pieces
from ixgs_ros.volume.grid import Region

# λ of the density sweeps after a start.
SWEEP_RATES = (1.0, 1.0, 0.5)
# Steps after which the body has changed enough to be put into voxels anew: derivatives by poses
# need no more.
VOXELS_LAST = 24


class Solution:
    """A body, the exposures of its views and the state of its refinement.

    Args:
        projector: renders; shared by successive solutions.
        body: the model.
        measurements: of all views.
        exposures: of all views.
        region: of the volume.
        config: all settings.
        curvature: the shell's majorisers of all views.
        used: (views,) bool, False where a view is set aside: it is compared, and moves nothing.
    """

    def __init__(self, projector: Projector, body: Body, measurements: list[Measurement],
                 exposures: Exposures, region: Region, config: ReconstructionConfig,
                 curvature: Majorisers, used: np.ndarray) -> None:
        self.body = body
        self.region = region
        self.measurements = list(measurements)
        self.exposures = exposures
        self.used = used.copy()
        self.founded = len(measurements)   # how many of the views the start has seen
        # What the coarse voxels held that the body was made from, if they are worth going on from.
        self.layers: list[np.ndarray] | None = None
        self.held_out = np.full(len(measurements), np.nan)
        self.misfits = np.full((len(measurements), 2), np.nan)
        self.noise = Noise(np.nan, np.nan)   # of no use where nothing lies beyond the region
        self._projector = projector
        self._curvature = curvature
        self._refiner = Refiner(projector, body, region, config.refine)
        self._outliers = config.refine.outliers
        self._voxels: VoxelBody | None = None
        self._voxels_age = 0   # steps

    @staticmethod
    def fresh(projector: Projector, measurements: list[Measurement], region: Region,
              config: ReconstructionConfig, used: np.ndarray,
              prior: tuple[Body, Region] | None = None,
              begun: list[np.ndarray] | None = None, quick: bool = False) -> Pieces[Solution]:
        """Start from coarse voxels and fit the densities.

        Args:
            projector: renders.
            measurements: of all views.
            region: of the volume.
            config: all settings.
            used: (views,) bool, which of them make the body; at least two.
            prior: a model, and the box within which its densities are taken over.
            begun: the coarse voxels of an earlier start.
            quick: make do with few sweeps.
        """
        exposures = Exposures(np.array([m.known_offset for m in measurements]))
        chosen = np.flatnonzero(used)
        body, layers = yield from build_body(projector, [measurements[k] for k in chosen],
                                             exposures.offsets[chosen], region, config, begun,
                                             quick)
        yield
        if prior is not None:
            body.take_over(projector, *prior)
        if len(body.shell):
            seen = [measurements[k] for k in chosen]
            images = yield from projector.render_all(body, seen)
            noise = noise_of(seen, [exposures.residual(int(k), m, image) for k, m, image
                                    in zip(chosen, seen, images, strict=True)])
            measurements = [weighted(m, noise) for m in measurements]
            yield
        # They depend on the geometry alone, which stands until the first step.
        fine, shell = yield from density.majorisers(projector, body, measurements)
        for number, rate in enumerate(SWEEP_RATES):
            order = np.random.default_rng((config.seed, number)).permutation(chosen)
            yield from density.sweep(projector, body, measurements, exposures, fine, shell, order,
                                     rate)
            yield from exposures.fit(projector, body, measurements, used)
        solution = Solution(projector, body, measurements, exposures, region, config, shell, used)
        solution.layers = None if quick else layers
        yield from solution.fit_exposures()
        return solution

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the model, the exposures and what they leave of the views as arrays."""
        return {**model_arrays(self.body.fine, 'fine/'), **model_arrays(self.body.shell, 'shell/'),
                'offsets': self.exposures.offsets.copy(), 'scales': self.exposures.scales.copy(),
                'held_out': self.held_out.copy(), 'misfits': self.misfits.copy(),
                'noise': np.array(self.noise), 'founded': np.asarray(self.founded)}

    @staticmethod
    def restored(projector: Projector, measurements: list[Measurement], region: Region,
                 config: ReconstructionConfig, used: np.ndarray,
                 arrays: Mapping[str, np.ndarray]) -> Solution:
        """Return the solution of :meth:`arrays`.

        Raises:
            KeyError, TypeError, ValueError: an array is missing or wrong, or a cap is exceeded.
        """
        check_count(arrays, ('fine/', 'shell/'), config.model.max_gaussians)
        body = Body(model_from(arrays, 'fine/'), model_from(arrays, 'shell/'))
        exposures = Exposures(np.array([m.known_offset for m in measurements]))
        for name in ('offsets', 'scales', 'held_out', 'misfits'):
            if arrays[name].shape[:1] != (len(measurements),):
                raise ValueError(f'expected {len(measurements)} {name}, one a shot, got '
                                 f'{arrays[name].shape}')
        exposures.offsets, exposures.scales = arrays['offsets'].copy(), arrays['scales'].copy()
        if arrays['noise'].shape != (2,):
            raise ValueError(f"expected noise (2,), got {arrays['noise'].shape}")
        noise = Noise(*(float(part) for part in arrays['noise']))
        if len(body.shell):
            if not np.isfinite(arrays['noise']).all():
                raise ValueError(f"expected finite noise, got {arrays['noise'].tolist()}")
            measurements = [weighted(m, noise) for m in measurements]
        _, shell = finish(density.majorisers(projector, body, measurements))
        solution = Solution(projector, body, measurements, exposures, region, config, shell, used)
        solution.noise, solution.founded = noise, int(arrays['founded'])
        solution.held_out = arrays['held_out'].copy()
        solution.misfits = arrays['misfits'].copy()
        return solution

    @property
    def held_out_residual(self) -> float:
        """Weighted RMS over the held-out pixels of the used views as last seen, line integrals."""
        return self.held_out_of(self.used)

    def held_out_of(self, views: np.ndarray) -> float:
        """Return the same of some of the views, (views,) bool."""
        return float(np.sqrt(np.nanmean(self.held_out[views]**2)))

    def add(self, measurement: Measurement) -> None:
        """Let a new view into the model that is there, which it does not move yet."""
        m = weighted(measurement, self.noise) if len(self.body.shell) else measurement
        image = self.image(m)
        exposures = copy(self.exposures)
        exposures.append(m, image)
        residual = exposures.residual(len(self.measurements), m, image)
        held_out = np.append(self.held_out, self._foretold(m, residual))
        misfits = np.concatenate([self.misfits, misfit(m, residual)[None]])
        curvature = density.majoriser(self._projector, self.body, m)[1]
        # Nothing has changed so far, whatever was raised.
        self.exposures, self.held_out, self.misfits = exposures, held_out, misfits
        self.measurements.append(m)
        self.used = np.append(self.used, True)
        self._curvature.append(curvature)

    def forget(self, view: int) -> None:
        """Go on without a view; the body stays as the view has moved it."""
        del self.measurements[view]
        self.exposures.forget(view)
        self._curvature.forget(view)
        self.used = np.delete(self.used, view)
        self.held_out = np.delete(self.held_out, view)
        self.misfits = np.delete(self.misfits, view, axis=0)
        self.founded -= view < self.founded

    def image(self, m: Measurement) -> np.ndarray:
        """Return the line integrals (h, w) through the body as a view sees it."""
        return self._projector.render(self.body, m)

    def aligned(self, m: Measurement, offset: float = 0.0, scale: float = 1.0) -> Correction:
        """Return a view, one of these or another, after one step to the body as it is."""
        if not np.diag(m.prior).any():
            return m.correction   # said to be exact: no voxels are needed
        if self._voxels is None or self._voxels_age > VOXELS_LAST:
            self._voxels = None   # frees its memory first
            self._voxels = VoxelBody(self._projector, self.body, fine_region(self.region))
            self._voxels_age = 0
        return align(self._projector, self.body, self._voxels, m, self.region.center, offset,
                     scale)

    def fit_pose(self, view: int) -> None:
        """Take one step of a view's pose to the body as it is."""
        found = self.aligned(self.measurements[view], self.exposures.offsets[view],
                             self.exposures.scales[view])
        self.measurements[view] = self.measurements[view].moved(found)

    def fix_gauge(self) -> None:
        """Take out what the corrections of the used views have in common."""
        chosen = np.flatnonzero(self.used)
        moving = [self.measurements[k] for k in chosen]
        kept = without_common_motion([m.correction for m in moving],
                                     [m.shot.view for m in moving], self.region.center)
        for k, correction in zip(chosen, kept, strict=True):
            self.measurements[k] = self.measurements[k].moved(correction)

    def fit_exposures(self) -> Pieces[None]:
        """Fit the exposures of all views to the body as it is, and see what it leaves.

        Nothing else may change this solution between its pieces, or they must be left undone.
        """
        images = yield from self.exposures.fit(self._projector, self.body, self.measurements,
                                               self.used)
        residuals = [self.exposures.residual(k, m, image)
                     for k, (m, image) in enumerate(zip(self.measurements, images, strict=True))]
        del images
        if len(self.body.shell):
            chosen = np.flatnonzero(self.used)
            self.noise = noise_of([self.measurements[k] for k in chosen],
                                  [residuals[k] for k in chosen])
            self.measurements = [weighted(m, self.noise) for m in self.measurements]
            yield
        pairs = list(zip(self.measurements, residuals, strict=True))
        self.held_out = np.array([self._foretold(m, left) for m, left in pairs])
        self.misfits = np.array([misfit(m, left) for m, left in pairs])

    def _foretold(self, m: Measurement, residual: np.ndarray) -> float:
        """Return the weighted RMS of a view's residual (h, w) over its held-out pixels."""
        trust = trusted(residual, m.weights + m.held_out, self._outliers)
        return weighted_rms(residual, m.held_out * trust)

    def step(self, view: int, number: int) -> StepResult:
        """Fit one view; ``number`` is that of the step by which the rates have fallen."""
        result = self._refiner.step(self.measurements[view], view, self.exposures, self._curvature,
                                    number, self.held_out_residual)
        self.held_out[view] = result.held_out
        self._voxels_age += 1
        return result
