"""The body is wider than the field: a coarse shell of Gaussians around the region.

Every ray also crosses what lies in front of and behind the region. How that is distributed there
cannot be known (each place is seen by few shots), but its sum along every ray can, and without it
the region's own Gaussians would have to explain it. So the shell covers all that any shot sees, up
to the rays' reach (``model.shell_extent``), in lattices whose cells double with the distance.
"""

from __future__ import annotations

import numpy as np

from ixgs_ros.gaussians.model import GaussianModel
from ixgs_ros.reconstruction.coarse import Layer
from ixgs_ros.reconstruction.lattice import gaussians_at, nearest, occupied, sites
from ixgs_ros.volume.grid import Region

# Distances from the region, as shares of the extent, up to which the cell is 1, 2 and 4 times the
# first.
ZONES = (0.15, 0.45, 1.0)
# The first cell over the region's own cell.
FIRST_CELL = 2.0


def shell(layer: Layer, region: Region, extent: float, cell: float, count: int) -> GaussianModel:
    """Return the shell.

    Args:
        layer: the coarse start around the region.
        region: what the fine lattice fills; the shell leaves it free.
        extent: how far the shell reaches beyond it, metres.
        cell: edge of the region's lattice cell, metres.
        count: most Gaussians.
    """
    first = FIRST_CELL * cell
    where = occupied(layer)
    while True:
        zones = _zones(layer, where, region, extent, first, count)
        if zones is not None:
            points, cells = zones
            return gaussians_at(points, cells, nearest(layer.volume, layer, points))
        first *= 1.05


def _zones(layer: Layer, where: np.ndarray, region: Region, extent: float, first: float,
           most: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Return sites (M, 3) and their cells (M,), metres, of all zones; None if more than most."""
    points, cells = [], []
    inner, left = region, most
    for k, share in enumerate(ZONES):
        outer = Region(region.center, region.size + 2 * share * extent)
        cell = first * 2**k
        # A quarter of a cell keeps the zones' Gaussians from piling up at the border.
        lower, upper = inner.lower - 0.25 * cell, inner.upper + 0.25 * cell

        def wanted(sites: np.ndarray, lower: np.ndarray = lower,
                   upper: np.ndarray = upper) -> np.ndarray:
            beyond = ~((sites > lower) & (sites < upper)).all(-1)
            return beyond & nearest(where, layer, sites)

        found = sites(outer, cell, region.center, wanted, left)
        if found is None:
            return None
        left -= len(found)
        points.append(found)
        cells.append(np.full(len(found), cell))
        inner = outer
    return np.concatenate(points), np.concatenate(cells)
