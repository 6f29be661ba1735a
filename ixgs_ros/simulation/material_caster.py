"""Line integrals of all materials of a body at once.

Method: Joseph's, as in :mod:`~ixgs_ros.simulation.ray_caster`, but here the channels lie side by
side in memory, so that one ray fetches them all and pays for its geometry once. Outermost voxels
are the body's edge: a ray integrates from half a voxel before the first centre to half a voxel
behind the last.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from ixgs_ros.geometry.view import View
from ixgs_ros.simulation.material_shot import MaterialShot
from ixgs_ros.simulation.materials import Body
from ixgs_ros.simulation.rays import across, clip

CHANNELS = 5            # the four materials and the bone target


class MaterialCaster:
    """Casts one body; its voxels are cut to where there is anything, and interleaved, once."""

    def __init__(self, body: Body) -> None:
        """Keep the part of ``body`` that is not empty; 20 bytes a voxel."""
        filled = (body.densities > 0.0).any(axis=0) | (body.bone > 0.0)
        cuts = []
        for axis in range(3):
            others = tuple(a for a in range(3) if a != axis)
            used = np.flatnonzero(filled.any(axis=others))
            first, last = (used[0], used[-1]) if len(used) else (0, 0)
            # One empty voxel all round: what is interpolated then fades to nothing as it did.
            first = max(min(first - 1, filled.shape[axis] - 2), 0)
            cuts.append(slice(first, max(last + 2, first + 2)))
        channels = [*(d[tuple(cuts)] for d in body.densities), body.bone[tuple(cuts)]]
        self._voxels = np.ascontiguousarray(np.stack(channels, axis=-1))
        reference_from_index = np.array(body.lps_from_index, dtype=np.float64)
        corner = np.array([cut.start for cut in cuts[::-1]], dtype=np.float64)
        reference_from_index[:3, 3] += reference_from_index[:3, :3] @ corner
        self._index_from_reference = np.linalg.inv(reference_from_index)
        self._metal = body.metal

    def cast(self, view: View) -> MaterialShot:
        """Return the area densities and the bone's line integrals of a view."""
        index_from_source = self._index_from_reference @ view.reference_from_source.matrix()
        image = np.empty((view.height, view.width, CHANNELS), dtype=np.float32)
        _cast(self._voxels.reshape(-1, CHANNELS), np.array(self._voxels.shape[2::-1]),
              index_from_source, view.intrinsics, image)
        planes = np.moveaxis(image, -1, 0)
        return MaterialShot(view, planes[:-1], planes[-1], self._metal)


def cast(body: Body, view: View) -> MaterialShot:
    """Return the shot of a single view; for many of one body keep a :class:`MaterialCaster`."""
    return MaterialCaster(body).cast(view)


@numba.njit(parallel=True, nogil=True, cache=True)
def _cast(voxels: np.ndarray, size: np.ndarray, index_from_source: np.ndarray,
          intrinsics: np.ndarray, image: np.ndarray) -> None:
    """Fill ``image`` (H, W, 5); a row of it at a time."""
    for row in numba.prange(image.shape[0]):
        for column in range(image.shape[1]):
            _ray(voxels, size, index_from_source, (column - intrinsics[2]) / intrinsics[0],
                 (row - intrinsics[3]) / intrinsics[1], image[row, column])


@numba.njit(nogil=True, cache=True)
def _ray(voxels: np.ndarray, size: np.ndarray, index_from_source: np.ndarray, x: float, y: float,
         pixel: np.ndarray) -> None:
    """Set ``pixel`` (5,) to the integrals along the ray through (x, y, 1) before the source."""
    pixel[:] = 0.0
    start = index_from_source[:, 3]
    slope = index_from_source[:, 0] * x + index_from_source[:, 1] * y + index_from_source[:, 2]
    enter, leave, main = clip(start, slope, size)
    if enter >= leave:
        return
    _slabs(voxels, size, start, slope, main, enter, leave, pixel)
    metres_per_index = math.sqrt(x * x + y * y + 1.0) / abs(slope[main])
    for channel in range(CHANNELS):
        pixel[channel] *= metres_per_index


@numba.njit(nogil=True, cache=True, fastmath=True)
def _slabs(voxels: np.ndarray, size: np.ndarray, start: np.ndarray, slope: np.ndarray, main: int,
           enter: float, leave: float, pixel: np.ndarray) -> None:
    """Add up value times length over the slabs along axis ``main``, in its index.

    The other two indices are ``b = b_zero + b_step m`` and ``c = c_zero + c_step m``.
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
    b_last, c_last = size[second] - 1.0, size[third] - 1.0
    sum_0 = sum_1 = sum_2 = sum_3 = sum_4 = np.float32(0.0)
    for slab in range(first, last + 1):
        below, above = max(low, slab - 0.5), min(high, slab + 0.5)
        middle = 0.5 * (below + above)
        b = min(max(b_zero + b_step * middle, 0.0), b_last)
        c = min(max(c_zero + c_step * middle, 0.0), c_last)
        i, j = min(int(b), size[second] - 2), min(int(c), size[third] - 2)
        at = np.uintp(slab * stride + i * stride_b + j * stride_c)
        to_b, to_c = np.uintp(stride_b), np.uintp(stride_c)
        # Rounding may put the end of the last slab before its beginning, by some 1e-16.
        length = np.float32(max(above - below, 0.0))
        fb, fc = np.float32(b - i), np.float32(c - j)
        gb, gc = np.float32(1.0) - fb, np.float32(1.0) - fc
        w00, w01 = length * gb * gc, length * gb * fc
        w10, w11 = length * fb * gc, length * fb * fc
        v00, v01 = voxels[at], voxels[at + to_c]
        v10, v11 = voxels[at + to_b], voxels[at + to_b + to_c]
        sum_0 += w00 * v00[0] + w01 * v01[0] + w10 * v10[0] + w11 * v11[0]
        sum_1 += w00 * v00[1] + w01 * v01[1] + w10 * v10[1] + w11 * v11[1]
        sum_2 += w00 * v00[2] + w01 * v01[2] + w10 * v10[2] + w11 * v11[2]
        sum_3 += w00 * v00[3] + w01 * v01[3] + w10 * v10[3] + w11 * v11[3]
        sum_4 += w00 * v00[4] + w01 * v01[4] + w10 * v10[4] + w11 * v11[4]
    pixel[0], pixel[1], pixel[2], pixel[3], pixel[4] = sum_0, sum_1, sum_2, sum_3, sum_4
