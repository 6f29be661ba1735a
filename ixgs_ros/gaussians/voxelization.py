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

from numba import float32, njit
import numpy as np

from ixgs_ros.gaussians import simd
from ixgs_ros.gaussians.jit import INLINE, KERNEL
from ixgs_ros.gaussians.splatting import (
    add_ellipse,
    cut_threshold,
    Ellipse,
    gather_ellipse,
    LANES,
    walk_length,
)
from ixgs_ros.gaussians.vectors import (
    combined,
    cross,
    dot,
    rotation_rows,
    row,
    times,
    Triple,
    unit_quaternion,
    write_quaternion_gradient,
)

# Columns of the table of Gaussians in a box, (N, BOX_COLUMNS) float32, index units.
(CX, CY, CZ, SHIFT_X, SHIFT_Y, INVERSE_ZZ, INVERSE_XX, DEVIATION_X, SLOPE, INVERSE_Y, VARIANCE_Y,
 RATIO, ROWS, HALF_DEPTH) = range(14)
BOX_COLUMNS = 14
# Layers filled together, so that they stay in the cache; a layer's sum does not depend on it.
SLAB = 8


@njit(**INLINE)
def box_rows(frame: np.ndarray, quaternions: np.ndarray, i: int) -> tuple[Triple, Triple, Triple]:
    """Return the rows of frame · R, no unit."""
    w, x, y, z, _ = unit_quaternion(quaternions, i)
    rotation = rotation_rows(w, x, y, z)
    return (combined((float32(frame[0]), float32(frame[1]), float32(frame[2])), rotation),
            combined((float32(frame[3]), float32(frame[4]), float32(frame[5])), rotation),
            combined((float32(frame[6]), float32(frame[7]), float32(frame[8])), rotation))


@njit(**INLINE)
def into_box(means: np.ndarray, i: int, frame: np.ndarray) -> Triple:
    """Return a centre in fractional indices; in float64, for it is a difference of positions."""
    x, y, z = means[i, 0] - frame[9], means[i, 1] - frame[10], means[i, 2] - frame[11]
    return (float32((frame[0] * x + frame[1] * y + frame[2] * z) / frame[12]),
            float32((frame[3] * x + frame[4] * y + frame[5] * z) / frame[13]),
            float32((frame[6] * x + frame[7] * y + frame[8] * z) / frame[14]))


@njit(**INLINE)
def write_box_row(table: np.ndarray, i: int, c: Triple, ax: Triple, ay: Triple, az: Triple,
                  shape: tuple[int, int, int], cut: float) -> bool:
    """Write row ``i`` of the table; return whether its numbers are finite."""
    depth, height, width = shape
    xx, yy, zz = dot(ax, ax), dot(ay, ay), dot(az, az)
    xz, yz = cross(ax, az), cross(ay, az)
    gxx, gxy = dot(xz, xz), dot(xz, yz)
    volume = dot(ax, cross(ay, az))
    rx, ry, rz = cut * math.sqrt(xx), cut * math.sqrt(yy), cut * math.sqrt(zz)
    seen = (c[0] + rx >= float32(0) and c[0] - rx <= float32(width - 1)
            and c[1] + ry >= float32(0) and c[1] - ry <= float32(height - 1)
            and c[2] + rz >= float32(0) and c[2] - rz <= float32(depth - 1))
    table[i, CX], table[i, CY], table[i, CZ] = c[0], c[1], c[2]
    table[i, SHIFT_X], table[i, SHIFT_Y] = dot(ax, az) / zz, dot(ay, az) / zz
    table[i, INVERSE_ZZ], table[i, INVERSE_XX] = float32(1) / zz, zz / gxx
    table[i, DEVIATION_X], table[i, SLOPE] = math.sqrt(gxx / zz), gxy / gxx
    table[i, INVERSE_Y], table[i, VARIANCE_Y] = gxx / (volume * volume), volume * volume / gxx
    table[i, RATIO] = math.exp(-table[i, INVERSE_Y])
    table[i, ROWS] = walk_length(table[i, VARIANCE_Y], cut)
    table[i, HALF_DEPTH] = rz if seen else float32(-1)
    reach = abs(c[0]) + abs(c[1]) + abs(c[2]) + rx + ry + rz
    return reach < float32(1e9) and volume * volume > float32(0)


@njit(**KERNEL)
def prepare(begin: int, end: int, means: np.ndarray, scales: np.ndarray, quaternions: np.ndarray,
            frame: np.ndarray, shape: tuple[int, int, int], cut: float, table: np.ndarray) -> int:
    """Write rows [begin, end) of the table of Gaussians in a box; return how many are not finite.

    ``frame`` is (15,) float64: the box's axes as rows in the reference frame (9), the centre of
    its first voxel (3, metres) and its spacings (3, metres). ``half_depth`` < 0 marks what misses
    it.
    """
    inverse = (float32(1 / frame[12]), float32(1 / frame[13]), float32(1 / frame[14]))
    bad = 0
    for i in range(begin, end):
        s = row(scales, i)
        rx, ry, rz = box_rows(frame, quaternions, i)
        ax = times(rx, (s[0] * inverse[0], s[1] * inverse[0], s[2] * inverse[0]))
        ay = times(ry, (s[0] * inverse[1], s[1] * inverse[1], s[2] * inverse[1]))
        az = times(rz, (s[0] * inverse[2], s[1] * inverse[2], s[2] * inverse[2]))
        if not write_box_row(table, i, into_box(means, i, frame), ax, ay, az, shape, cut):
            table[i, HALF_DEPTH] = float32(-1)
            bad += 1
    return bad


