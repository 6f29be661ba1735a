"""What an image says of each voxel: the coarse start's backprojector, and its visual hull.

Each voxel looks at the image where its centre is projected to. That is not the adjoint of
`joseph`, which spreads a pixel over the voxels along its ray, but what SART asks of it: smooth,
without the pattern that coarse rays leave.

Every voxel is computed by itself, so the result does not depend on the number of threads. Lengths
in metres, pixel and voxel centres at integers, volumes (z, y, x); ``view`` is ``View.packed()``.
"""

from __future__ import annotations

from numba import float32, njit
import numpy as np

from ixgs_ros.gaussians.jit import INLINE, KERNEL
from ixgs_ros.gaussians.simd import broadcast, choose, lane_numbers, LANES, Vector
from ixgs_ros.gaussians.simd_parts import (
    any_at_least,
    corners,
    load_flags,
    load_part,
    store_part,
)
from ixgs_ros.gaussians.team import team_of
from ixgs_ros.gaussians.vectors import Triple
from ixgs_ros.reconstruction.bilinear import bilinear, cell, ONE, ZERO

# How far ahead of the source a voxel must be, metres.
NEAREST = np.float32(1e-6)


def backproject(image: np.ndarray, origin: np.ndarray, spacing: float, view: np.ndarray,
                factor: float, support: np.ndarray, volume: np.ndarray) -> None:
    """Add ``factor`` times the image at each voxel's projection, and clip at zero.

    Args:
        image: (H, W) float32, bilinearly interpolated, at least two pixels each way; nothing is
            added outside of it.
        origin: (3,) float64, centre of the first voxel, metres.
        spacing: distance of voxel centres, metres.
        view: (16,) float64, ``View.packed()``.
        factor: relaxation.
        support: (z, y, x) uint8; voxels where it is 0 are left alone.
        volume: (z, y, x) float32, changed in place, kept >= 0.

    Raises:
        ValueError: the image has fewer pixels.
    """
    if min(image.shape) < 2:
        raise ValueError('expected an image of at least two rows and two columns, got one of '
                         f'shape {image.shape}')
    team_of().run(_backproject, len(volume), image, origin, spacing, view, factor, support, volume)


@njit(**KERNEL)
def _backproject(begin: int, end: int, image: np.ndarray, origin: np.ndarray, spacing: float,
                 view: np.ndarray, factor: float, support: np.ndarray,
                 volume: np.ndarray) -> None:
    """Add to the layers [begin, end) of the volume, LANES voxels along x at a time."""
    _, ny, nx = volume.shape
    height, width = image.shape
    pixels, voxels, flags = image.reshape(-1), volume.reshape(-1), support.reshape(-1)
    step = _in_pixels(view, view[0] * spacing, view[3] * spacing, view[6] * spacing)
    for k in range(begin, end):
        for j in range(ny):
            start = _row_start(view, origin, j * spacing, k * spacing)
            for i in range(0, nx, LANES):
                at, count = (k * ny + j) * nx + i, min(LANES, nx - i)
                inside = load_flags(flags, at, count)
                # Most vectors of a hollow support, or beside the image, are done with here.
                if not any_at_least(inside, ONE):
                    continue
                u, v, depth = _projection(view, start, step, i)
                inside = choose(depth, NEAREST, inside, ZERO)
                inside = _within(u, width, _within(v, height, inside))
                if not any_at_least(inside, ONE):
                    continue
                cell_u, cell_v = cell(u, float32(width - 2)), cell(v, float32(height - 2))
                around = corners(pixels, 0, cell_v, width, cell_u)
                before = load_part(voxels, at, 0, count, broadcast(ZERO))
                after = before + float32(factor) * bilinear(around, v - cell_v, u - cell_u)
                after = choose(after, ZERO, after, ZERO)
                store_part(voxels, at, count, choose(inside, ONE, after, before))


