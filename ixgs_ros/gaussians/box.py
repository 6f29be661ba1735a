"""Gaussians in the index units of a box: their table, and the order in which they are visited.

The box is any orthonormal frame with a spacing along each axis: a voxel grid, a part of one, or
(one layer deep) an oblique plane. In its index units Gaussian i has the centre c and Σ = A Aᵀ,
where row m of A is (frame_m · R) diag(s) / spacing_m. A layer at distance dz from the centre cuts
it in the ellipse with, in terms of the rows of A (Schur complements, written as products that do
not cancel):

    centre (cx + dz Σxz / Σzz, cy + dz Σyz / Σzz),  exponent lowered by ½ dz² / Σzz
    covariance  [A_r × A_z · A_q × A_z] / Σzz  for r, q in x, y;  1 / Σy|xz = |Ax × Az|² / |A|²
"""

from __future__ import annotations

import math
from typing import NamedTuple

from numba import float32, njit
import numpy as np

from ixgs_ros.gaussians import simd
from ixgs_ros.gaussians.jit import INLINE, KERNEL
from ixgs_ros.gaussians.simd import LANES, put
from ixgs_ros.gaussians.strips import ceiling, strip_rows, walk_length
from ixgs_ros.gaussians.vectors import (
    combined,
    cross,
    dot,
    rotation_rows,
    take_triple,
    take_unit_quaternion,
    times,
    Triple,
)

# Columns of the table of Gaussians in a box, (N, BOX_COLUMNS) float32, index units.
(CX, CY, CZ, SHIFT_X, SHIFT_Y, INVERSE_ZZ, INVERSE_XX, DEVIATION_X, SLOPE, INVERSE_Y, RATIO, BEND,
 WALK, REACH, HALF_HEIGHT, ROWS, HALF_DEPTH) = range(17)
BOX_COLUMNS = 17
# Smallest normal float32, about: a volume below it is none.
SMALLEST = np.float32(1e-37)
# Layers and rows among which the order is free: a volume's slab, filled as a whole, and a band of
# it stay in the caches.
SLAB, BAND = 8, 8


class Box(NamedTuple):
    """Axes as rows in the reference frame, centre of the first voxel and spacings in metres."""

    x: Triple
    y: Triple
    z: Triple
    origin: Triple
    spacing: Triple


@njit(**INLINE)
def read_box(frame: np.ndarray) -> Box:
    """Return the box of a packed frame, (15,) float64: its fields one after the other."""
    return Box((float32(frame[0]), float32(frame[1]), float32(frame[2])),
               (float32(frame[3]), float32(frame[4]), float32(frame[5])),
               (float32(frame[6]), float32(frame[7]), float32(frame[8])),
               (float32(frame[9]), float32(frame[10]), float32(frame[11])),
               (float32(frame[12]), float32(frame[13]), float32(frame[14])))


@njit(**INLINE)
def box_rows(box: Box, quaternion: tuple) -> tuple[Triple, Triple, Triple]:
    """Return the rows of frame · R, no unit."""
    w, x, y, z, _ = quaternion
    rotation = rotation_rows(w, x, y, z)
    return combined(box.x, rotation), combined(box.y, rotation), combined(box.z, rotation)


@njit(**INLINE)
def reach_of(center: Triple, half: Triple, shape: tuple[int, int, int], volume: float) -> float:
    """Return the half depth of a Gaussian; -1 if it misses the box, -2 if it is not a number."""
    zero, unseen, wrong = float32(0), float32(-1), float32(-2)
    seen = half[2]
    for axis in range(3):
        far = float32(shape[2 - axis] - 1)
        seen = simd.choose(center[axis] + half[axis], zero, seen, unseen)
        seen = simd.choose(far - center[axis] + half[axis], zero, seen, unseen)
    reach = center[0] + center[1] + center[2] + half[0] + half[1] + half[2]
    seen = simd.choose(reach - reach, zero, seen, wrong)
    return simd.choose(volume * volume, SMALLEST, seen, wrong)


@njit(**KERNEL)
def prepare(begin: int, end: int, means: np.ndarray, scales: np.ndarray, quaternions: np.ndarray,
            frame: np.ndarray, shape: tuple[int, int, int], cut: float, table: np.ndarray) -> int:
    """Write rows [begin, end) of the table of Gaussians in a box; return how many are not finite.

    ``half_depth`` < 0 marks what misses the box.
    """
    box, last, one = read_box(frame), end - 1, float32(1)
    inverse = (one / box.spacing[0], one / box.spacing[1], one / box.spacing[2])
    for i in range(begin, end, LANES):
        s, quaternion = take_triple(scales, i, last), take_unit_quaternion(quaternions, i, last)
        rx, ry, rz = box_rows(box, quaternion)
        ax = times(rx, (s[0] * inverse[0], s[1] * inverse[0], s[2] * inverse[0]))
        ay = times(ry, (s[0] * inverse[1], s[1] * inverse[1], s[2] * inverse[1]))
        az = times(rz, (s[0] * inverse[2], s[1] * inverse[2], s[2] * inverse[2]))
        mean = take_triple(means, i, last)
        offset = (mean[0] - box.origin[0], mean[1] - box.origin[1], mean[2] - box.origin[2])
        center = times((dot(box.x, offset), dot(box.y, offset), dot(box.z, offset)), inverse)
        write_box_rows(table, i, last, center, ax, ay, az, shape, cut)
    bad = 0
    for i in range(begin, end):
        bad += 1 if table[i, HALF_DEPTH] < float32(-1.5) else 0
    return bad


