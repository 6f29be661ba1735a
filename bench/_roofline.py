"""What one core of this machine can do, and how much the kernels have to do.

The rates are measured with the project's own vectors, in the process and the run that times the
kernels: how many exponentials (`simd.exp`) and floating-point operations (FMA) a core does in a
second with all data in its first cache, and how fast it copies. The work is counted exactly:
pairs of a Gaussian and a pixel (voxel) within its cut ellipse (ellipsoid), by brute force.
"""

from __future__ import annotations

from typing import NamedTuple

from _timing import least
from numba import float32, njit
import numpy as np
from scipy.spatial.transform import Rotation

from ixgs_ros.gaussians import simd, splatting
from ixgs_ros.gaussians.footprints import Footprints
from ixgs_ros.gaussians.jit import KERNEL
from ixgs_ros.gaussians.model import GaussianModel

RESIDENT = 2048   # floats, 8 KB: a quarter of a first-level cache
ROUNDS = 2000
CHAINS = 12       # two units of four cycles' latency need eight

# Not cached on disk: numba would not see that `simd` changed.
PROBE = {**KERNEL, 'cache': False}


class Rates(NamedTuple):
    """Of one core, per second."""

    exps: float
    flops: float


@njit(**PROBE)
def _exps(values: np.ndarray, rounds: int) -> float:
    """Sum the exponentials of ``values``, rounds times, in four independent chains."""
    a = b = c = d = simd.broadcast(float32(0))
    for _ in range(rounds):
        for k in range(0, values.size, 4 * simd.LANES):
            a += simd.exp(simd.load(values, k))
            b += simd.exp(simd.load(values, k + simd.LANES))
            c += simd.exp(simd.load(values, k + 2 * simd.LANES))
            d += simd.exp(simd.load(values, k + 3 * simd.LANES))
    return simd.total(a + b + (c + d))


@njit(**PROBE)
def _fmas(steps: int, factor: float, term: float) -> float:
    """Do x ← factor · x + term on CHAINS independent vectors, steps times."""
    f, t = simd.broadcast(factor), simd.broadcast(term)
    a = b = c = d = e = g = h = i = j = k = m = n = simd.lane_numbers()
    for _ in range(steps):
        a, b, c, d = f * a + t, f * b + t, f * c + t, f * d + t
        e, g, h, i = f * e + t, f * g + t, f * h + t, f * i + t
        j, k, m, n = f * j + t, f * k + t, f * m + t, f * n + t
    return simd.total(a + b + c + d + e + g + h + i + j + k + m + n)


def measured_rates(repeats: int) -> Rates:
    """Return what a core does, the best of several runs."""
    values = np.linspace(-8, 0, RESIDENT, dtype=np.float32)
    steps = 500 * ROUNDS
    times = least({'exps': lambda: _exps(values, ROUNDS),
                   'fmas': lambda: _fmas(steps, np.float32(0.5), np.float32(1))}, repeats)
    return Rates(1e3 * RESIDENT * ROUNDS / times['exps'].cpu_ms,
                 1e3 * 2 * simd.LANES * CHAINS * steps / times['fmas'].cpu_ms)


def copy_ms(count: int, repeats: int) -> float:
    """Return the CPU time of a copy that reads and writes ``count`` bytes together."""
    source = np.zeros(max(1, count // 8), np.float32)
    target = np.ones_like(source)
    return least({'copy': lambda: np.copyto(target, source)}, repeats)['copy'].cpu_ms


def pairs_in_view(footprints: Footprints, cut: float) -> int:
    """Return how many pairs of a Gaussian and a pixel lie within the cut ellipses."""
    table = footprints.table[footprints.seen].astype(np.float64)
    centers = np.pad(table[:, [splatting.U, splatting.V]], ((0, 0), (0, 1)))
    slope, inverse_y = table[:, splatting.SLOPE], table[:, splatting.INVERSE_Y]
    precisions = np.zeros((len(table), 3, 3))
    precisions[:, 0, 0] = table[:, splatting.INVERSE_XX] + slope * slope * inverse_y
    precisions[:, 0, 1] = precisions[:, 1, 0] = -slope * inverse_y
    precisions[:, 1, 1], precisions[:, 2, 2] = inverse_y, 1
    return _count(centers, precisions, _extents(precisions, cut), (1, *footprints.shape),
                  cut * cut)


def pairs_in_box(model: GaussianModel, frame: np.ndarray, shape: tuple[int, int, int],
                 cut: float) -> int:
    """Return how many pairs of a Gaussian and a voxel lie within the cut ellipsoids.

    ``frame`` is packed as the kernels take it (`cpu.grid_frame`, `cpu.plane_frame`).
    """
    axes, origin, spacing = frame[:9].reshape(3, 3), frame[9:12], frame[12:]
    w, x, y, z = model.quaternions.T.astype(np.float64)
    rotations = Rotation.from_quat(np.stack([x, y, z, w], 1)).as_matrix()
    # Rows in index units: the inverse of diag(1 / spacing) · axes · R · diag(s), transposed.
    root = (axes @ rotations) / np.exp(model.log_scales.astype(np.float64))[:, np.newaxis]
    root *= spacing[:, np.newaxis]
    precisions = root @ root.transpose(0, 2, 1)
    centers = (model.means.astype(np.float64) - origin) @ axes.T / spacing
    return _count(centers, precisions, _extents(precisions, cut), shape, cut * cut)


def _extents(precisions: np.ndarray, cut: float) -> np.ndarray:
    """Return the half widths of the boxes around the ellipsoids, (N, 3) in indices."""
    return cut * np.sqrt(np.diagonal(np.linalg.inv(precisions), axis1=1, axis2=2))


@njit(**PROBE)
def _count(centers: np.ndarray, precisions: np.ndarray, extents: np.ndarray,
           shape: tuple[int, int, int], squared_cut: float) -> int:
    """Count the points of the grid (z, y, x) within each ellipsoid, (x, y, z) in indices."""
    pairs = 0
    for i in range(centers.shape[0]):
        c, p, e = centers[i], precisions[i], extents[i]
        for z in range(max(0, int(np.ceil(c[2] - e[2]))),
                       min(shape[0], int(np.floor(c[2] + e[2])) + 1)):
            for y in range(max(0, int(np.ceil(c[1] - e[1]))),
                           min(shape[1], int(np.floor(c[1] + e[1])) + 1)):
                for x in range(max(0, int(np.ceil(c[0] - e[0]))),
                               min(shape[2], int(np.floor(c[0] + e[0])) + 1)):
                    dx, dy, dz = x - c[0], y - c[1], z - c[2]
                    squared = (p[0, 0] * dx * dx + p[1, 1] * dy * dy + p[2, 2] * dz * dz
                               + 2 * (p[0, 1] * dx * dy + p[0, 2] * dx * dz + p[1, 2] * dy * dz))
                    if squared <= squared_cut:
                        pairs += 1
    return pairs