@njit(**INLINE)
def layer_span(table: np.ndarray, i: int, first: int, end: int) -> tuple[int, int]:
    """Return the first layer in [first, end) under Gaussian ``i`` and the one after the last."""
    z, reach = table[i, CZ], table[i, HALF_DEPTH]
    if reach < float32(0):
        return 0, 0
    return max(first, int(math.ceil(z - reach))), min(end, int(math.floor(z + reach)) + 1)


@njit(**INLINE)
def layer_ellipse(table: np.ndarray, i: int, dz: float, cut: float) -> Ellipse:
    """Return the ellipse of Gaussian ``i`` in the layer ``dz`` above its centre."""
    distance = dz * dz * table[i, INVERSE_ZZ]
    left = max(cut * cut - distance, float32(0))
    return Ellipse(table[i, CX] + dz * table[i, SHIFT_X], table[i, CY] + dz * table[i, SHIFT_Y],
                   table[i, INVERSE_XX], table[i, SLOPE], table[i, INVERSE_Y],
                   table[i, VARIANCE_Y], table[i, RATIO], int(table[i, ROWS]),
                   math.sqrt(left) * table[i, DEVIATION_X], left, float32(-0.5) * distance)


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
        padded[first * layer:last * layer] = float32(0)
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
                volume[z, y] = padded[start:start + width]


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
            up = simd.broadcast(dz)
            m0, mx, my = simd.add(m0, g0), simd.add(mx, gx), simd.add(my, gy)
            mxx, mxy, myy = simd.add(mxx, gxx), simd.add(mxy, gxy), simd.add(myy, gyy)
            gz = simd.multiply(g0, up)
            mz, mzz = simd.add(mz, gz), simd.multiply_add(gz, up, mzz)
            mxz, myz = simd.multiply_add(gx, up, mxz), simd.multiply_add(gy, up, myz)
        moments[i, 0], moments[i, 1] = simd.total(m0), simd.total(mx)
        moments[i, 2], moments[i, 3] = simd.total(my), simd.total(mz)
        moments[i, 4], moments[i, 5] = simd.total(mxx), simd.total(mxy)
        moments[i, 6], moments[i, 7] = simd.total(mxz), simd.total(myy)
        moments[i, 8], moments[i, 9] = simd.total(myz), simd.total(mzz)


@njit(**INLINE)
def whitened_moments(m: np.ndarray, rotation: tuple, h: Triple, inverse: Triple) -> tuple:
    """Return A⁻¹ m and T = A⁻¹ M A⁻ᵀ of a row of moments: A⁻¹ = diag(1/s) (frame R)ᵀ diag(h)."""
    first = times(combined(times((m[1], m[2], m[3]), h), rotation), inverse)
    half = (times(combined(times((m[4], m[5], m[6]), h), rotation), inverse),
            times(combined(times((m[5], m[7], m[8]), h), rotation), inverse),
            times(combined(times((m[6], m[8], m[9]), h), rotation), inverse))
    # The columns of (A⁻¹)ᵀ.
    x, y = times(inverse, rotation[0]), times(inverse, rotation[1])
    z = times(inverse, rotation[2])
    return first, (combined(times(h, (x[0], y[0], z[0])), half),
                   combined(times(h, (x[1], y[1], z[1])), half),
                   combined(times(h, (x[2], y[2], z[2])), half))


@njit(**KERNEL)
def chain_box(begin: int, end: int, scales: np.ndarray, quaternions: np.ndarray,
              densities: np.ndarray, frame: np.ndarray, norm: float, moments: np.ndarray,
              d_means: np.ndarray, d_log_scales: np.ndarray, d_quaternions: np.ndarray,
              d_densities: np.ndarray) -> None:
    """Write d loss / d parameters from the moments (N, 10) of d loss / d volume.

    With A = diag(1/h) (frame R) diag(s) and a the amplitude: dL/dp = a R diag(1/s) A⁻¹ m,
    dL/d ln s_k = a T_kk, dL/dθ_x = a T_zy (s_y/s_z - s_z/s_y) and cyclically.
    """
    h = (float32(frame[12]), float32(frame[13]), float32(frame[14]))
    axes = ((float32(frame[0]), float32(frame[1]), float32(frame[2])),
            (float32(frame[3]), float32(frame[4]), float32(frame[5])),
            (float32(frame[6]), float32(frame[7]), float32(frame[8])))
    for i in range(begin, end):
        s, amplitude = row(scales, i), norm * densities[i]
        rotation = box_rows(frame, quaternions, i)
        inverse = (float32(1) / s[0], float32(1) / s[1], float32(1) / s[2])
        first, (tx, ty, tz) = whitened_moments(moments[i], rotation, h, inverse)
        local = times(first, inverse)
        turned = (dot(rotation[0], local), dot(rotation[1], local), dot(rotation[2], local))
        dp = combined(turned, axes)
        body = (amplitude * tz[1] * (s[1] * inverse[2] - s[2] * inverse[1]),
                amplitude * tx[2] * (s[2] * inverse[0] - s[0] * inverse[2]),
                amplitude * ty[0] * (s[0] * inverse[1] - s[1] * inverse[0]))
        write_quaternion_gradient(d_quaternions, i, quaternions, body)
        d_densities[i] = norm * moments[i, 0]
        d_log_scales[i, 0], d_log_scales[i, 1] = amplitude * tx[0], amplitude * ty[1]
        d_log_scales[i, 2] = amplitude * tz[2]
        for k in range(3):
            d_means[i, k] = amplitude * dp[k]
