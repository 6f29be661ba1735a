"""A Gaussian's layers in a box, cut into strips.

A layer cuts a Gaussian in an ellipse (`box`), which is drawn and summed as any other (`strips`).
All that a strip begins with is found for LANES layers at once, a layer in each lane: ellipses in a
volume are so small that finding it one by one costs more than their voxels.
"""

from __future__ import annotations

import math

from numba import float32, njit
import numpy as np

from ixgs_ros.gaussians import box, simd
from ixgs_ros.gaussians.jit import INLINE
from ixgs_ros.gaussians.simd import choose, LANES
from ixgs_ros.gaussians.strips import add_rows, add_rows_twice, ceiling, gather_rows, Profile

# Where in the flat array of strips, (STRIPS,) float32, their first numbers lie, each for LANES
# layers: column and row, rows (0: no strip), and in the first row the distances from the ellipse's
# centre along x and from the first column's maximum along y; what dz adds to the exponent.
X, Y, ROWS, DX, DY, BIAS = (k * LANES for k in range(6))
STRIPS = 6 * LANES


@njit(**INLINE)
def layer_span(table: np.ndarray, i: int, first: int, end: int) -> tuple[int, int]:
    """Return the first layer in [first, end) under Gaussian ``i`` and the one after the last."""
    z, reach = table[i, box.CZ], table[i, box.HALF_DEPTH]
    if reach < float32(0):
        return 0, 0
    return max(first, box.first_layer(table, i)), min(end, ceiling(z + reach + float32(1)))


@njit(**INLINE)
def strips_a_layer(table: np.ndarray, i: int, cut: float) -> int:
    """Return how many strips the widest layer of Gaussian ``i`` may have."""
    return (int(float32(2) * cut * table[i, box.DEVIATION_X]) + 1 + LANES) // LANES


@njit(**INLINE)
def upward(x: simd.Vector) -> simd.Vector:
    """Return the least whole number >= x."""
    return -simd.floor(-x)


@njit(**INLINE)
def larger(x: simd.Vector, y: float) -> simd.Vector:
    """Return the larger of two numbers."""
    return choose(x, y, x, y)


@njit(**INLINE)
def smaller(x: simd.Vector, y: float) -> simd.Vector:
    """Return the smaller of two numbers."""
    return choose(x, y, y, x)


@njit(**INLINE)
def begin_strips(strips: np.ndarray, table: np.ndarray, i: int, low: int, number: int,
                 size: tuple[int, int], cut: float) -> None:
    """Write how strip ``number`` begins in each of LANES layers from ``low`` on.

    ``size`` is the height and the width of a layer.
    """
    zero = float32(0)
    dz = simd.lane_numbers() + (float32(low) - table[i, box.CZ])
    squared = dz * dz * table[i, box.INVERSE_ZZ]
    half_width = math.sqrt(larger(cut * cut - squared, zero)) * table[i, box.DEVIATION_X]
    u = table[i, box.CX] + dz * table[i, box.SHIFT_X]
    v = table[i, box.CY] + dz * table[i, box.SHIFT_Y]
    x = larger(upward(u - half_width), zero) + float32(number * LANES)
    end = smaller(upward(u + half_width + float32(1)), float32(size[1]))
    dx, slope = x - u, table[i, box.SLOPE]
    middle = slope * dx
    lowest = smaller(middle, middle + slope * float32(LANES - 1)) - table[i, box.REACH]
    first = upward(v + larger(lowest, -table[i, box.HALF_HEIGHT]))
    y = larger(first, zero)
    rows = larger(smaller(first + table[i, box.ROWS], float32(size[0])) - y, zero)
    simd.store(strips, X, x)
    simd.store(strips, Y, y)
    simd.store(strips, ROWS, choose(end - x, float32(1), rows, zero))
    simd.store(strips, DX, dx)
    simd.store(strips, DY, y - v - middle)
    simd.store(strips, BIAS, float32(-0.5) * squared)


@njit(**INLINE)
def read_profile(table: np.ndarray, i: int) -> Profile:
    """Return how e runs along y in each layer of Gaussian ``i``."""
    return Profile(float32(-0.5) * table[i, box.INVERSE_Y], table[i, box.RATIO],
                   table[i, box.BEND], int(table[i, box.WALK]))


