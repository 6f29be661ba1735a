"""Gaussians evaluated at the points of a box, and the gradient of a loss on the box.

The box is any orthonormal frame with a spacing along each axis: a voxel grid, a part of one, or
(one layer deep) an oblique plane. In its index units Gaussian i has the centre c and Σ = A Aᵀ,
where row m of A is (frame_m · R) diag(s) / spacing_m. A layer at distance dz from the centre cuts
it in the ellipse with, in terms of the rows of A (Schur complements, written as products that do
not cancel):

    centre (cx + dz Σxz / Σzz, cy + dz Σyz / Σzz),  exponent lowered by ½ dz² / Σzz
    covariance  [A_r × A_z · A_q × A_z] / Σzz  for r, q in x, y;  1 / Σy|xz = |Ax × Az|² / |A|²

so each layer is an image, drawn by the loops of `splatting`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from numba import float32, njit
import numpy as np

from ixgs_ros.gaussians import simd
from ixgs_ros.gaussians.jit import INLINE, KERNEL
from ixgs_ros.gaussians.simd import LANES, put, take
from ixgs_ros.gaussians.splatting import (
    add_ellipse,
    ceiling,
    cut_threshold,
    Ellipse,
    gather_ellipse,
    strip_rows,
    walk_length,
)
from ixgs_ros.gaussians.vectors import (
    combined,
    cross,
    dot,
    put_quaternion_gradient,
    put_triple,
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
# Layers filled together, so that they stay in the cache; a layer's sum does not depend on it.
SLAB = 8


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
def layer_span(table: np.ndarray, i: int, first: int, end: int) -> tuple[int, int]:
    """Return the first layer in [first, end) under Gaussian ``i`` and the one after the last."""
    z, reach = table[i, CZ], table[i, HALF_DEPTH]
    if reach < float32(0):
        return 0, 0
    return max(first, ceiling(z - reach)), min(end, ceiling(z + reach + float32(1)))


@njit(**INLINE)
def layer_ellipse(table: np.ndarray, i: int, dz: float, cut: float) -> Ellipse:
    """Return the ellipse of Gaussian ``i`` in the layer ``dz`` above its centre."""
    distance = dz * dz * table[i, INVERSE_ZZ]
    left = max(cut * cut - distance, float32(0))
    return Ellipse(table[i, CX] + dz * table[i, SHIFT_X], table[i, CY] + dz * table[i, SHIFT_Y],
                   table[i, INVERSE_XX], table[i, SLOPE], table[i, INVERSE_Y], table[i, RATIO],
                   table[i, BEND], int(table[i, WALK]), table[i, REACH], table[i, HALF_HEIGHT],
                   int(table[i, ROWS]), math.sqrt(left) * table[i, DEVIATION_X],
                   float32(-0.5) * distance)


@njit(**KERNEL)
def fill(begin: int, end: int, table: np.ndarray, densities: np.ndarray, norm: float, cut: float,
         padded: np.ndarray, volume: np.ndarray) -> None:
    """Write Σ norm · densities · e into the layers [begin, end) of ``volume`` (z, y, x), 1/m.

    ``padded`` is work space, z · (y + 1) · (x + LANES). Each voxel sums the Gaussians in order.
    """
    threshold = cut_threshold(cut)
    _, height, width = volume.shape
    stride = width + LANES
    layer = (height + 1) * stride
    for first in range(begin, end, SLAB):
        last = min(first + SLAB, end)
        for k in range(first * layer, last * layer):
            padded[k] = float32(0)
        for i in range(table.shape[0]):
            low, high = layer_span(table, i, first, last)
            amplitude = norm * densities[i]
            if amplitude == float32(0):
                continue
            for z in range(low, high):
                ellipse = layer_ellipse(table, i, float32(z) - table[i, CZ], cut)
                add_ellipse(padded, z * layer, stride, height, width, ellipse, amplitude,
                            threshold)
        for z in range(first, last):
            for y in range(height):
                start = z * layer + y * stride
                for x in range(width):
                    volume[z, y, x] = padded[start + x]


@njit(**KERNEL)
def gather_box(begin: int, end: int, table: np.ndarray, padded: np.ndarray,
               shape: tuple[int, int, int], cut: float, moments: np.ndarray) -> None:
    """Write the moments (N, 10) of a padded volume under the Gaussians [begin, end).

    They are the sums of volume · e · (1, x, y, z, xx, xy, xz, yy, yz, zz), distances in indices.
    """
    depth, height, width = shape
    threshold = cut_threshold(cut)
    stride = width + LANES
    layer = (height + 1) * stride
    zero = simd.broadcast(float32(0))
    for i in range(begin, end):
        m0 = mx = my = mz = mxx = mxy = mxz = myy = myz = mzz = zero
        low, high = layer_span(table, i, 0, depth)
        for z in range(low, high):
            dz = float32(z) - table[i, CZ]
            g0, gx, gy, gxx, gxy, gyy = gather_ellipse(
                padded, z * layer, stride, height, width, layer_ellipse(table, i, dz, cut),
                (table[i, CX], table[i, CY]), threshold)
            m0, mx, my, mz = m0 + g0, mx + gx, my + gy, mz + g0 * dz
            mxx, mxy, myy = mxx + gxx, mxy + gxy, myy + gyy
            mxz, myz, mzz = mxz + gx * dz, myz + gy * dz, mzz + g0 * (dz * dz)
        moments[i, 0], moments[i, 1] = simd.total(m0), simd.total(mx)
        moments[i, 2], moments[i, 3] = simd.total(my), simd.total(mz)
        moments[i, 4], moments[i, 5] = simd.total(mxx), simd.total(mxy)
        moments[i, 6], moments[i, 7] = simd.total(mxz), simd.total(myy)
        moments[i, 8], moments[i, 9] = simd.total(myz), simd.total(mzz)


@njit(**INLINE)
def whitened_moments(moments: np.ndarray, i: int, last: int, rotation: tuple, h: Triple,
                     inverse: Triple) -> tuple:
    """Return A⁻¹ m and T = A⁻¹ M A⁻ᵀ of the rows from ``i`` on.

    A⁻¹ = diag(1/s) (frame R)ᵀ diag(h), with ``rotation`` the rows of frame R.
    """
    x, y, z = (take(moments, i, last, 1), take(moments, i, last, 2), take(moments, i, last, 3))
    xx, xy, xz = (take(moments, i, last, 4), take(moments, i, last, 5), take(moments, i, last, 6))
    yy, yz, zz = (take(moments, i, last, 7), take(moments, i, last, 8), take(moments, i, last, 9))
    # The columns of A⁻¹.
    a, b, c = (times((inverse[0] * h[0], inverse[1] * h[0], inverse[2] * h[0]), rotation[0]),
               times((inverse[0] * h[1], inverse[1] * h[1], inverse[2] * h[1]), rotation[1]),
               times((inverse[0] * h[2], inverse[1] * h[2], inverse[2] * h[2]), rotation[2]))
    columns = (a, b, c)
    half = (combined((xx, xy, xz), columns), combined((xy, yy, yz), columns),
            combined((xz, yz, zz), columns))
    return combined((x, y, z), columns), (combined((a[0], b[0], c[0]), half),
                                          combined((a[1], b[1], c[1]), half),
                                          combined((a[2], b[2], c[2]), half))


@njit(**KERNEL)
def chain_box(begin: int, end: int, scales: np.ndarray, quaternions: np.ndarray,
              densities: np.ndarray, frame: np.ndarray, norm: float, table: np.ndarray,
              moments: np.ndarray, d_means: np.ndarray, d_log_scales: np.ndarray,
              d_quaternions: np.ndarray, d_densities: np.ndarray) -> None:
    """Write d loss / d parameters from the moments (N, 10) of d loss / d volume.

    With A = diag(1/h) (frame R) diag(s) and a the amplitude: dL/dp = a R diag(1/s) A⁻¹ m,
    dL/d ln s_k = a T_kk, dL/dθ_x = a T_zy (s_y/s_z - s_z/s_y) and cyclically. ``densities`` and
    ``d_densities`` are (N, 1).
    """
    box, last, one = read_box(frame), end - 1, float32(1)
    axes = (box.x, box.y, box.z)
    for i in range(begin, end, LANES):
        s, seen = take_triple(scales, i, last), take(table, i, last, HALF_DEPTH)
        amplitude = norm * take(densities, i, last, 0)
        quaternion = take_unit_quaternion(quaternions, i, last)
        rotation = box_rows(box, quaternion)
        inverse = (one / s[0], one / s[1], one / s[2])
        first, (tx, ty, tz) = whitened_moments(moments, i, last, rotation, box.spacing, inverse)
        local = times(first, (amplitude * inverse[0], amplitude * inverse[1],
                              amplitude * inverse[2]))
        turned = (dot(rotation[0], local), dot(rotation[1], local), dot(rotation[2], local))
        body = (amplitude * tz[1] * (s[1] * inverse[2] - s[2] * inverse[1]),
                amplitude * tx[2] * (s[2] * inverse[0] - s[0] * inverse[2]),
                amplitude * ty[0] * (s[0] * inverse[1] - s[1] * inverse[0]))
        put_triple(d_means, i, last, combined(turned, axes), seen)
        put_triple(d_log_scales, i, last,
                   (amplitude * tx[0], amplitude * ty[1], amplitude * tz[2]), seen)
        put_quaternion_gradient(d_quaternions, i, last, quaternion, body, seen)
        put(d_densities, i, last, 0, norm * take(moments, i, last, 0))
