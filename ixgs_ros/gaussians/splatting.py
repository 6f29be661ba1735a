"""Sums of 2-D Gaussians on a pixel grid, and the moments that their gradients need.

Everything in this package that touches pixels goes through two loops: :func:`add_ellipse` adds one
cut Gaussian to an image, :func:`gather_ellipse` sums an image under it. X-ray footprints, slices of
a volume and oblique planes differ only in the numbers of the ellipse.

With the deviation (dx, dy) from the centre, the exponent is written with the variance along x and
the variance along y at given x, so that no two large terms cancel:

    e = exp(bias - ½ dx² / Σxx - ½ (dy - slope · dx)² / Σy|x),   slope = Σxy / Σxx

A strip of LANES columns is walked along y. There e obeys a recurrence, e(y+1) = e(y) · r(y) and
r(y+1) = r(y) · exp(-1 / Σy|x), which saves the exponential. It is seeded anew every ``rows`` rows,
before a lane that starts below exp(-86) = 0 could rise above the cut, or rounding add up.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import float32, njit, prange

from ixgs_ros.gaussians import simd
from ixgs_ros.gaussians.jit import INLINE, PARALLEL, SERIAL

LANES = simd.LANES

# Columns of the table of footprints, (N, COLUMNS) float32.
U, V, INVERSE_XX, SLOPE, INVERSE_Y, RATIO, ROWS, HALF_WIDTH, TOP, SQUARED_CUT, BIAS, FACTOR = range(12)
COLUMNS = 12

# Partial images of the forward pass. Fixed, so that the order of summation, and with it every bit of
# the result, does not depend on the number of threads.
PARTS = 4
# Gaussians a task of the backward pass; each writes only its own rows.
CHUNK = 256
# Rows walked by the recurrence at most: its rounding error grows with their square.
LONGEST_WALK = 16


class Ellipse(NamedTuple):
    """One footprint in pixels: see the columns above."""

    u: float            # centre along x
    v: float            # centre along y
    inverse_xx: float   # 1 / Σxx
    slope: float        # Σxy / Σxx
    inverse_y: float    # 1 / Σy|x, the conic's yy element
    ratio: float        # exp(-1 / Σy|x)
    rows: int           # rows between two seeds
    half_width: float   # of the cut ellipse along x; negative: nothing to draw
    top: float          # dx where the cut ellipse reaches farthest along y
    squared_cut: float  # of the Mahalanobis distance within this plane
    bias: float         # added to the exponent


@njit(**INLINE)
def walk_length(inverse_y: float, cut: float) -> float:
    """Return how many rows a recurrence may run.

    Between the exponents -86 (flushed to 0) and -½ cut² lie at least (√172 - cut) √Σy|x rows.
    """
    rows = math.floor((float32(12.6) - cut) / math.sqrt(inverse_y))
    return float32(max(float32(1), min(float32(LONGEST_WALK), rows)))


@njit(**INLINE)
def read_ellipse(table: np.ndarray, i: int) -> Ellipse:
    """Return row ``i`` of a table of footprints."""
    return Ellipse(table[i, U], table[i, V], table[i, INVERSE_XX], table[i, SLOPE],
                   table[i, INVERSE_Y], table[i, RATIO], int(table[i, ROWS]), table[i, HALF_WIDTH],
                   table[i, TOP], table[i, SQUARED_CUT], table[i, BIAS])


@njit(**INLINE)
def column_span(ellipse: Ellipse, width: int) -> tuple[int, int]:
    """Return the first column under the ellipse and the one after the last."""
    first = max(0, int(math.ceil(ellipse.u - ellipse.half_width)))
    return first, min(width, int(math.floor(ellipse.u + ellipse.half_width)) + 1)


@njit(**INLINE)
def row_span(ellipse: Ellipse, left: float, right: float, height: int) -> tuple[int, int]:
    """Return the first row, and the one after the last, under the ellipse for dx in [left, right]."""
    zero, one = float32(0), float32(1)
    variance = one / ellipse.inverse_y
    upper = min(max(ellipse.top, left), right)
    lower = min(max(-ellipse.top, left), right)
    rise = math.sqrt(max(ellipse.squared_cut - upper * upper * ellipse.inverse_xx, zero) * variance)
    fall = math.sqrt(max(ellipse.squared_cut - lower * lower * ellipse.inverse_xx, zero) * variance)
    first = int(math.ceil(ellipse.v + ellipse.slope * lower - fall))
    last = int(math.floor(ellipse.v + ellipse.slope * upper + rise))
    return max(0, first), min(height, last + 1)


@njit(**INLINE)
def seed(ellipse: Ellipse, column: simd.vector, shift: simd.vector, dy: float) -> tuple:
    """Return e and r of a strip at a row: ``column`` is the exponent's part that depends on dx only.

    ``shift`` is slope · dx, the row where the strip's columns have their maximum.
    """
    half = float32(0.5)
    distance = simd.subtract(simd.broadcast(dy), shift)
    steep = simd.multiply(simd.broadcast(-ellipse.inverse_y), distance)
    value = simd.exp(simd.multiply_add(simd.multiply(simd.broadcast(half), steep), distance, column))
    ratio = simd.exp(simd.add(steep, simd.broadcast(-half * ellipse.inverse_y)))
    return value, ratio


@njit(**INLINE)
def column_exponent(ellipse: Ellipse, dx: simd.vector) -> simd.vector:
    """Return bias - ½ dx² / Σxx."""
    scaled = simd.multiply(simd.broadcast(float32(-0.5) * ellipse.inverse_xx), dx)
    return simd.multiply_add(scaled, dx, simd.broadcast(ellipse.bias))


@njit(**INLINE)
def add_ellipse(image: np.ndarray, start: int, stride: int, height: int, width: int,
                ellipse: Ellipse, amplitude: float, threshold: simd.vector) -> None:
    """Add amplitude · e to a padded image that begins at ``start`` of a flat array.

    ``threshold`` is exp(-½ cut²) in all lanes: smaller e are outside the cut and add nothing. Lanes
    beyond ``width`` fall into the padding: stride >= width + LANES.
    """
    first, end = column_span(ellipse, width)
    amplitudes, ratio = simd.broadcast(amplitude), simd.broadcast(ellipse.ratio)
    for x in range(first, end, LANES):
        left = float32(x) - ellipse.u
        right = float32(min(x + LANES, end) - 1) - ellipse.u
        y, bottom = row_span(ellipse, left, right, height)
        dx = simd.add(simd.lane_numbers(), simd.broadcast(left))
        column = column_exponent(ellipse, dx)
        shift = simd.multiply(simd.broadcast(ellipse.slope), dx)
        at = start + y * stride + x
        while y < bottom:
            stop = min(y + ellipse.rows, bottom)
            e, r = seed(ellipse, column, shift, float32(y) - ellipse.v)
            for _ in range(stop - y):
                kept = simd.where_at_least(e, threshold, e)
                simd.store(image, at, simd.multiply_add(amplitudes, kept, simd.load(image, at)))
                e = simd.multiply(e, r)
                r = simd.multiply(r, ratio)
                at += stride
            y = stop


@njit(**INLINE)
def gather_ellipse(image: np.ndarray, start: int, stride: int, height: int, width: int,
                   ellipse: Ellipse, center: tuple[float, float], threshold: simd.vector) -> tuple:
    """Return the sums of image · e · (1, dx, dy, dx², dx dy, dy²), each as a vector of lanes.

    dx and dy are distances from ``center`` (x, y), which need not be the ellipse's own. The padding
    of the image must hold zeros.
    """
    first, end = column_span(ellipse, width)
    ratio, one = simd.broadcast(ellipse.ratio), float32(1)
    m0 = mx = my = mxx = mxy = myy = simd.broadcast(float32(0))
    for x in range(first, end, LANES):
        left = float32(x) - ellipse.u
        right = float32(min(x + LANES, end) - 1) - ellipse.u
        y, bottom = row_span(ellipse, left, right, height)
        dx = simd.add(simd.lane_numbers(), simd.broadcast(left))
        column = column_exponent(ellipse, dx)
        shift = simd.multiply(simd.broadcast(ellipse.slope), dx)
        at = start + y * stride + x
        s0 = s1 = s2 = simd.broadcast(float32(0))
        while y < bottom:
            stop = min(y + ellipse.rows, bottom)
            e, r = seed(ellipse, column, shift, float32(y) - ellipse.v)
            dy = float32(y) - center[1]
            for _ in range(stop - y):
                w = simd.where_at_least(e, threshold, simd.multiply(e, simd.load(image, at)))
                wy = simd.multiply(w, simd.broadcast(dy))
                s0 = simd.add(s0, w)
                s1 = simd.add(s1, wy)
                s2 = simd.multiply_add(wy, simd.broadcast(dy), s2)
                e = simd.multiply(e, r)
                r = simd.multiply(r, ratio)
                dy += one
                at += stride
            y = stop
        dx = simd.add(simd.lane_numbers(), simd.broadcast(float32(x) - center[0]))
        sx = simd.multiply(s0, dx)
        m0, mx, my = simd.add(m0, s0), simd.add(mx, sx), simd.add(my, s1)
        mxx, mxy = simd.multiply_add(sx, dx, mxx), simd.multiply_add(s1, dx, mxy)
        myy = simd.add(myy, s2)
    return m0, mx, my, mxx, mxy, myy


@njit(**INLINE)
def gather_mass(image: np.ndarray, stride: int, height: int, width: int, ellipse: Ellipse,
                threshold: simd.vector) -> float:
    """Return the sum of image · e: :func:`gather_ellipse` without the higher moments."""
    first, end = column_span(ellipse, width)
    ratio, mass = simd.broadcast(ellipse.ratio), simd.broadcast(float32(0))
    for x in range(first, end, LANES):
        left = float32(x) - ellipse.u
        right = float32(min(x + LANES, end) - 1) - ellipse.u
        y, bottom = row_span(ellipse, left, right, height)
        dx = simd.add(simd.lane_numbers(), simd.broadcast(left))
        column = column_exponent(ellipse, dx)
        shift = simd.multiply(simd.broadcast(ellipse.slope), dx)
        at = y * stride + x
        while y < bottom:
            stop = min(y + ellipse.rows, bottom)
            e, r = seed(ellipse, column, shift, float32(y) - ellipse.v)
            for _ in range(stop - y):
                kept = simd.where_at_least(e, threshold, e)
                mass = simd.multiply_add(kept, simd.load(image, at), mass)
                e = simd.multiply(e, r)
                r = simd.multiply(r, ratio)
                at += stride
            y = stop
    return simd.total(mass)


@njit(**INLINE)
def cut_threshold(cut: float) -> simd.vector:
    """Return exp(-½ cut²) in all lanes."""
    return simd.broadcast(float32(math.exp(float32(-0.5) * cut * cut)))


@njit(**SERIAL)
def _splat_range(table: np.ndarray, densities: np.ndarray, begin: int, end: int, image: np.ndarray,
                 stride: int, height: int, width: int, cut: float) -> None:
    threshold = cut_threshold(cut)
    image[:] = float32(0)
    for i in range(begin, end):
        amplitude = densities[i] * table[i, FACTOR]
        if amplitude != float32(0):
            add_ellipse(image, 0, stride, height, width, read_ellipse(table, i), amplitude, threshold)


@njit(**PARALLEL)
def splat(table: np.ndarray, densities: np.ndarray, parts: np.ndarray, image: np.ndarray,
          cut: float) -> None:
    """Write Σ densities · factor · e into ``image`` (H, W).

    ``parts`` is work space, (PARTS, H · (W + LANES)): part k sums its share of the Gaussians, then
    the parts are added pixel by pixel, in order.
    """
    count, tasks = table.shape[0], parts.shape[0]
    height, width = image.shape
    stride = width + LANES
    for part in prange(tasks):
        _splat_range(table, densities, count * part // tasks, count * (part + 1) // tasks,
                     parts[part], stride, height, width, cut)
    for y in prange(height):
        for x in range(width):
            value = parts[0, y * stride + x]
            for part in range(1, tasks):
                value += parts[part, y * stride + x]
            image[y, x] = value


@njit(**SERIAL)
def _gather_range(table: np.ndarray, begin: int, end: int, image: np.ndarray, stride: int, height: int,
                  width: int, cut: float, moments: np.ndarray) -> None:
    threshold = cut_threshold(cut)
    for i in range(begin, end):
        ellipse = read_ellipse(table, i)
        m0, mx, my, mxx, mxy, myy = gather_ellipse(image, 0, stride, height, width, ellipse,
                                                   (ellipse.u, ellipse.v), threshold)
        moments[i, 0], moments[i, 1], moments[i, 2] = simd.total(m0), simd.total(mx), simd.total(my)
        moments[i, 3], moments[i, 4] = simd.total(mxx), simd.total(mxy)
        moments[i, 5] = simd.total(myy)


@njit(**PARALLEL)
def gather(table: np.ndarray, padded: np.ndarray, height: int, width: int, cut: float,
           moments: np.ndarray) -> None:
    """Write each footprint's moments (N, 6) of the padded image (H · (W + LANES),).

    They are the sums of image · e · (1, dx, dy, dx², dx dy, dy²).
    """
    count = table.shape[0]
    for task in prange((count + CHUNK - 1) // CHUNK):
        begin = task * CHUNK
        _gather_range(table, begin, min(begin + CHUNK, count), padded, width + LANES, height, width,
                      cut, moments)


@njit(**SERIAL)
def _backproject_range(table: np.ndarray, begin: int, end: int, image: np.ndarray, stride: int,
                       height: int, width: int, cut: float, out: np.ndarray) -> None:
    threshold = cut_threshold(cut)
    for i in range(begin, end):
        out[i] = table[i, FACTOR] * gather_mass(image, stride, height, width, read_ellipse(table, i),
                                                threshold)


@njit(**PARALLEL)
def backproject(table: np.ndarray, padded: np.ndarray, height: int, width: int, cut: float,
                out: np.ndarray) -> None:
    """Write the transpose of :func:`splat`, factor · Σ image · e, into ``out`` (N,)."""
    count = table.shape[0]
    for task in prange((count + CHUNK - 1) // CHUNK):
        begin = task * CHUNK
        _backproject_range(table, begin, min(begin + CHUNK, count), padded, width + LANES, height,
                           width, cut, out)


@njit(**PARALLEL)
def pad(image: np.ndarray, padded: np.ndarray) -> None:
    """Copy an image (H, W) into rows of W + LANES, zeros behind."""
    height, width = image.shape
    stride = width + LANES
    for y in prange(height):
        for x in range(width):
            padded[y * stride + x] = image[y, x]
        for x in range(width, stride):
            padded[y * stride + x] = float32(0)
