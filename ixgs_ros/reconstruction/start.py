"""A new start: coarse voxels, then Gaussians on lattices over what they hold."""

from __future__ import annotations

import numpy as np

from ixgs_ros.gaussians.model import GaussianModel
from ixgs_ros.reconstruction import coarse
from ixgs_ros.reconstruction.body import Body, Projector
from ixgs_ros.reconstruction.config import ReconstructionConfig
from ixgs_ros.reconstruction.lattice import (
    gaussians_at,
    lattice_sites,
    METAL,
    nearest,
    occupied,
)
from ixgs_ros.reconstruction.measurement import Measurement
from ixgs_ros.reconstruction.shell import shell
from ixgs_ros.reconstruction.work import Pieces
from ixgs_ros.volume.grid import Region

# The fine lattice goes this far beyond the region, so that the coarse shell does not show inside.
MARGIN = 0.004
# How often the Gaussians' densities are matched to the voxels that they are made from: once gains
# 0.5 dB, twice 0.6, four times 0.7 (chest, the first volume).
MATCHES = 2
# No finer lattice than this many voxels a cell: more Gaussians than voxels would say nothing.
LEAST_CELL = 2.0


def fine_region(region: Region) -> Region:
    """Return the box of the fine lattice: the region with its margin."""
    return Region(region.center, region.size + 2 * MARGIN)


def empty_layers(measurements: list[Measurement], offsets: np.ndarray, region: Region,
                 config: ReconstructionConfig) -> Pieces[list[coarse.Layer]]:
    """Return the coarse voxels over the region and, unless nothing lies beyond it, around it."""
    box = fine_region(region)
    layers = [(yield from coarse.region_layer(measurements, offsets, box))]
    if config.model.shell_share > 0:
        layers.append((yield from coarse.outer_layer(measurements, offsets, box,
                                                     config.model.shell_extent)))
    return layers


def build_body(projector: Projector, measurements: list[Measurement], offsets: np.ndarray,
               region: Region, config: ReconstructionConfig,
               begun: list[np.ndarray] | None = None, quick: bool = False
               ) -> Pieces[tuple[Body, list[np.ndarray]]]:
    """Return a body from the measurements, and the coarse voxels that it was made from.

    Args:
        projector: evaluates bodies.
        measurements: of at least two views.
        offsets: (views,) exposure offsets known so far.
        region: of the volume.
        config: caps, extent and seed.
        begun: the coarse voxels of an earlier start, if there was one.
        quick: make do with few sweeps.
    """
    model, box = config.model, fine_region(region)
    layers = yield from empty_layers(measurements, offsets, region, config)
    inner = layers[0]
    schedule = schedule_of(layers, len(measurements), begun is not None, quick)
    yield from coarse.solve(layers, measurements, offsets, config.seed, schedule, begun)
    beyond = layers[1] if len(layers) > 1 and occupied(layers[1]).any() else None
    share = 0.0 if beyond is None else model.shell_share
    count = int((1.0 - share) * model.max_gaussians)
    # Of few shots of a body wider than the field, voxels pile up to more than metal has.
    told = beyond is None or len(measurements) >= coarse.MANY_VIEWS
    points, cells, cell = lattice_sites(inner, box, count, LEAST_CELL * config.volume.spacing,
                                        METAL if told else np.inf)
    yield
    fine = gaussians_at(points, cells, nearest(inner.volume, inner, points))
    around = GaussianModel.empty() if beyond is None else shell(
        beyond, box, model.shell_extent, cell, model.max_gaussians - count)
    body = Body(fine, around)
    for _ in range(MATCHES if told else 0):
        yield
        # Not metal: where hardly a photon comes, a right view would stand out by it.
        body.match(projector, inner.grid, inner.volume, METAL)
    return body, [layer.volume for layer in layers]


def schedule_of(layers: list[coarse.Layer], views: int, begun: bool, quick: bool
                ) -> coarse.Schedule:
    """Return how long the layers are filled.

    Args:
        layers: the region's first, and what lies around it.
        views: how many fill them.
        begun: whether they hold what an earlier start found.
        quick: make do with few sweeps.
    """
    if quick:
        return coarse.QUICK
    if begun:
        return coarse.AGAIN
    beyond = len(coarse.occupied(layers)) > 1
    return coarse.BEYOND if beyond and views >= coarse.MANY_VIEWS else coarse.FROM_NOTHING


def intersection(a: Region, b: Region) -> Region | None:
    """Return the box that two boxes share, or None."""
    lower, upper = np.maximum(a.lower, b.lower), np.minimum(a.upper, b.upper)
    return Region(0.5 * (lower + upper), upper - lower) if (upper > lower).all() else None
