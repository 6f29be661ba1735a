"""The proximal step of isotropic total variation on a volume, for the coarse start.

Solves ``min_x ½ |x - b|² + weight · TV(x)``, ``x >= 0``, by projected gradient steps on the dual
field (Chambolle, J. Math. Imaging Vis. 20, 2004; the constraint as in Beck and Teboulle, IEEE TIP
18, 2009).
"""

from __future__ import annotations

import math

from numba import njit
import numpy as np

from ixgs_ros.gaussians.jit import KERNEL
from ixgs_ros.gaussians.team import team_of


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
    """x = max(0, b + weight · div p) in the layers [begin, end)."""
    _, ny, nx = b.shape
    for k in range(begin, end):
        for j in range(ny):
            for i in range(nx):
                d = dual[0, k, j, i] + dual[1, k, j, i] + dual[2, k, j, i]
                if i > 0:
                    d -= dual[0, k, j, i - 1]
                if j > 0:
                    d -= dual[1, k, j - 1, i]
                if k > 0:
                    d -= dual[2, k - 1, j, i]
                x[k, j, i] = max(np.float32(0.0), b[k, j, i] + weight * d)


@njit(**KERNEL)
def _dual(begin: int, end: int, x: np.ndarray, step: float, dual: np.ndarray) -> None:
    """p ← projection of p + step · grad x onto the unit balls, in the layers [begin, end).

    Across the border the gradient is zero.
    """
    nz, ny, nx = x.shape
    one = np.float32(1.0)
    for k in range(begin, end):
        k1 = min(k + 1, nz - 1)
        for j in range(ny):
            j1 = min(j + 1, ny - 1)
            for i in range(nx):
                i1 = min(i + 1, nx - 1)
                c = x[k, j, i]
                gx = dual[0, k, j, i] + step * (x[k, j, i1] - c)
                gy = dual[1, k, j, i] + step * (x[k, j1, i] - c)
                gz = dual[2, k, j, i] + step * (x[k1, j, i] - c)
                length = np.float32(math.sqrt(gx * gx + gy * gy + gz * gz))
                shrink = one / length if length > one else one
                dual[0, k, j, i] = gx * shrink
                dual[1, k, j, i] = gy * shrink
                dual[2, k, j, i] = gz * shrink
