"""Line integrals through a volume: the simulator's own forward model.

It shares nothing with the Gaussian projector, so that what it makes can judge what that fits.

Method: Joseph's (IEEE Trans. Med. Imaging 1(3), 1982) in index space. A ray is cut by the slabs of
voxels along the axis it crosses fastest; each slab contributes its bilinear value where the ray meets
the slab's middle, times the ray's length inside it. The first and last slab count with the length
that lies inside the volume's box, so a uniform box is integrated exactly. Since the map from metres
to indices may be any affine, oblique and sheared CTs need no resampling.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from ixgs_ros.geometry.view import View
from ixgs_ros.volume.grid import VoxelGrid


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
        if volume.ndim != 3 or reference_from_index.shape != (4, 4):
            raise ValueError(f'expected a volume (z, y, x) and an affine (4, 4), got '
                             f'{volume.shape} and {reference_from_index.shape}')
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
def _cast(flat, size, index_from_source, intrinsics, rays, image):  # type: ignore[no-untyped-def]
    """Fill ``image``; one row of pixels is one piece of work, so threads change nothing."""
    height, width = image.shape
    for row in numba.prange(height):
        for column in range(width):
            if rays == 1:
                image[row, column] = _ray(flat, size, index_from_source, intrinsics, column, row)
                continue
            # exp(-y) is taken relative to the first ray's, so that metal does not underflow.
            first, total = 0.0, 0.0
            for sub in range(rays * rays):
                u = column + (sub % rays + 0.5) / rays - 0.5
                v = row + (sub // rays + 0.5) / rays - 0.5
                y = _ray(flat, size, index_from_source, intrinsics, u, v)
                if sub == 0:
                    first = y
                total += math.exp(first - y)
            image[row, column] = first - math.log(total / (rays * rays))


@numba.njit(nogil=True, cache=True)
def _ray(flat, size, matrix, intrinsics, u, v):  # type: ignore[no-untyped-def]
    """Return the line integral along the ray of pixel (u, v); 1/m times metres."""
    x = (u - intrinsics[2]) / intrinsics[0]
    y = (v - intrinsics[3]) / intrinsics[1]
    # The parameter t is the depth along the principal ray; a step of 1 is this many metres:
    metres = math.sqrt(x * x + y * y + 1.0)
    enter, leave = 0.0, np.inf
    main, fastest = 0, -1.0
    for axis in range(3):
        slope = matrix[axis, 0] * x + matrix[axis, 1] * y + matrix[axis, 2]
        start = matrix[axis, 3]
        if abs(slope) > fastest:
            main, fastest = axis, abs(slope)
        if abs(slope) > 1e-12:
            a = (-0.5 - start) / slope
            b = (size[axis] - 0.5 - start) / slope
            enter, leave = max(enter, min(a, b)), min(leave, max(a, b))
        elif start < -0.5 or start > size[axis] - 0.5:
            return 0.0
    if enter >= leave:
        return 0.0
    return metres * _slabs(flat, size, matrix, x, y, main, enter, leave)


@numba.njit(nogil=True, cache=True, fastmath={'contract'})
def _slabs(flat, size, matrix, x, y, main, enter, leave):  # type: ignore[no-untyped-def]
    """Sum value times depth over the slabs along axis ``main`` between two depths."""
    strides = (1, size[0], size[0] * size[1])
    second, third = (main + 1) % 3, (main + 2) % 3
    slope = matrix[main, 0] * x + matrix[main, 1] * y + matrix[main, 2]
    start = matrix[main, 3]
    slope_b = matrix[second, 0] * x + matrix[second, 1] * y + matrix[second, 2]
    slope_c = matrix[third, 0] * x + matrix[third, 1] * y + matrix[third, 2]
    # Indices of the first and last slab met, in the order of increasing index.
    low, high = start + slope * enter, start + slope * leave
    if low > high:
        low, high = high, low
    first = min(max(int(math.floor(low + 0.5)), 0), size[main] - 1)
    last = min(max(int(math.floor(high + 0.5)), first), size[main] - 1)
    thickness = 1.0 / abs(slope)
    b_per_slab, c_per_slab = slope_b / slope, slope_c / slope
    b_zero = matrix[second, 3] - b_per_slab * start
    c_zero = matrix[third, 3] - c_per_slab * start
    step, step_b, step_c = strides[main], strides[second], strides[third]
    size_b, size_c = size[second], size[third]
    if first == last:
        middle = 0.5 * (low + high)
        return (high - low) * thickness * _bilinear(
            flat, first * step, b_zero + b_per_slab * middle, c_zero + c_per_slab * middle,
            size_b, size_c, step_b, step_c)
    total = 0.0
    for slab in range(first + 1, last):
        total += _bilinear(flat, slab * step, b_zero + b_per_slab * slab,
                           c_zero + c_per_slab * slab, size_b, size_c, step_b, step_c)
    middle = 0.5 * (low + first + 0.5)
    total += (first + 0.5 - low) * _bilinear(
        flat, first * step, b_zero + b_per_slab * middle, c_zero + c_per_slab * middle,
        size_b, size_c, step_b, step_c)
    middle = 0.5 * (last - 0.5 + high)
    total += (high - last + 0.5) * _bilinear(
        flat, last * step, b_zero + b_per_slab * middle, c_zero + c_per_slab * middle,
        size_b, size_c, step_b, step_c)
    return total * thickness


@numba.njit(nogil=True, cache=True, inline='always')
def _bilinear(flat, offset, b, c, size_b, size_c, step_b, step_c):  # type: ignore[no-untyped-def]
    """Interpolate within a slab; the outer half voxels repeat the outermost values."""
    b = min(max(b, 0.0), size_b - 1.0)
    c = min(max(c, 0.0), size_c - 1.0)
    i = min(int(b), max(size_b - 2, 0))
    j = min(int(c), max(size_c - 2, 0))
    # A volume one voxel thick has no next voxel: its weight is 0, its address must still exist.
    next_b = step_b if size_b > 1 else 0
    next_c = step_c if size_c > 1 else 0
    fb, fc = b - i, c - j
    at = offset + i * step_b + j * step_c
    return ((1.0 - fb) * ((1.0 - fc) * flat[at] + fc * flat[at + next_c])
            + fb * ((1.0 - fc) * flat[at + next_b] + fc * flat[at + next_b + next_c]))
