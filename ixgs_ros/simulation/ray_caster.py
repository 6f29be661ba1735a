"""Line integrals through a volume: the simulator's own forward model.

It shares nothing with the Gaussian projector, so that what it makes can judge what that fits.

Method: Joseph's (IEEE Trans. Med. Imaging 1(3), 1982) in index space. A ray is cut by the slabs of
voxels along the axis it crosses fastest; each contributes its length inside the slab times the
bilinear value at the middle of that length. The first and last slab count as far as they lie
inside the volume's box, so a uniform box is integrated exactly. Since the map from metres to
indices may be any affine, oblique and sheared CTs need no resampling.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from ixgs_ros.geometry.view import View
from ixgs_ros.simulation.rays import across, clip
from ixgs_ros.volume.grid import VoxelGrid

# Edge in pixels of the tiles that are cast together; measured: 30 % faster than row by row.
TILE = 16


class RayCaster:
    """Projects one volume.

    Args:
        volume: (z, y, x) attenuation in 1/m; kept as contiguous float32.
        grid: where its voxels lie in the reference frame.
    """

    def __init__(self, volume: np.ndarray, grid: VoxelGrid) -> None:
        if tuple(volume.shape) != grid.shape:
            raise ValueError(f'expected a volume of shape {grid.shape} as the grid says, '
                             f'got {tuple(volume.shape)}')
        reference_from_index = np.eye(4)
        reference_from_index[:3, :3] = np.diag(grid.spacing)
        reference_from_index[:3, 3] = grid.origin
        self._set(volume, reference_from_index)

    @classmethod
    def from_affine(cls, volume: np.ndarray, reference_from_index: np.ndarray) -> RayCaster:
        """Make a caster for any affine (4, 4) from voxel indices (x, y, z) to metres.

        Raises:
            ValueError: the affine is singular or not finite.
        """
        caster = cls.__new__(cls)
        caster._set(volume, np.asarray(reference_from_index, dtype=np.float64))
        return caster

    def _set(self, volume: np.ndarray, reference_from_index: np.ndarray) -> None:
        if volume.ndim != 3 or min(volume.shape) < 2 or reference_from_index.shape != (4, 4):
            raise ValueError('expected a volume (z, y, x) of at least 2 voxels along each axis '
                             f'and an affine (4, 4), got {volume.shape} and '
                             f'{reference_from_index.shape}')
        if not abs(np.linalg.det(reference_from_index[:3, :3])) > 0.0:
            raise ValueError(f'expected an invertible affine, got {reference_from_index.tolist()}')
        self._volume = np.ascontiguousarray(volume, dtype=np.float32)
        self._index_from_reference = np.linalg.inv(reference_from_index)

    def project(self, view: View, rays_per_pixel: int = 1) -> np.ndarray:
        """Return the line integrals (H, W) float32 of a view.

        Args:
            view: where the source and the detector are.
            rays_per_pixel: rays along each side of a pixel. With more than one the pixel
                integrates **intensity** as a detector does: ``y = -ln mean exp(-y_ray)``.
        """
        if rays_per_pixel < 1:
            raise ValueError(f'expected at least one ray per pixel, got {rays_per_pixel}')
        index_from_source = (self._index_from_reference
                             @ view.reference_from_source.matrix())
        intrinsics = np.array([view.k[0, 0], view.k[1, 1], view.k[0, 2], view.k[1, 2]])
        image = np.empty((view.height, view.width), dtype=np.float32)
        _cast(self._volume.ravel(), np.array(self._volume.shape[::-1]), index_from_source,
              intrinsics, rays_per_pixel, image)
        return image


@numba.njit(parallel=True, nogil=True, cache=True)
def _cast(flat: np.ndarray, size: np.ndarray, index_from_source: np.ndarray,
          intrinsics: np.ndarray, rays: int, image: np.ndarray) -> None:
    """Fill ``image`` tile by tile: rays of a tile meet the same voxels while these are cached."""
    height, width = image.shape
    tiles = (width + TILE - 1) // TILE  # in a row
    for tile in numba.prange(tiles * ((height + TILE - 1) // TILE)):
        top, left = tile // tiles * TILE, tile % tiles * TILE
        for row in range(top, min(top + TILE, height)):
            for column in range(left, min(left + TILE, width)):
                image[row, column] = _pixel(flat, size, index_from_source, intrinsics, rays,
                                            column, row)


@numba.njit(nogil=True, cache=True)
def _pixel(flat: np.ndarray, size: np.ndarray, index_from_source: np.ndarray,
           intrinsics: np.ndarray, rays: int, column: int, row: int) -> float:
    """Return what a pixel measures: ``-ln`` of the mean of ``exp(-y)`` over its rays."""
    smallest, total = np.inf, 0.0
    for sub in range(rays * rays):
        u = column + (sub % rays + 0.5) / rays - 0.5
        v = row + (sub // rays + 0.5) / rays - 0.5
        y = _ray(flat, size, index_from_source, intrinsics, u, v)
        # The sum is kept relative to the brightest ray, so that behind metal nothing underflows.
        if y < smallest:
            total, smallest = total * math.exp(y - smallest), y
        total += math.exp(smallest - y)
    return smallest - math.log(total / (rays * rays))


@numba.njit(nogil=True, cache=True)
def _ray(flat: np.ndarray, size: np.ndarray, index_from_source: np.ndarray,
         intrinsics: np.ndarray, u: float, v: float) -> float:
    """Return the line integral along the ray of pixel (u, v): 1/m times metres."""
    x = (u - intrinsics[2]) / intrinsics[0]
    y = (v - intrinsics[3]) / intrinsics[1]
    start = index_from_source[:, 3]
    slope = (index_from_source[:, 0] * x + index_from_source[:, 1] * y + index_from_source[:, 2])
    enter, leave, main = clip(start, slope, size)
    if enter >= leave:
        return 0.0
    metres_per_depth = math.sqrt(x * x + y * y + 1.0)
    return metres_per_depth * _slabs(flat, size, start, slope, main, enter, leave)


@numba.njit(nogil=True, cache=True)
def _slabs(flat: np.ndarray, size: np.ndarray, start: np.ndarray, slope: np.ndarray, main: int,
           enter: float, leave: float) -> float:
    """Return the sum of value times depth over the slabs along axis ``main`` between two depths.

    The ray is rewritten over the index m along ``main``: the other two indices are
    ``b = b_zero + b_step m`` and ``c = c_zero + c_step m``.
    """
    second, third = (main + 1) % 3, (main + 2) % 3
    strides = (1, size[0], size[0] * size[1])
    stride, stride_b, stride_c = strides[main], strides[second], strides[third]
    b_zero, b_step = across(start, slope, main, second)
    c_zero, c_step = across(start, slope, main, third)
    low, high = start[main] + slope[main] * enter, start[main] + slope[main] * leave
    if low > high:
        low, high = high, low
    first = max(int(math.floor(low + 0.5)), 0)
    last = min(int(math.floor(high + 0.5)), size[main] - 1)
    total = 0.0
    for slab in range(first, last + 1):
        below, above = max(low, slab - 0.5), min(high, slab + 0.5)
        middle = 0.5 * (below + above)
        total += (above - below) * _bilinear(
            flat, slab * stride, b_zero + b_step * middle, c_zero + c_step * middle,
            size[second], size[third], stride_b, stride_c)
    return total / abs(slope[main])


@numba.njit(nogil=True, cache=True)
def _bilinear(flat: np.ndarray, offset: int, b: float, c: float, size_b: int, size_c: int,
              stride_b: int, stride_c: int) -> float:
    """Interpolate within a slab; the outer half voxels repeat the outermost values."""
    b = min(max(b, 0.0), size_b - 1.0)
    c = min(max(c, 0.0), size_c - 1.0)
    i = min(int(b), size_b - 2)
    j = min(int(c), size_c - 2)
    fb, fc = b - i, c - j
    # Unsigned, so that numba leaves out its test for negative indices.
    at = np.uintp(offset + i * stride_b + j * stride_c)
    to_b, to_c = np.uintp(stride_b), np.uintp(stride_c)
    near = flat[at] + fc * (flat[at + to_c] - flat[at])
    far = flat[at + to_b] + fc * (flat[at + to_b + to_c] - flat[at + to_b])
    return near + fb * (far - near)
