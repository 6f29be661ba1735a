"""A baseline in the style of R²-Gaussian (Zha et al., NeurIPS 2024), of our own writing.

Their published method and settings on our kernels: 50 000 Gaussians, densities by softplus, scales
bounded by a sigmoid, one view a step at the detector's resolution, the loss ``L1 + 0.25 (1 - SSIM)
+ 0.05 TV`` with the total variation of a random box of 32³ voxels, and Adam, whose rates fall to a
tenth over the run. They train 10 000 to 30 000 steps; here as many as fit into the seconds, so the
rates follow these. They start from FDK, which is wrong for our orbits: here either 50 000 places
are drawn by the density of a few sweeps of coarse SART, or at random. Nothing is cloned or split,
which they begin after 500 steps.

Their units: the scene in [-1, 1] (half the region's edge is 1) and densities up to 1 (40/m).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
import time

from _peers_scenes import Problem, Snapshot, TRUTH_GRID
from _ssim_loss import ssim_and_gradient
from _voxel_peer import coarse_volume
import numpy as np
from scipy.spatial import cKDTree

from ixgs_ros.gaussians.cpu import CpuSplatter
from ixgs_ros.gaussians.model import GaussianModel, Gradients
from ixgs_ros.gaussians.tv import total_variation
from ixgs_ros.shot import Shot
from ixgs_ros.volume.grid import VoxelGrid
from ixgs_ros.volume.mpr import sample

GAUSSIANS = 50_000
SSIM_WEIGHT, TV_WEIGHT, TV_VOXELS = 0.25, 0.05, 32
RATES = {'means': 2e-4, 'log_scales': 5e-3, 'quaternions': 1e-3, 'densities': 1e-2}
LAST_RATE = 0.1
# Of the standard deviations, in units of the scene.
SCALE_BOUNDS = (0.0005, 0.5)
DECAYS, TINY = (0.9, 0.999), 1e-15
DENSITY = 40.0            # 1/m
# A start by density: where there is more than this, and this share of it as peak (their paper).
EMPTY, PEAK_SHARE = 0.05, 0.15
CHUNK = 5

Start = Callable[[Problem, np.random.Generator], GaussianModel]


def random_start(problem: Problem, rng: np.random.Generator) -> GaussianModel:
    """Return Gaussians drawn evenly over the body's box, of a tenth of water each."""
    box = problem.body
    means = box.lower + box.size * rng.uniform(size=(GAUSSIANS, 3))
    return _isotropic(means, np.full(GAUSSIANS, 0.05 * DENSITY))


def density_start(problem: Problem, rng: np.random.Generator) -> GaussianModel:
    """Return Gaussians drawn evenly where a coarse reconstruction holds anything."""
    volume, grid = coarse_volume(problem)
    filled = np.argwhere(volume > EMPTY * DENSITY)[:, ::-1]
    chosen = filled[rng.integers(len(filled), size=GAUSSIANS)]
    means = grid.origin + grid.spacing * (chosen + rng.uniform(-0.5, 0.5, chosen.shape))
    return _isotropic(means, PEAK_SHARE * sample(volume, grid, means))


def _isotropic(means: np.ndarray, densities: np.ndarray) -> GaussianModel:
    """Return Gaussians as wide as their nearest neighbour is far."""
    distance = cKDTree(means).query(means, k=2, workers=1)[0][:, 1]
    model = GaussianModel.empty(len(means))
    model.means[:] = means
    model.log_scales[:] = np.log(np.maximum(distance, 1e-5))[:, np.newaxis]
    model.densities[:] = np.maximum(densities, 1e-3)
    return model


