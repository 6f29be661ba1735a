"""Values of a volume at points and on planes (multi-planar reformation)."""

from __future__ import annotations

import numba
import numpy as np

from ixgs_ros.volume.grid import VoxelGrid
from ixgs_ros.volume.plane import Plane


def check_volume(volume: np.ndarray, grid: VoxelGrid) -> np.ndarray:
    """Return the volume as contiguous float32; ValueError if it does not fit the grid."""
    if tuple(volume.shape) != grid.shape:
        raise ValueError(f'expected a volume of shape {grid.shape} as the grid says, got '
                         f'{tuple(volume.shape)}')
    return np.ascontiguousarray(volume, dtype=np.float32)


@numba.njit(inline='always', cache=True, nogil=True)
def trilinear(volume: np.ndarray, x: float, y: float, z: float) -> float:
    """Return the value at a fractional index; 0 outside the box that the voxels fill.

    The box reaches half a voxel beyond the outer centres; in that rim the outermost value holds,
    so that the volume has the extent that its voxels have.
    """
    nz, ny, nx = volume.shape
    if not (-0.5 <= x <= nx - 0.5 and -0.5 <= y <= ny - 0.5 and -0.5 <= z <= nz - 0.5):
        return 0.0
    x = min(max(x, 0.0), nx - 1.0)
    y = min(max(y, 0.0), ny - 1.0)
    z = min(max(z, 0.0), nz - 1.0)
    # min(…, n - 2) keeps the upper neighbour inside; a single voxel has itself as neighbour.
    x0, y0, z0 = (max(min(int(x), nx - 2), 0), max(min(int(y), ny - 2), 0),
                  max(min(int(z), nz - 2), 0))
    x1, y1, z1 = min(x0 + 1, nx - 1), min(y0 + 1, ny - 1), min(z0 + 1, nz - 1)
    fx, fy, fz = x - x0, y - y0, z - z0
    near = ((volume[z0, y0, x0] * (1 - fx) + volume[z0, y0, x1] * fx) * (1 - fy)
            + (volume[z0, y1, x0] * (1 - fx) + volume[z0, y1, x1] * fx) * fy)
    far = ((volume[z1, y0, x0] * (1 - fx) + volume[z1, y0, x1] * fx) * (1 - fy)
           + (volume[z1, y1, x0] * (1 - fx) + volume[z1, y1, x1] * fx) * fy)
    return near * (1 - fz) + far * fz


@numba.njit(cache=True, nogil=True)
def _sample(volume: np.ndarray, indices: np.ndarray, values: np.ndarray) -> None:
    for i in range(indices.shape[0]):
        values[i] = trilinear(volume, indices[i, 0], indices[i, 1], indices[i, 2])


def sample(volume: np.ndarray, grid: VoxelGrid, points: np.ndarray) -> np.ndarray:
    """Return the volume's values at points, trilinear, 0 outside the grid's box.

    Args:
        volume: (z, y, x) in any unit.
        grid: where its voxels lie.
        points: (..., 3) in the reference frame, metres.

    Returns:
        (...) float32 in the volume's unit.
    """
    volume = check_volume(volume, grid)
    points = np.asarray(points, dtype=np.float64)
    if points.shape[-1:] != (3,):
        raise ValueError(f'expected points of shape (..., 3), got {points.shape}')
    return sample_indices(volume, grid.indices(points))


def sample_indices(volume: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Return the values (...) float32 at fractional voxel indices (..., 3) in x, y, z.

    For volumes on an oblique grid; :func:`sample` is for those on a :class:`VoxelGrid`.
    """
    values = np.empty(indices.shape[:-1], dtype=np.float32)
    _sample(np.ascontiguousarray(volume, dtype=np.float32),
            np.ascontiguousarray(indices, dtype=np.float64).reshape(-1, 3), values.reshape(-1))
    return values


def reslice(volume: np.ndarray, grid: VoxelGrid, plane: Plane) -> np.ndarray:
    """Return the image (height, width) of a volume on any plane, float32, 0 outside the grid."""
    return sample(volume, grid, plane.points())


def windowed(image: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return an image as uint8: ``low`` and below is 0, ``high`` and above 255.

    Raises:
        ValueError: the window is empty, or the image holds a value that is not finite.
    """
    if not low < high:
        raise ValueError(f'expected a window with low < high, got {low} to {high}')
    if not np.isfinite(image).all():
        raise ValueError(f'expected finite values, got {int((~np.isfinite(image)).sum())} that '
                         'are not')
    grey = (np.asarray(image, dtype=np.float32) - low) * (255.0 / (high - low))
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)