@njit(**INLINE)
def write_box_rows(table: np.ndarray, i: int, last: int, c: Triple, ax: Triple, ay: Triple,
                   az: Triple, shape: tuple[int, int, int], cut: float) -> None:
    """Write the rows of the table from ``i`` on, from the centres and the rows of A."""
    zero, one = float32(0), float32(1)
    xx, yy, zz = dot(ax, ax), dot(ay, ay), dot(az, az)
    xz, yz = cross(ax, az), cross(ay, az)
    gxx, gxy, gyy = dot(xz, xz), dot(xz, yz), dot(yz, yz)
    volume = dot(ax, yz)
    half = (cut * math.sqrt(xx), cut * math.sqrt(yy), cut * math.sqrt(zz))
    seen = reach_of(c, half, shape, volume)
    inverse_zz, inverse_gxx, squared = one / zz, one / gxx, volume * volume
    inverse_y, variance_y, slope = gxx / squared, squared * inverse_gxx, gxy * inverse_gxx
    reach, half_height = cut * math.sqrt(variance_y), cut * math.sqrt(gyy * inverse_zz)
    put(table, i, last, CX, simd.choose(seen, zero, c[0], zero))
    put(table, i, last, CY, simd.choose(seen, zero, c[1], zero))
    put(table, i, last, CZ, simd.choose(seen, zero, c[2], zero))
    put(table, i, last, SHIFT_X, dot(ax, az) * inverse_zz)
    put(table, i, last, SHIFT_Y, dot(ay, az) * inverse_zz)
    put(table, i, last, INVERSE_ZZ, inverse_zz)
    put(table, i, last, INVERSE_XX, zz * inverse_gxx)
    put(table, i, last, DEVIATION_X, math.sqrt(gxx * inverse_zz))
    put(table, i, last, SLOPE, slope)
    put(table, i, last, INVERSE_Y, inverse_y)
    put(table, i, last, RATIO, simd.exp(-inverse_y))
    put(table, i, last, BEND, simd.exp(float32(-4) * inverse_y))
    put(table, i, last, WALK, simd.choose(seen, zero, walk_length(variance_y, cut), zero))
    put(table, i, last, REACH, reach)
    put(table, i, last, HALF_HEIGHT, half_height)
    put(table, i, last, ROWS,
        simd.choose(seen, zero, strip_rows(slope, reach, half_height), zero))
    put(table, i, last, HALF_DEPTH, seen)


@njit(**INLINE)
def first_layer(table: np.ndarray, i: int) -> int:
    """Return the first layer under Gaussian ``i``, which may lie below the box."""
    return ceiling(table[i, CZ] - table[i, HALF_DEPTH])


@njit(**INLINE)
def place(table: np.ndarray, i: int, depth: int, height: int) -> int:
    """Return the rank of Gaussian ``i`` in :func:`sort`."""
    slab = min(max(0, first_layer(table, i)), depth - 1) // SLAB
    bands = (height - 1) // BAND + 1
    return slab * bands + min(max(0, int(table[i, CY])), height - 1) // BAND


@njit(**KERNEL)
def sort(table: np.ndarray, depth: int, height: int, order: np.ndarray) -> int:
    """Write which Gaussians touch the box, int32, neighbours after each other; return how many.

    By the slab of their first layer, then by the band of their centre, then by number.
    """
    starts = np.zeros(((depth - 1) // SLAB + 1) * ((height - 1) // BAND + 1) + 1, np.int64)
    for i in range(table.shape[0]):
        if table[i, HALF_DEPTH] >= float32(0):
            starts[place(table, i, depth, height) + 1] += 1
    for k in range(1, starts.size):
        starts[k] += starts[k - 1]
    for i in range(table.shape[0]):
        if table[i, HALF_DEPTH] >= float32(0):
            k = place(table, i, depth, height)
            order[starts[k]] = i
            starts[k] += 1
    return starts[-1]


@njit(**KERNEL)
def arrange(begin: int, end: int, table: np.ndarray, order: np.ndarray,
            arranged: np.ndarray) -> None:
    """Write rows [begin, end) of the table in an order: what is read next is then in a cache."""
    for k in range(begin, end):
        arranged[k] = table[order[k]]