@njit(**INLINE)
def _in_pixels(view: np.ndarray, x: float, y: float, z: float) -> Triple:
    """Return fx x, fy y and z of a point in the source frame, computed in float64, as float32."""
    return float32(view[12] * x), float32(view[13] * y), float32(z)


@njit(**INLINE)
def _row_start(view: np.ndarray, origin: np.ndarray, dy: float, dz: float) -> Triple:
    """Return the same of the first voxel of a row, so far along y and z from the first of all."""
    x, y, z = origin[0], origin[1] + dy, origin[2] + dz
    return _in_pixels(view, view[0] * x + view[1] * y + view[2] * z + view[9],
                      view[3] * x + view[4] * y + view[5] * z + view[10],
                      view[6] * x + view[7] * y + view[8] * z + view[11])


@njit(**INLINE)
def _projection(view: np.ndarray, start: Triple, step: Triple,
                i: int) -> tuple[Vector, Vector, Vector]:
    """Return the pixels (u, v) and depths of a row's voxels from ``i`` on.

    Numerators and denominator are linear along the row.
    """
    number = lane_numbers() + float32(i)
    depth = start[2] + number * step[2]
    inverse = ONE / depth
    return (float32(view[14]) + (start[0] + number * step[0]) * inverse,
            float32(view[15]) + (start[1] + number * step[1]) * inverse, depth)


@njit(**INLINE)
def _within(x: Vector, count: int, flags: Vector) -> Vector:
    """Return the flags, 0 where not 0 <= x <= count - 1."""
    return choose(x, ZERO, choose(-x, float32(1 - count), flags, ZERO), ZERO)


def look_up(image: np.ndarray, origin: np.ndarray, spacing: float, view: np.ndarray,
            air: float, outside_is_air: bool, seen: np.ndarray, through_air: np.ndarray) -> None:
    """Count for each voxel the views that see it, and those that tell that it is air.

    Args:
        image: (H, W) float32 line integrals; NaN where masked: neither seen nor air.
        origin: (3,) float64, centre of the first voxel, metres.
        spacing: distance of voxel centres, metres.
        view: (16,) float64, ``View.packed()``.
        air: line integral below which a ray has met nothing.
        outside_is_air: whether the view shows the whole body, so that nothing is beside its image.
        seen: (z, y, x) uint8 counter, changed in place.
        through_air: (z, y, x) uint8 counter, changed in place.
    """
    team_of().run(_look_up, len(seen), image, origin, spacing, view, air, outside_is_air, seen,
                  through_air)


@njit(**KERNEL)
def _look_up(begin: int, end: int, image: np.ndarray, origin: np.ndarray, spacing: float,
             view: np.ndarray, air: float, outside_is_air: bool, seen: np.ndarray,
             through_air: np.ndarray) -> None:
    """Count in the layers [begin, end)."""
    _, ny, nx = seen.shape
    height, width = image.shape
    for k in range(begin, end):
        z = origin[2] + k * spacing
        for j in range(ny):
            y = origin[1] + j * spacing
            tx = view[1] * y + view[2] * z + view[9]
            ty = view[4] * y + view[5] * z + view[10]
            tz = view[7] * y + view[8] * z + view[11]
            for i in range(nx):
                x = origin[0] + i * spacing
                depth = view[6] * x + tz
                if depth <= 0.0:
                    continue
                u = round(view[12] * (view[0] * x + tx) / depth + view[14])
                v = round(view[13] * (view[3] * x + ty) / depth + view[15])
                if 0 <= u < width and 0 <= v < height:
                    value = image[int(v), int(u)]
                    if value == value:
                        seen[k, j, i] = min(seen[k, j, i] + 1, 255)
                        if value < air:
                            through_air[k, j, i] = min(through_air[k, j, i] + 1, 255)
                elif outside_is_air:
                    through_air[k, j, i] = min(through_air[k, j, i] + 1, 255)
