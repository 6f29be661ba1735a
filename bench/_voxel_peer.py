"""Our own SART with total variation on voxels of the truth's size.

The kernels of our coarse start (``reconstruction.coarse``), but 128 voxels a side in the region
and as many sweeps as there is time for: it tells what the Gaussians themselves are worth. As in
our reconstruction, images are binned to the voxels' size, each view's exposure is fitted in closed
form, and coarse voxels around the region take what lies beyond it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from _peers_scenes import Problem, Snapshot, TRUTH_GRID
import numpy as np

from ixgs_ros.reconstruction import voxel_driven
from ixgs_ros.reconstruction.coarse import (
    FROM_NOTHING,
    hull,
    Layer,
    LEAST_VIEWS,
    outer_layer,
    region_layer,
    solve,
)
from ixgs_ros.reconstruction.correction import Correction, UNKNOWNS
from ixgs_ros.reconstruction.exposure import fit_exposure
from ixgs_ros.reconstruction.measurement import bin_photons, Measurement
from ixgs_ros.reconstruction.tv_prox import prox_tv
from ixgs_ros.reconstruction.work import finish
from ixgs_ros.shot import Shot
from ixgs_ros.volume.grid import VoxelGrid

BINNING = 2
# λ of sweep n: RELAXATION / (1 + n / DECAY_SWEEPS).
RELAXATION, DECAY_SWEEPS = 0.5, 10.0
# Exposures are fitted anew, to one state of the volume, every so many sweeps.
EXPOSURE_SWEEPS = 3
# Of a sweep at the first relaxation, 1/m.
TV_WEIGHT, TV_ITERATIONS = 0.25, 10
OUTER_EXTENT = 0.25


def sart_tv(problem: Problem, seconds: float) -> Iterator[Snapshot]:
    """Yield the volume after each sweep over all views."""
    views = [_measured(shot) for shot in problem.shots]
    offsets, scales = np.zeros(len(views)), np.ones(len(views))
    inner = Layer(TRUTH_GRID, finish(hull(views, offsets, TRUTH_GRID, LEAST_VIEWS, 2)))
    outer = finish(outer_layer(views, offsets, problem.region, OUTER_EXTENT))
    layers = [inner, outer] if outer.support.any() else [inner]
    lengths = [_project(layers, [layer.support.astype(np.float32) for layer in layers], view)
               for view in views]
    sweep = 0
    while True:
        if sweep and sweep % EXPOSURE_SWEEPS == 0:
            offsets, scales = _exposures(layers, views)
        rate = RELAXATION / (1.0 + sweep / DECAY_SWEEPS)
        for k in np.random.default_rng((0, sweep)).permutation(len(views)):
            image = _project(layers, [layer.volume for layer in layers], views[k])
            residual = views[k].values - np.float32(offsets[k]) - np.float32(scales[k]) * image
            _backproject(layers, residual, lengths[k], views[k], rate)
        for layer in layers:
            layer.volume = prox_tv(layer.volume, TV_WEIGHT * rate / RELAXATION, TV_ITERATIONS,
                                   layer.dual)
            layer.volume[layer.support == 0] = 0
        yield partial(np.copy, inner.volume)
        sweep += 1


def _exposures(layers: list[Layer], views: list[Measurement]) -> tuple[np.ndarray, np.ndarray]:
    """Return offsets of mean 0 and scales of mean 1 that fit the views to the volume."""
    fitted = [fit_exposure(view.values, _project(layers, [layer.volume for layer in layers], view),
                           view.weights) for view in views]
    offsets, scales = np.array(fitted).T
    return offsets - offsets.mean(), scales + 1.0 - scales.mean()


def _measured(shot: Shot) -> Measurement:
    values, weights = bin_photons(shot.line_integrals, shot.weights, BINNING)
    return Measurement(shot, shot.view.binned(BINNING), values, weights,
                       np.zeros_like(weights), weights, shot.view.binned(2 * BINNING), BINNING,
                       Correction(), np.zeros((UNKNOWNS, UNKNOWNS)))


def _project(layers: list[Layer], volumes: list[np.ndarray], view: Measurement) -> np.ndarray:
    """Return the line integrals (h, w) of all layers together."""
    images = [np.empty_like(view.values) for _ in layers]
    for layer, volume, image in zip(layers, volumes, images, strict=True):
        layer.project(volume, view.view.packed(), image)
    return sum(images[1:], images[0])


def _backproject(layers: list[Layer], residual: np.ndarray, lengths: np.ndarray,
                 view: Measurement, rate: float) -> None:
    """Spread a residual evenly along its rays; in place."""
    shortest = 2 * layers[0].grid.spacing[0]
    used = (lengths > shortest) & (view.weights > 0)
    density = np.where(used, residual / np.maximum(lengths, shortest), 0).astype(np.float32)
    for layer in layers:
        voxel_driven.backproject(density, layer.grid.origin, layer.grid.spacing[0],
                                 view.view.packed(), rate, layer.support, layer.volume)


def coarse_volume(problem: Problem) -> tuple[np.ndarray, VoxelGrid]:
    """Return what our coarse start finds in the body's box: (z, y, x) in 1/m, and its grid."""
    views = [_measured(shot) for shot in problem.shots]
    offsets = np.zeros(len(views))
    layer = finish(region_layer(views, offsets, problem.body))
    finish(solve([layer], views, offsets, 0, FROM_NOTHING))
    return layer.volume, layer.grid
