"""The forward projector of the coarse start: line integrals through voxels.

Joseph's method (IEEE Trans. Med. Imaging 1(3), 1982): the ray visits the voxel planes across its
main axis, the one that it runs along most, and interpolates bilinearly within each. Its adjoint's
stand-in is `voxel_driven`.

LANES neighbouring pixels of a row are done at a time, a ray in each lane. Their rays leave one
source for points on a line, so every coordinate of their directions is linear in the lane's
number; what the rays do per plane of voxels is a ratio of two such. The few rays about a diagonal
of the volume, whose neighbours have another main axis, are marched along each axis with the others
masked. A ray's own sum never depends on its neighbours, nor on the number of threads.

Ratios are taken in float32 about the volume's middle, where they are small: a ray is then off by
1e-5 voxels at most.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from numba import float32, njit
import numpy as np

from ixgs_ros.gaussians import simd
from ixgs_ros.gaussians.jit import INLINE, KERNEL
from ixgs_ros.gaussians.simd import broadcast, choose, lane_numbers, LANES, Vector
from ixgs_ros.gaussians.simd_parts import corners, corners_apart, least, store_part
from ixgs_ros.gaussians.team import team_of
from ixgs_ros.gaussians.vectors import Triple
from ixgs_ros.reconstruction.bilinear import bilinear, cell, ONE, ZERO

# A ray that is less steep is taken to be so steep where it is asked for the planes it visits, so
# that nothing is divided by zero: it moves by 1e-4 voxels in a hundred planes.
LEAST_SLOPE = np.float32(1e-6)
# No plane has this number.
NEVER = np.float32(1e9)


class Rays(NamedTuple):
    """A ray in each lane, in voxel indices x, y, z counted from the middle voxel."""

    source: Triple      # float64
    first: Triple       # direction of lane 0, float64
    step: Triple        # from lane to lane, float64


class Voxels(NamedTuple):
    """A volume as a flat array, everything else along x, y, z."""

    values: np.ndarray
    size: tuple[int, int, int]
    strides: tuple[int, int, int]
    middle: tuple[int, int, int]
    box: np.ndarray     # (2, 3): first and last voxels that rays visit


def box_of(support: np.ndarray) -> np.ndarray:
    """Return the box outside of which nothing is interpolated from the support.

    Args:
        support: (z, y, x), 0 where a volume is.

    Returns:
        (2, 3) int64: first and last voxels along x, y, z; where there is none, last < first.
    """
    box = np.array([[0, 0, 0], [-1, -1, -1]])
    if support.any():
        for axis, others in enumerate(((0, 1), (0, 2), (1, 2))):
            where = np.flatnonzero(support.any(axis=others))
            last = support.shape[2 - axis] - 1
            box[:, axis] = max(where[0] - 1, 0), min(where[-1] + 1, last)
    return box


def project(volume: np.ndarray, origin: np.ndarray, spacing: float, view: np.ndarray,
            image: np.ndarray, box: np.ndarray | None = None) -> None:
    """Write the line integrals through a volume of cubic voxels into ``image`` (H, W).

    Args:
        volume: (z, y, x) float32, 1/m, at least two voxels along each axis.
        origin: (3,) float64, centre of the first voxel, x, y, z in metres.
        spacing: distance of voxel centres, metres.
        view: (16,) float64, ``View.packed()``.
        image: (H, W) float32, overwritten.
        box: ``box_of`` a support outside of which the volume is 0; all of it if None.

    Raises:
        ValueError: the volume has fewer voxels.
    """
    if min(volume.shape) < 2:
        raise ValueError('expected at least two voxels along each axis, got a volume of shape '
                         f'{volume.shape}')
    if box is None:
        box = np.array([[0, 0, 0], [n - 1 for n in volume.shape[::-1]]])
    team_of().run(_project, len(image), volume, box, origin, spacing, view, image)


@njit(**KERNEL)
def _project(begin: int, end: int, volume: np.ndarray, box: np.ndarray, origin: np.ndarray,
             spacing: float, view: np.ndarray, image: np.ndarray) -> None:
    """Write the rows [begin, end) of the image."""
    nz, ny, nx = volume.shape
    width, pixels = image.shape[1], image.reshape(-1)
    middle = (nx // 2, ny // 2, nz // 2)
    voxels = Voxels(volume.reshape(-1), (nx, ny, nz), (1, nx, nx * ny), middle, box)
    sx, sy, sz = _rotated_back(view, -view[9], -view[10], -view[11])
    source = ((sx - origin[0]) / spacing - middle[0], (sy - origin[1]) / spacing - middle[1],
              (sz - origin[2]) / spacing - middle[2])
    step = _rotated_back(view, 1.0 / view[12], 0.0, 0.0)
    for v in range(begin, end):
        for u in range(0, width, LANES):
            first = _rotated_back(view, (u - view[14]) / view[12], (v - view[15]) / view[13], 1.0)
            total = _integrals(voxels, Rays(source, first, step)) * float32(spacing)
            store_part(pixels, v * width + u, min(LANES, width - u), total)


@njit(**INLINE)
def _rotated_back(view: np.ndarray, x: float, y: float, z: float) -> Triple:
    """Return a vector of the source frame in the reference frame."""
    return (view[0] * x + view[3] * y + view[6] * z, view[1] * x + view[4] * y + view[7] * z,
            view[2] * x + view[5] * y + view[8] * z)


@njit(**INLINE)
def _integrals(voxels: Voxels, rays: Rays) -> Vector:
    """Return the integrals in voxel units."""
    axes = _main_axes(rays)
    total = broadcast(ZERO)
    for main in range(int(least(axes)), 1 - int(least(-axes))):
        total += _march(voxels, rays, axes, main)
    return total


@njit(**INLINE)
def _main_axes(rays: Rays) -> Vector:
    """Return which axis each ray runs along most: 0, 1 or 2 for x, y, z."""
    x, y, z = (_magnitude(_direction(rays, 0)), _magnitude(_direction(rays, 1)),
               _magnitude(_direction(rays, 2)))
    return choose(z, _greater(x, y), broadcast(float32(2)),
                  choose(y, x, broadcast(ONE), broadcast(ZERO)))


@njit(**INLINE)
def _direction(rays: Rays, axis: int) -> Vector:
    return float32(rays.first[axis]) + float32(rays.step[axis]) * lane_numbers()


@njit(**INLINE)
def _march(voxels: Voxels, rays: Rays, axes: Vector, main: int) -> Vector:
    """Return the integrals of the rays with this main axis, 0 for the others.

    Planes are numbered from the middle one. All rays visit the planes that any of them visits;
    what they read outside of their own does not count.
    """
    a, b = (2 if main < 2 else 1), (0 if main > 0 else 1)
    start_a, slope_a = _crossing(voxels, rays, main, a)
    start_b, slope_b = _crossing(voxels, rays, main, b)
    low, high = _ahead(voxels, rays, main)
    low, high = _inside(voxels.box[:, a], start_a, slope_a, low, high)
    low, high = _inside(voxels.box[:, b], start_b, slope_b, low, high)
    other = axes - float32(main)
    low = choose(other * other, ONE, broadcast(NEVER), -simd.floor(-low))
    high = choose(other * other, ONE, broadcast(-NEVER), simd.floor(high))
    last_a, last_b = float32(voxels.size[a] - 2), float32(voxels.size[b] - 2)
    stride_a, stride_b = voxels.strides[a], voxels.strides[b]
    middle, stride = voxels.middle[main], voxels.strides[main]
    total = broadcast(ZERO)
    for plane in range(int(least(low)), 1 - int(least(-high))):
        at_a, at_b = start_a + float32(plane) * slope_a, start_b + float32(plane) * slope_b
        cell_a, cell_b = cell(at_a, last_a), cell(at_b, last_b)
        first = (plane + middle) * stride
        # Voxels along x are neighbours in memory, and b is x unless the rays run along it.
        if main > 0:
            around = corners(voxels.values, first, cell_a, stride_a, cell_b)
        else:
            around = corners_apart(voxels.values, first, cell_a, stride_a, cell_b,
                                   stride_b)
        value = bilinear(around, at_a - cell_a, at_b - cell_b)
        value = choose(float32(plane) - low, ZERO, value, ZERO)
        total += choose(high - float32(plane), ZERO, value, ZERO)
    return total * math.sqrt(ONE + slope_a * slope_a + slope_b * slope_b)


@njit(**INLINE)
def _crossing(voxels: Voxels, rays: Rays, main: int, axis: int) -> tuple[Vector, Vector]:
    """Return the index along ``axis`` in the middle plane, and its change from plane to plane."""
    inverse = ONE / _direction(rays, main)
    along, across = rays.source[main], rays.source[axis]
    # source + (0 - along) · direction / main direction, over the common denominator.
    first = across * rays.first[main] - along * rays.first[axis]
    step = across * rays.step[main] - along * rays.step[axis]
    start = (float32(first) + float32(step) * lane_numbers()) * inverse
    return start + float32(voxels.middle[axis]), _direction(rays, axis) * inverse


@njit(**INLINE)
def _ahead(voxels: Voxels, rays: Rays, main: int) -> tuple[Vector, Vector]:
    """Return the first and the last plane of the box that lie ahead of the source."""
    low = broadcast(float32(voxels.box[0, main] - voxels.middle[main]))
    high = broadcast(float32(voxels.box[1, main] - voxels.middle[main]))
    source, direction = broadcast(float32(rays.source[main])), _direction(rays, main)
    return (choose(direction, ZERO, _greater(low, source), low),
            choose(direction, ZERO, high, _smaller(high, source)))


@njit(**INLINE)
def _inside(box: np.ndarray, start: Vector, slope: Vector, low: Vector,
            high: Vector) -> tuple[Vector, Vector]:
    """Return which of the planes [low, high] the rays cross within the box along one axis."""
    steep = choose(slope * slope, LEAST_SLOPE * LEAST_SLOPE, slope, LEAST_SLOPE)
    inverse = ONE / steep
    enter, leave = (float32(box[0]) - start) * inverse, (float32(box[1]) - start) * inverse
    return (_greater(low, _smaller(enter, leave)), _smaller(high, _greater(enter, leave)))


@njit(**INLINE)
def _magnitude(x: Vector) -> Vector:
    return choose(x, ZERO, x, -x)


@njit(**INLINE)
def _greater(x: Vector, y: Vector) -> Vector:
    return choose(x, y, x, y)


@njit(**INLINE)
def _smaller(x: Vector, y: Vector) -> Vector:
    return choose(x, y, y, x)
