"""The proximal step of isotropic total variation on a volume, for the coarse start.

Solves ``min_x ½ |x - b|² + weight · TV(x)``, ``x >= 0``, by projected gradient steps on the dual
field (Chambolle, J. Math. Imaging Vis. 20, 2004; the constraint as in Beck and Teboulle, IEEE TIP
18, 2009).
"""

from __future__ import annotations

import math

from numba import float32, njit
import numpy as np

from ixgs_ros.gaussians.jit import KERNEL
from ixgs_ros.gaussians.simd import broadcast, choose, LANES
from ixgs_ros.gaussians.simd_parts import load_part, store_part
from ixgs_ros.gaussians.team import team_of

ZERO, ONE = float32(0), float32(1)


def prox_tv(volume: np.ndarray, weight: float, iterations: int, dual: np.ndarray) -> np.ndarray:
    """Return the denoised volume.

    Args:
        volume: (z, y, x) float32, 1/m.
        weight: of the total variation, 1/m.
        iterations: of the dual step.
        dual: (3, z, y, x) float32, warm start, changed in place.
    """
    result, team = np.empty_like(volume), team_of()
    team.run(_primal, len(volume), volume, np.float32(weight), dual, result)
    for _ in range(iterations):
        # 1/12 bounds the step: the squared norm of the forward difference in 3-D is at most 12.
        team.run(_dual, len(volume), result, np.float32(1.0 / (12.0 * weight)), dual)
        team.run(_primal, len(volume), volume, np.float32(weight), dual, result)
    return result


@njit(**KERNEL)
def _primal(begin: int, end: int, b: np.ndarray, weight: float, dual: np.ndarray,
            x: np.ndarray) -> None:
    """x = max(0, b + weight · div p) in the layers [begin, end), LANES voxels at a time."""
    nz, ny, nx = b.shape
    inputs, p, outputs = b.reshape(-1), dual.reshape(-1), x.reshape(-1)
    # Where p of each component begins in the flat field.
    py, pz = nz * ny * nx, 2 * nz * ny * nx
    zeros = broadcast(ZERO)
    for k in range(begin, end):
        for j in range(ny):
            for i in range(0, nx, LANES):
                at, count = (k * ny + j) * nx + i, min(LANES, nx - i)
                d = (load_part(p, at, 0, count, zeros) + load_part(p, py + at, 0, count, zeros)
                     + load_part(p, pz + at, 0, count, zeros))
                # What lies before the first voxel of a row, a layer or all is 0.
                d = d - load_part(p, at - 1, int(i == 0), count, zeros)
                d = d - load_part(p, py + at - nx, 0, count if j > 0 else 0, zeros)
                d = d - load_part(p, pz + at - nx * ny, 0, count if k > 0 else 0, zeros)
                value = load_part(inputs, at, 0, count, zeros) + weight * d
                store_part(outputs, at, count, choose(value, ZERO, value, ZERO))


@njit(**KERNEL)
def _dual(begin: int, end: int, x: np.ndarray, step: float, dual: np.ndarray) -> None:
    """p ← projection of p + step · grad x onto the unit balls, in the layers [begin, end).

    Across the border the gradient is zero.
    """
    nz, ny, nx = x.shape
    inputs, p = x.reshape(-1), dual.reshape(-1)
    py, pz = nz * ny * nx, 2 * nz * ny * nx
    zeros = broadcast(ZERO)
    for k in range(begin, end):
        # In the last layer and row, a voxel's neighbour is itself.
        layer = nx * ny if k < nz - 1 else 0
        for j in range(ny):
            row = nx if j < ny - 1 else 0
            for i in range(0, nx, LANES):
                at, count = (k * ny + j) * nx + i, min(LANES, nx - i)
                here = load_part(inputs, at, 0, count, zeros)
                right = load_part(inputs, at + 1, 0, min(LANES, nx - 1 - i), here)
                gx = load_part(p, at, 0, count, zeros) + step * (right - here)
                below = load_part(inputs, at + row, 0, count, zeros)
                gy = load_part(p, py + at, 0, count, zeros) + step * (below - here)
                behind = load_part(inputs, at + layer, 0, count, zeros)
                gz = load_part(p, pz + at, 0, count, zeros) + step * (behind - here)
                length = math.sqrt(gx * gx + gy * gy + gz * gz)
                shrink = ONE / choose(length, ONE, length, ONE)
                store_part(p, at, count, gx * shrink)
                store_part(p, py + at, count, gy * shrink)
                store_part(p, pz + at, count, gz * shrink)
