"""Isotropic total variation of a volume: value and gradient."""

from __future__ import annotations

import math

from numba import njit
import numpy as np

from ixgs_ros.gaussians.jit import KERNEL
from ixgs_ros.gaussians.team import team_of


@njit(**KERNEL)
def _inverse_lengths(begin: int, end: int, volume: np.ndarray, epsilon: float, inverse: np.ndarray,
                     layer_sums: np.ndarray) -> None:
    """Write 1 / √(|D|² + ε²) for the layers [begin, end), and each layer's sum of the roots."""
    depth, height, width = volume.shape
    for z in range(begin, end):
        above = min(z + 1, depth - 1)
        value = 0.0
        for y in range(height):
            below = min(y + 1, height - 1)
            for x in range(width):
                here = volume[z, y, x]
                dx = volume[z, y, min(x + 1, width - 1)] - here
                dy = volume[z, below, x] - here
                dz = volume[above, y, x] - here
                length = math.sqrt(dx * dx + dy * dy + dz * dz + epsilon * epsilon)
                inverse[z, y, x] = np.float32(1) / length
                value += length
        layer_sums[z] = value


@njit(**KERNEL)
def _divergence(begin: int, end: int, volume: np.ndarray, inverse: np.ndarray,
                gradient: np.ndarray) -> None:
    """Write -div(D / √(|D|² + ε²)): each voxel gathers its own and its three lower neighbours'."""
    depth, height, width = volume.shape
    for z in range(begin, end):
        for y in range(height):
            for x in range(width):
                here, own = volume[z, y, x], inverse[z, y, x]
                value = np.float32(0)
                if x + 1 < width:
                    value -= (volume[z, y, x + 1] - here) * own
                if y + 1 < height:
                    value -= (volume[z, y + 1, x] - here) * own
                if z + 1 < depth:
                    value -= (volume[z + 1, y, x] - here) * own
                if x > 0:
                    value += (here - volume[z, y, x - 1]) * inverse[z, y, x - 1]
                if y > 0:
                    value += (here - volume[z, y - 1, x]) * inverse[z, y - 1, x]
                if z > 0:
                    value += (here - volume[z - 1, y, x]) * inverse[z - 1, y, x]
                gradient[z, y, x] = value


def total_variation(volume: np.ndarray, epsilon: float,
                    out: np.ndarray | None = None,
                    threads: int | None = None) -> tuple[float, np.ndarray]:
    """Return the smoothed isotropic total variation and its gradient.

    TV = Σ √(|D|² + ε²) - ε over all voxels, D the three forward differences of neighbouring voxels
    (0 at the upper faces; Rudin, Osher, Fatemi 1992).

    Args:
        volume: (z, y, x) float32, 1/m.
        epsilon: 1/m, > 0: differences well below it are smoothed, those above are kept as edges.
        out: (2, z, y, x) float32 work space: the gradient is written into ``out[0]``.
        threads: how many to use; NUMBA_NUM_THREADS (all cores) if None.

    Returns:
        The value in 1/m, and d value / d volume, (z, y, x) float32, no unit.

    Raises:
        TypeError, ValueError: the volume is not float32 (z, y, x), or epsilon is not positive.
    """
    if volume.dtype != np.float32:
        raise TypeError(f'expected volume as a float32 array, got {volume.dtype}')
    if volume.ndim != 3 or not epsilon > 0:
        raise ValueError(f'expected a volume (z, y, x) and epsilon > 0, got shape {volume.shape} '
                         f'and {epsilon!r}')
    work = np.empty((2, *volume.shape), np.float32) if out is None else out
    gradient, inverse = work
    layers = np.empty(len(volume))
    team = team_of(threads)
    team.run(_inverse_lengths, len(volume), volume, np.float32(epsilon), inverse, layers)
    team.run(_divergence, len(volume), volume, inverse, gradient)
    return float(layers.sum()) - float(np.float32(epsilon)) * volume.size, gradient
