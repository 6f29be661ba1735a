"""A body as seen through a map of space: every deformation ends here.

A deformation says for a point of the new body where in the old one it comes from. It is evaluated
on a coarse lattice; between its points the map is trilinear, which anatomy's smooth deformations
bear.
"""

from __future__ import annotations

from collections.abc import Callable
import math

import numba
import numpy as np

from ixgs_ros.simulation.bodies.template import SPACING_M
from ixgs_ros.simulation.materials import Body

LATTICE_M = 0.0125
# From points (n, 3) of the new body, LPS metres, to where they come from in the old one.
PointMap = Callable[[np.ndarray], np.ndarray]


def warped(body: Body, old_from_new: PointMap, lower: np.ndarray, upper: np.ndarray,
           spacing: float = SPACING_M) -> Body:
    """Return the new body on a grid of cubes along the LPS axes.

    Densities and bone target are carried along unchanged, so what is stretched gains mass.

    Args:
        body: the old body.
        old_from_new: the map.
        lower: corner of the new body's box, (3,) LPS metres.
        upper: the opposite corner.
        spacing: edge of a voxel of the new body, metres.
    """
    size = np.maximum(2, np.ceil((upper - lower) / spacing)).astype(int)
    first = lower + 0.5 * spacing
    knots = np.ceil((size - 1) * spacing / LATTICE_M).astype(int) + 2
    z, y, x = np.meshgrid(*(first[a] + LATTICE_M * np.arange(knots[a]) for a in (2, 1, 0)),
                          indexing='ij')
    points = old_from_new(np.stack([x, y, z], axis=-1).reshape(-1, 3))
    index_from_lps = np.linalg.inv(body.lps_from_index)
    lattice = points @ index_from_lps[:3, :3].T + index_from_lps[:3, 3]
    old = np.ascontiguousarray(np.moveaxis(np.concatenate([body.densities, body.bone[None]]), 0,
                                           -1))
    new = np.zeros((5, size[2], size[1], size[0]), dtype=np.float32)
    _pull(old, lattice.reshape(*knots[::-1], 3).astype(np.float32), spacing / LATTICE_M, new)
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = first
    return Body(new[:4], new[4], affine, body.metal)


@numba.njit(parallel=True, nogil=True, cache=True)
def _pull(old: np.ndarray, lattice: np.ndarray, ratio: float, new: np.ndarray) -> None:
    """Fill ``new`` (5, z, y, x) from ``old`` (z, y, x, 5); nothing outside it.

    ``lattice`` (Z, Y, X, 3) holds old indices x, y, z; ``ratio`` is its step per new voxel.
    """
    _, layers, rows, columns = new.shape
    for k in numba.prange(layers):
        for j in range(rows):
            for i in range(columns):
                u, v, w = i * ratio, j * ratio, k * ratio
                a, b, c = int(u), int(v), int(w)
                fu, fv, fw = u - a, v - b, w - c
                x = y = z = 0.0
                for corner in range(8):
                    da, db, dc = corner & 1, corner >> 1 & 1, corner >> 2
                    weight = ((fu if da else 1 - fu) * (fv if db else 1 - fv)
                              * (fw if dc else 1 - fw))
                    x += weight * lattice[c + dc, b + db, a + da, 0]
                    y += weight * lattice[c + dc, b + db, a + da, 1]
                    z += weight * lattice[c + dc, b + db, a + da, 2]
                _sample(old, x, y, z, new[:, k, j, i])


@numba.njit(nogil=True, cache=True)
def _sample(old: np.ndarray, x: float, y: float, z: float, voxel: np.ndarray) -> None:
    """Set ``voxel`` (5,) to the trilinear value of ``old`` at an index; it is zero already."""
    depth, height, width, channels = old.shape
    i, j, k = math.floor(x), math.floor(y), math.floor(z)
    if i < 0 or j < 0 or k < 0 or i > width - 2 or j > height - 2 or k > depth - 2:
        return
    fx, fy, fz = x - i, y - j, z - k
    for channel in range(channels):
        total = 0.0
        for corner in range(8):
            di, dj, dk = corner & 1, corner >> 1 & 1, corner >> 2
            total += ((fx if di else 1 - fx) * (fy if dj else 1 - fy) * (fz if dk else 1 - fz)
                      * old[k + dk, j + dj, i + di, channel])
        voxel[channel] = total