class Raw:
    """The unbounded numbers that Adam steps, and the model that they stand for.

    Args:
        model: the start; changed in place from then on.
        unit: half the region's edge, metres.
    """

    def __init__(self, model: GaussianModel, unit: float) -> None:
        self.model, self._unit = model, unit
        low, high = SCALE_BOUNDS
        share = (np.exp(model.log_scales) / unit - low) / (high - low)
        share = np.clip(share, 1e-4, 1 - 1e-4)
        self.blocks = {'means': model.means / np.float32(unit),
                       'log_scales': np.log(share / (1 - share)),
                       'quaternions': model.quaternions,
                       'densities': np.log(np.expm1(model.densities / DENSITY))}
        self._first = {name: np.zeros_like(block) for name, block in self.blocks.items()}
        self._second = {name: np.zeros_like(block) for name, block in self.blocks.items()}
        self._steps = 0
        self._apply()

    def step(self, gradients: Gradients, factor: float) -> None:
        """Take one step of Adam against the gradients by the model's own parameters."""
        self._steps += 1
        chain = self._chain(gradients)
        corrections = [1.0 - decay ** self._steps for decay in DECAYS]
        for name, block in self.blocks.items():
            first, second, gradient = self._first[name], self._second[name], chain[name]
            first += np.float32(1 - DECAYS[0]) * (gradient - first)
            second += np.float32(1 - DECAYS[1]) * (gradient * gradient - second)
            size = np.sqrt(second * np.float32(1 / corrections[1])) + np.float32(TINY)
            block -= np.float32(RATES[name] * factor / corrections[0]) * first / size
        self._apply()

    def _chain(self, gradients: Gradients) -> dict[str, np.ndarray]:
        """Return the gradients by the raw numbers."""
        low, high = SCALE_BOUNDS
        share = _sigmoid(self.blocks['log_scales'])
        by_share = np.float32(high - low) / (low + np.float32(high - low) * share)
        return {'means': gradients.means * np.float32(self._unit),
                'log_scales': gradients.log_scales * by_share * share * (1 - share),
                'quaternions': gradients.quaternions,
                'densities': gradients.densities * np.float32(DENSITY)
                * _sigmoid(self.blocks['densities'])}

    def _apply(self) -> None:
        low, high = SCALE_BOUNDS
        model, raw = self.model, self.blocks
        model.means[:] = raw['means'] * np.float32(self._unit)
        scales = low + (high - low) * _sigmoid(raw['log_scales'])
        model.log_scales[:] = np.log(scales * self._unit)
        model.quaternions /= np.linalg.norm(model.quaternions, axis=1, keepdims=True)
        model.densities[:] = DENSITY * np.logaddexp(0, raw['densities'])


def fit(problem: Problem, seconds: float, start: Start) -> Iterator[Snapshot]:
    """Yield the volume after every few steps.

    Args:
        problem: the shots.
        seconds: CPU seconds over which the rates fall.
        start: makes the Gaussians.
    """
    begin = time.process_time()
    rng = np.random.default_rng(0)
    unit = 0.5 * float(problem.region.size.max())
    raw, splatter = Raw(start(problem, rng), unit), CpuSplatter()
    order: list[int] = []
    while True:
        yield partial(splatter.voxelize, raw.model, TRUTH_GRID)
        for _ in range(CHUNK):
            order = order or rng.permutation(len(problem.shots)).tolist()
            gradients = image_gradient(splatter, raw.model, problem.shots[order.pop()], unit)
            gradients.add(smoothing_gradient(splatter, raw.model, rng))
            done = min(1.0, (time.process_time() - begin) / seconds)
            raw.step(gradients, LAST_RATE ** done)


def image_gradient(splatter: CpuSplatter, model: GaussianModel, shot: Shot,
                   unit: float) -> Gradients:
    """Return the gradient of ``L1 + 0.25 (1 - SSIM)`` of one view, in their units."""
    footprints = splatter.project(model, shot.view)
    scale = np.float32(1.0 / (DENSITY * unit))
    image, wanted = splatter.render(footprints) * scale, shot.line_integrals * scale
    _, by_ssim = ssim_and_gradient(image, wanted)
    by_image = np.sign(image - wanted) / np.float32(image.size) - np.float32(SSIM_WEIGHT) * by_ssim
    return splatter.gradient(footprints, np.ascontiguousarray(scale * by_image))


def smoothing_gradient(splatter: CpuSplatter, model: GaussianModel,
                       rng: np.random.Generator) -> Gradients:
    """Return the gradient of 0.05 times the mean total variation of a random box."""
    first = rng.integers(np.array(TRUTH_GRID.size) - TV_VOXELS + 1)
    box = VoxelGrid(TRUTH_GRID.origin + TRUTH_GRID.spacing * first, TRUTH_GRID.spacing,
                    (TV_VOXELS, TV_VOXELS, TV_VOXELS))
    volume = splatter.voxelize(model, box) / np.float32(DENSITY)
    _, by_voxel = total_variation(volume, 1e-4)
    by_voxel *= np.float32(TV_WEIGHT / volume.size / DENSITY)
    return splatter.voxelize_gradient(model, box, by_voxel)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))