@njit(**INLINE)
def exponent_of(strips: np.ndarray, table: np.ndarray, i: int, lane: int) -> simd.Vector:
    """Return the part of the exponent that depends on the column only, in one layer's strip."""
    dx = simd.lane_numbers() + strips[DX + lane]
    return float32(-0.5) * table[i, box.INVERSE_XX] * dx * dx + strips[BIAS + lane]


@njit(**INLINE)
def element(strips: np.ndarray, lane: int, stride: int) -> int:
    """Return where in its layer a strip begins."""
    return int(strips[Y + lane]) * stride + int(strips[X + lane])


@njit(**INLINE)
def add_layers(padded: np.ndarray, start: int, strips: np.ndarray, table: np.ndarray, i: int,
               span: tuple[int, int], size: tuple[int, int], amplitude: float, cut: float,
               threshold: simd.Vector) -> None:
    """Add amplitude · e to at most LANES layers, ``span`` the first and the one after the last.

    They are padded, and the first of them begins at element ``start`` of a flat array.
    """
    low, high = span
    stride = size[1] + LANES
    layer = (size[0] + 1) * stride
    profile, shift = read_profile(table, i), table[i, box.SLOPE] * simd.lane_numbers()
    for number in range(strips_a_layer(table, i, cut)):
        begin_strips(strips, table, i, low, number, size, cut)
        lane = 0
        while lane < high - low:
            rows, at = strips[ROWS + lane], start + lane * layer + element(strips, lane, stride)
            exponent, dy = exponent_of(strips, table, i, lane), strips[DY + lane]
            if lane + 1 < high - low and rows == strips[ROWS + lane + 1]:
                next_exponent = exponent_of(strips, table, i, lane + 1)
                other = start + (lane + 1) * layer + element(strips, lane + 1, stride) - at
                add_rows_twice(padded, at, other, stride, int(rows), profile,
                               (exponent, next_exponent), (shift, shift),
                               (dy, strips[DY + lane + 1]), amplitude, threshold)
                lane += 2
            else:
                add_rows(padded, at, stride, int(rows), profile, exponent, shift, dy, amplitude,
                         threshold)
                lane += 1


@njit(**INLINE)
def gather_layers(padded: np.ndarray, strips: np.ndarray, table: np.ndarray, i: int,
                  shape: tuple[int, int, int], cut: float, threshold: simd.Vector) -> tuple:
    """Return the sums of volume · e · (1, x, y, z, xx, xy, xz, yy, yz, zz), each as lanes.

    x, y, z are distances from the centre of Gaussian ``i``. The padding must hold zeros.
    """
    depth, height, width = shape
    stride = width + LANES
    layer = (height + 1) * stride
    profile, shift = read_profile(table, i), table[i, box.SLOPE] * simd.lane_numbers()
    m0 = mx = my = mz = mxx = mxy = mxz = myy = myz = mzz = simd.broadcast(float32(0))
    low, high = layer_span(table, i, 0, depth)
    for first in range(low, high, LANES):
        for number in range(strips_a_layer(table, i, cut)):
            begin_strips(strips, table, i, first, number, (height, width), cut)
            for z in range(first, min(first + LANES, high)):
                lane = z - first
                s0, s1, s2 = gather_rows(
                    padded, z * layer + element(strips, lane, stride), stride,
                    int(strips[ROWS + lane]), profile, exponent_of(strips, table, i, lane), shift,
                    strips[DY + lane], strips[Y + lane] - table[i, box.CY], threshold)
                dz = float32(z) - table[i, box.CZ]
                dx = simd.lane_numbers() + (strips[X + lane] - table[i, box.CX])
                sx = s0 * dx
                m0, mx, my, mz = m0 + s0, mx + sx, my + s1, mz + s0 * dz
                mxx, mxy, mxz = mxx + sx * dx, mxy + s1 * dx, mxz + sx * dz
                myy, myz, mzz = myy + s2, myz + s1 * dz, mzz + s0 * (dz * dz)
    return m0, mx, my, mz, mxx, mxy, mxz, myy, myz, mzz
