"""Sums of 2-D Gaussians on a pixel grid, and the moments that their gradients need.

Everything in this package that touches pixels goes through two loops: :func:`add_ellipse` adds one
cut Gaussian to an image, :func:`gather_ellipse` sums an image under it. X-ray footprints, slices
of a volume and oblique planes differ only in the numbers of the ellipse.

With the deviation (dx, dy) from the centre, the exponent is written with the variance along x and
the variance along y at given x, so that no two large terms cancel:

    e = exp(bias - ½ dx² / Σxx - ½ (dy - slope · dx)² / Σy|x),   slope = Σxy / Σxx

A strip of LANES columns is walked along y, two rows at a time (two chains of products hide each
other's latency). There e obeys a recurrence, e(y+2) = e(y) · r(y), r(y+2) = r(y) · exp(-4 / Σy|x),
which saves the exponential. It is seeded anew every ``walk`` rows, before a
lane that starts below exp(-86) = 0 could rise above the cut, or rounding add up. All strips of a
footprint are walked over equally many rows, more than the ellipse needs at its ends: those cost
less than to find its rows anew and a loop whose end the CPU cannot foretell.

Images are padded: LANES columns behind each row take what a strip writes beyond the width, one row
below takes the odd row of a pair.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from numba import float32, intp, njit
import numpy as np

from ixgs_ros.gaussians import simd
from ixgs_ros.gaussians.jit import INLINE, KERNEL

LANES = simd.LANES

# Columns of the table of footprints, (N, COLUMNS) float32.
(U, V, INVERSE_XX, SLOPE, INVERSE_Y, RATIO, BEND, WALK, REACH, HALF_HEIGHT, ROWS, HALF_WIDTH,
 FACTOR) = range(13)
COLUMNS = 13

# Partial images of the forward pass. Fixed, so that the order of summation, and with it every bit
# of the result, does not depend on the number of threads.
PARTS = 4
# Rows walked by the recurrence at most (even): its rounding error grows with their square.
LONGEST_WALK = 24


class Ellipse(NamedTuple):
    """One footprint in pixels: see the columns above."""

    u: float            # centre along x
    v: float            # centre along y
    inverse_xx: float   # 1 / Σxx
    slope: float        # Σxy / Σxx
    inverse_y: float    # 1 / Σy|x, the conic's yy element
    ratio: float        # exp(-1 / Σy|x)
    bend: float         # exp(-4 / Σy|x), not ratio⁴: its error grows with the square of the rows
    walk: int           # rows between two seeds, even; 0: each row has its own seed
    reach: float        # of the cut ellipse along y at given x: half its height on its middle line
    half_height: float  # of the whole cut ellipse along y
    rows: int           # walked by each strip
    half_width: float   # of the cut ellipse along x; negative: nothing to draw
    bias: float         # added to the exponent


@njit(**INLINE)
def walk_length(variance_y: simd.Vector, cut: float) -> simd.Vector:
    """Return how many rows a recurrence may run, an even number; 0 if not even two.

    Between the exponents -86 (flushed to 0) and -½ cut² lie at least (√172 - cut) √Σy|x rows.
    """
    pairs = simd.floor(float32(0.5) * (float32(12.6) - cut) * math.sqrt(variance_y))
    most = float32(LONGEST_WALK // 2)
    return float32(2) * simd.choose(pairs, most, most, pairs)


@njit(**INLINE)
def read_ellipse(table: np.ndarray, i: int) -> Ellipse:
    """Return row ``i`` of a table of footprints."""
    return Ellipse(table[i, U], table[i, V], table[i, INVERSE_XX], table[i, SLOPE],
                   table[i, INVERSE_Y], table[i, RATIO], table[i, BEND], int(table[i, WALK]),
                   table[i, REACH], table[i, HALF_HEIGHT], int(table[i, ROWS]),
                   table[i, HALF_WIDTH], float32(0))


@njit(**INLINE)
def ceiling(x: float) -> int:
    """Return the least integer >= x (``math.ceil`` calls libm, and that empties all registers)."""
    whole = int(x)
    return whole + int(float32(whole) < x)


@njit(**INLINE)
def column_span(ellipse: Ellipse, width: int) -> tuple[int, int]:
    """Return the first column under the ellipse and the one after the last."""
    first = max(0, ceiling(ellipse.u - ellipse.half_width))
    return first, min(width, ceiling(ellipse.u + ellipse.half_width + float32(1)))


@njit(**INLINE)
def strip_rows(slope: simd.Vector, reach: simd.Vector, half_height: simd.Vector) -> simd.Vector:
    """Return how many rows of pixels the part of an ellipse under a strip may cross."""
    tilted = reach + reach + simd.choose(slope, float32(0), slope, -slope) * float32(LANES - 1)
    whole = half_height + half_height
    return simd.floor(simd.choose(tilted, whole, whole, tilted)) + float32(1)


@njit(**INLINE)
def first_row(ellipse: Ellipse, x: int, count: int) -> int:
    """Return the first row that the ellipse may cross in ``count`` columns from ``x`` on."""
    left = float32(x) - ellipse.u
    right = left + float32(count - 1)
    lowest = min(ellipse.slope * left, ellipse.slope * right) - ellipse.reach
    return ceiling(ellipse.v + max(lowest, -ellipse.half_height))


@njit(**INLINE)
def columns(ellipse: Ellipse, x: int) -> tuple[simd.Vector, simd.Vector]:
    """Return what a strip's columns, from ``x`` on, add to the exponent and to the rows.

    The part of the exponent that depends on dx only, and the rows' distance from the centre at
    which each column has its maximum.
    """
    dx = simd.lane_numbers() + (float32(x) - ellipse.u)
    return float32(-0.5) * ellipse.inverse_xx * dx * dx + ellipse.bias, ellipse.slope * dx


@njit(**INLINE)
def seed(ellipse: Ellipse, exponent: simd.Vector, shift: simd.Vector, y: int) -> tuple:
    """Return e at the rows y and y + 1, and what two rows further each is multiplied by."""
    half = float32(-0.5) * ellipse.inverse_y
    distance = (float32(y) - ellipse.v) - shift
    e0 = simd.exp(half * distance * distance + exponent)
    r = simd.exp(half + (half + half) * distance)
    if ellipse.walk > 0:
        e1 = e0 * r
    else:
        distance += float32(1)
        e1 = simd.exp(half * distance * distance + exponent)
    r0 = r * ellipse.ratio * r
    return e0, e1, r0, r0 * (ellipse.ratio * ellipse.ratio)


@njit(**INLINE)
def add(image: np.ndarray, at: int, e: simd.Vector, amplitude: float,
        threshold: simd.Vector) -> None:
    """Add amplitude · e, where it is within the cut, to the lanes from ``at`` on."""
    kept = simd.choose(e, threshold, e, float32(0))
    simd.store(image, at, amplitude * kept + simd.load(image, at))


@njit(**INLINE)
def add_strip(image: np.ndarray, start: int, stride: int, height: int, x: int, ellipse: Ellipse,
              amplitude: float, threshold: simd.Vector) -> None:
    """Do one strip of :func:`add_ellipse`, from column ``x`` on."""
    step, bend = max(2, ellipse.walk), simd.broadcast(ellipse.bend)
    exponent, shift = columns(ellipse, x)
    first = first_row(ellipse, x, LANES)
    y, bottom = max(0, first), min(height, first + ellipse.rows)
    at = start + y * stride + x
    while y < bottom:
        e0, e1, r0, r1 = seed(ellipse, exponent, shift, y)
        for _ in range((min(step, bottom - y) + 1) // 2):
            add(image, at, e0, amplitude, threshold)
            add(image, at + stride, e1, amplitude, threshold)
            at += stride + stride
            e0, e1 = e0 * r0, e1 * r1
            r0, r1 = r0 * bend, r1 * bend
        y += step


@njit(**INLINE)
def add_two_strips(image: np.ndarray, start: int, stride: int, height: int, x: int,
                   ellipse: Ellipse, amplitude: float, threshold: simd.Vector) -> None:
    """Do two strips side by side: four chains of products hide more of each other's latency."""
    step, bend = max(2, ellipse.walk), simd.broadcast(ellipse.bend)
    exponent, shift = columns(ellipse, x)
    next_exponent, next_shift = columns(ellipse, x + LANES)
    first = first_row(ellipse, x, 2 * LANES)
    more = int(abs(ellipse.slope) * float32(LANES)) + 1
    y, bottom = max(0, first), min(height, first + ellipse.rows + more)
    at = start + y * stride + x
    while y < bottom:
        e0, e1, r0, r1 = seed(ellipse, exponent, shift, y)
        f0, f1, s0, s1 = seed(ellipse, next_exponent, next_shift, y)
        for _ in range((min(step, bottom - y) + 1) // 2):
            add(image, at, e0, amplitude, threshold)
            add(image, at + LANES, f0, amplitude, threshold)
            at += stride
            add(image, at, e1, amplitude, threshold)
            add(image, at + LANES, f1, amplitude, threshold)
            at += stride
            e0, e1, f0, f1 = e0 * r0, e1 * r1, f0 * s0, f1 * s1
            r0, r1, s0, s1 = r0 * bend, r1 * bend, s0 * bend, s1 * bend
        y += step


@njit(**INLINE)
def add_ellipse(image: np.ndarray, start: int, stride: int, height: int, width: int,
                ellipse: Ellipse, amplitude: float, threshold: simd.Vector) -> None:
    """Add amplitude · e to a padded image that begins at ``start`` of a flat array.

    ``threshold`` is exp(-½ cut²) in all lanes: smaller e are outside the cut and add nothing.
    """
    x, end = column_span(ellipse, width)
    while x + LANES < end:
        add_two_strips(image, start, stride, height, x, ellipse, amplitude, threshold)
        x += 2 * LANES
    if x < end:
        add_strip(image, start, stride, height, x, ellipse, amplitude, threshold)


@njit(**INLINE)
def gather_ellipse(image: np.ndarray, start: int, stride: int, height: int, width: int,
                   ellipse: Ellipse, center: tuple[float, float], threshold: simd.Vector) -> tuple:
    """Return the sums of image · e · (1, dx, dy, dx², dx dy, dy²), each as a vector of lanes.

    dx and dy are distances from ``center`` (x, y), which need not be the ellipse's own. The
    padding of the image must hold zeros.
    """
    first, end = column_span(ellipse, width)
    step, bend = max(2, ellipse.walk), simd.broadcast(ellipse.bend)
    one, zero = float32(1), float32(0)
    m0 = mx = my = mxx = mxy = myy = simd.broadcast(float32(0))
    for x in range(first, end, LANES):
        exponent, shift = columns(ellipse, x)
        lowest = first_row(ellipse, x, LANES)
        y, bottom = max(0, lowest), min(height, lowest + ellipse.rows)
        at = start + y * stride + x
        s0 = s1 = s2 = simd.broadcast(float32(0))
        while y < bottom:
            e0, e1, r0, r1 = seed(ellipse, exponent, shift, y)
            dy = simd.broadcast(float32(y) - center[1])
            for _ in range((min(step, bottom - y) + 1) // 2):
                below = dy + one
                w0 = simd.choose(e0, threshold, e0 * simd.load(image, at), zero)
                at += stride
                w1 = simd.choose(e1, threshold, e1 * simd.load(image, at), zero)
                at += stride
                y0, y1 = w0 * dy, w1 * below
                s0, s1, s2 = s0 + (w0 + w1), s1 + (y0 + y1), s2 + y0 * dy + y1 * below
                dy = below + one
                e0, e1 = e0 * r0, e1 * r1
                r0, r1 = r0 * bend, r1 * bend
            y += step
        dx = simd.lane_numbers() + (float32(x) - center[0])
        m0, mx, my = m0 + s0, mx + s0 * dx, my + s1
        mxx, mxy, myy = mxx + s0 * dx * dx, mxy + s1 * dx, myy + s2
    return m0, mx, my, mxx, mxy, myy


@njit(**INLINE)
def cut_threshold(cut: float) -> simd.Vector:
    """Return exp(-½ cut²) in all lanes."""
    return simd.broadcast(float32(math.exp(float32(-0.5) * cut * cut)))


@njit(**KERNEL)
def splat(begin: int, end: int, table: np.ndarray, densities: np.ndarray, parts: np.ndarray,
          height: int, width: int, cut: float) -> None:
    """Write Σ densities · factor · e into the partial images [begin, end).

    ``parts`` is (PARTS, (H + 1) · (W + LANES)); part k takes its share of the Gaussians, in order.
    """
    threshold = cut_threshold(cut)
    count, shares = table.shape[0], parts.shape[0]
    for part in range(begin, end):
        image = parts[part]
        for k in range(image.size):
            image[k] = float32(0)
        for i in range(count * part // shares, count * (part + 1) // shares):
            amplitude = densities[i] * table[i, FACTOR]
            if amplitude != float32(0):
                add_ellipse(image, intp(0), width + LANES, height, width, read_ellipse(table, i),
                            amplitude, threshold)


@njit(**KERNEL)
def gather(begin: int, end: int, table: np.ndarray, padded: np.ndarray, height: int, width: int,
           cut: float, moments: np.ndarray) -> None:
    """Write the moments (N, 6) of the padded image under the footprints [begin, end).

    They are the sums of image · e · (1, dx, dy, dx², dx dy, dy²).
    """
    threshold = cut_threshold(cut)
    for i in range(begin, end):
        ellipse = read_ellipse(table, i)
        m0, mx, my, mxx, mxy, myy = gather_ellipse(padded, intp(0), width + LANES, height, width,
                                                   ellipse, (ellipse.u, ellipse.v), threshold)
        moments[i, 0], moments[i, 1] = simd.total(m0), simd.total(mx)
        moments[i, 2], moments[i, 3] = simd.total(my), simd.total(mxx)
        moments[i, 4], moments[i, 5] = simd.total(mxy), simd.total(myy)


def padded_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape (..., H + 1, W + LANES) of the padded form of images (..., H, W)."""
    return (*shape[:-2], shape[-2] + 1, shape[-1] + LANES)


def pad(image: np.ndarray, padded: np.ndarray) -> None:
    """Copy images (..., H, W) into their padded form, zeros around."""
    height, width = image.shape[-2:]
    padded[..., :height, :width] = image
    padded[..., height:, :] = 0
    padded[..., width:] = 0


def add_parts(parts: np.ndarray, image: np.ndarray) -> None:
    """Write the sum of padded partial images (PARTS, H + 1, W + LANES), in order, into (H, W)."""
    height, width = image.shape
    np.add.reduce(parts[:, :height, :width], axis=0, out=image)
