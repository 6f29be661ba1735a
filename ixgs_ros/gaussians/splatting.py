"""X-ray footprints on a detector: their sum, and the moments that their gradients need.

A footprint is cut into strips of LANES columns (`strips`).

Images are padded: LANES columns behind each row take what a strip writes beyond the width, one row
below takes the odd row of a pair.
"""

from __future__ import annotations

from typing import NamedTuple

from numba import float32, njit
import numpy as np

from ixgs_ros.gaussians import simd
from ixgs_ros.gaussians.jit import INLINE, KERNEL
from ixgs_ros.gaussians.strips import (
    add_rows,
    add_rows_twice,
    ceiling,
    cut_threshold,
    gather_rows,
    LANES,
    Profile,
)

# Columns of the table of footprints, (N, COLUMNS) float32.
(U, V, INVERSE_XX, SLOPE, INVERSE_Y, RATIO, BEND, WALK, REACH, HALF_HEIGHT, ROWS, HALF_WIDTH,
 FACTOR) = range(13)
COLUMNS = 13

# Partial images of the forward pass. Fixed, so that the order of summation, and with it every bit
# of the result, does not depend on the number of threads.
PARTS = 4


class Ellipse(NamedTuple):
    """One footprint in pixels: see the columns above."""

    u: float            # centre along x
    v: float            # centre along y
    inverse_xx: float   # 1 / Σxx
    slope: float        # Σxy / Σxx
    profile: Profile
    reach: float        # of the cut ellipse along y at given x: half its height on its middle line
    half_height: float  # of the whole cut ellipse along y
    rows: int           # walked by each strip
    half_width: float   # of the cut ellipse along x; negative: nothing to draw


@njit(**INLINE)
def read_ellipse(table: np.ndarray, i: int) -> Ellipse:
    """Return row ``i`` of a table of footprints."""
    profile = Profile(float32(-0.5) * table[i, INVERSE_Y], table[i, RATIO], table[i, BEND],
                      int(table[i, WALK]))
    return Ellipse(table[i, U], table[i, V], table[i, INVERSE_XX], table[i, SLOPE], profile,
                   table[i, REACH], table[i, HALF_HEIGHT], int(table[i, ROWS]),
                   table[i, HALF_WIDTH])


@njit(**INLINE)
def column_span(ellipse: Ellipse, width: int) -> tuple[int, int]:
    """Return the first column under the ellipse and the one after the last."""
    first = max(0, ceiling(ellipse.u - ellipse.half_width))
    return first, min(width, ceiling(ellipse.u + ellipse.half_width + float32(1)))


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
    return float32(-0.5) * ellipse.inverse_xx * dx * dx, ellipse.slope * dx


@njit(**INLINE)
def add_strip(image: np.ndarray, stride: int, height: int, x: int, ellipse: Ellipse,
              amplitude: float, threshold: simd.Vector) -> None:
    """Do one strip of :func:`add_ellipse`, from column ``x`` on."""
    exponent, shift = columns(ellipse, x)
    first = first_row(ellipse, x, LANES)
    y, bottom = max(0, first), min(height, first + ellipse.rows)
    add_rows(image, y * stride + x, stride, bottom - y, ellipse.profile, exponent,
             shift, float32(y) - ellipse.v, amplitude, threshold)


@njit(**INLINE)
def add_two_strips(image: np.ndarray, stride: int, height: int, x: int, ellipse: Ellipse,
                   amplitude: float, threshold: simd.Vector) -> None:
    """Do two strips side by side."""
    exponent, shift = columns(ellipse, x)
    next_exponent, next_shift = columns(ellipse, x + LANES)
    first = first_row(ellipse, x, 2 * LANES)
    more = int(abs(ellipse.slope) * float32(LANES)) + 1
    y, bottom = max(0, first), min(height, first + ellipse.rows + more)
    at, dy = y * stride + x, float32(y) - ellipse.v
    add_rows_twice(image, at, LANES, stride, bottom - y, ellipse.profile,
                   (exponent, next_exponent), (shift, next_shift), (dy, dy), amplitude, threshold)


@njit(**INLINE)
def add_ellipse(image: np.ndarray, stride: int, height: int, width: int, ellipse: Ellipse,
                amplitude: float, threshold: simd.Vector) -> None:
    """Add amplitude · e to a padded image, flat.

    ``threshold`` is exp(-½ cut²) in all lanes: smaller e are outside the cut and add nothing.
    """
    x, end = column_span(ellipse, width)
    while x + LANES < end:
        add_two_strips(image, stride, height, x, ellipse, amplitude, threshold)
        x += 2 * LANES
    if x < end:
        add_strip(image, stride, height, x, ellipse, amplitude, threshold)


@njit(**INLINE)
def gather_ellipse(image: np.ndarray, stride: int, height: int, width: int, ellipse: Ellipse,
                   threshold: simd.Vector) -> tuple:
    """Return the sums of image · e · (1, dx, dy, dx², dx dy, dy²), each as a vector of lanes.

    dx and dy are distances from the centre. The padding of the image must hold zeros.
    """
    first, end = column_span(ellipse, width)
    m0 = mx = my = mxx = mxy = myy = simd.broadcast(float32(0))
    for x in range(first, end, LANES):
        exponent, shift = columns(ellipse, x)
        lowest = first_row(ellipse, x, LANES)
        y, bottom = max(0, lowest), min(height, lowest + ellipse.rows)
        dy = float32(y) - ellipse.v
        s0, s1, s2 = gather_rows(image, y * stride + x, stride, bottom - y, ellipse.profile,
                                 exponent, shift, dy, dy, threshold)
        dx = simd.lane_numbers() + (float32(x) - ellipse.u)
        m0, mx, my = m0 + s0, mx + s0 * dx, my + s1
        mxx, mxy, myy = mxx + s0 * dx * dx, mxy + s1 * dx, myy + s2
    return m0, mx, my, mxx, mxy, myy


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
                add_ellipse(image, width + LANES, height, width, read_ellipse(table, i), amplitude,
                            threshold)


@njit(**KERNEL)
def gather(begin: int, end: int, table: np.ndarray, padded: np.ndarray, height: int, width: int,
           cut: float, moments: np.ndarray) -> None:
    """Write the moments (N, 6) of the padded image under the footprints [begin, end).

    They are the sums of image · e · (1, dx, dy, dx², dx dy, dy²).
    """
    threshold = cut_threshold(cut)
    for i in range(begin, end):
        m0, mx, my, mxx, mxy, myy = gather_ellipse(padded, width + LANES, height, width,
                                                   read_ellipse(table, i), threshold)
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
