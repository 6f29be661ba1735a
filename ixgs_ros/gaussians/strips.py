"""A strip of columns of a 2-D Gaussian, walked along y: the loops that touch pixels.

With the deviation (dx, dy) from the centre, the exponent is written with the variance along x and
the variance along y at given x, so that no two large terms cancel:

    e = exp(-½ dx² / Σxx - ½ (dy - slope · dx)² / Σy|x),   slope = Σxy / Σxx

A strip of LANES columns is walked along y, two rows at a time (two chains of products hide each
other's latency). There e obeys a recurrence, e(y+2) = e(y) · r(y), r(y+2) = r(y) · exp(-4 / Σy|x),
which saves the exponential. It is seeded anew every ``walk`` rows, before a
lane that starts below exp(-86) = 0 could rise above the cut, or rounding add up. All strips of a
Gaussian are walked over equally many rows, more than the ellipse needs at its ends: those cost
less than to find its rows anew and a loop whose end the CPU cannot foretell.

Everything in this package that touches pixels goes through :func:`add_rows`, which adds a strip to
an image, or :func:`gather_rows`, which sums an image under it: X-ray footprints (`splatting`) and
layers of a volume or an oblique plane (`layers`) differ only in how a strip begins.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from numba import float32, njit
import numpy as np

from ixgs_ros.gaussians import simd
from ixgs_ros.gaussians.jit import INLINE

LANES = simd.LANES
# Rows walked by the recurrence at most (even): its rounding error grows with their square.
LONGEST_WALK = 24


class Profile(NamedTuple):
    """How e runs along y, in every column of an ellipse."""

    half: float    # -½ / Σy|x
    ratio: float   # exp(-1 / Σy|x)
    bend: float    # exp(-4 / Σy|x), not ratio⁴: its error grows with the square of the rows
    walk: int      # rows between two seeds, even; 0: each row has its own seed


@njit(**INLINE)
def walk_length(variance_y: simd.Vector, cut: float) -> simd.Vector:
    """Return how many rows a recurrence may run, an even number; 0 if not even two.

    Between the exponents -86 (flushed to 0) and -½ cut² lie at least (√172 - cut) √Σy|x rows.
    """
    pairs = simd.floor(float32(0.5) * (float32(12.6) - cut) * math.sqrt(variance_y))
    most = float32(LONGEST_WALK // 2)
    return float32(2) * simd.choose(pairs, most, most, pairs)


@njit(**INLINE)
def ceiling(x: float) -> int:
    """Return the least integer >= x (``math.ceil`` calls libm, and that empties all registers)."""
    whole = int(x)
    return whole + int(float32(whole) < x)


@njit(**INLINE)
def strip_rows(slope: simd.Vector, reach: simd.Vector, half_height: simd.Vector) -> simd.Vector:
    """Return how many rows of pixels the part of an ellipse under a strip may cross."""
    tilted = reach + reach + simd.choose(slope, float32(0), slope, -slope) * float32(LANES - 1)
    whole = half_height + half_height
    return simd.floor(simd.choose(tilted, whole, whole, tilted)) + float32(1)


@njit(**INLINE)
def cut_threshold(cut: float) -> simd.Vector:
    """Return exp(-½ cut²) in all lanes."""
    return simd.broadcast(float32(math.exp(float32(-0.5) * cut * cut)))


@njit(**INLINE)
def seed(profile: Profile, exponent: simd.Vector, shift: simd.Vector, dy: float) -> tuple:
    """Return e in a row and the next one, and what two rows further each is multiplied by.

    ``dy`` is the row's distance from some line, ``shift`` that of each column's maximum;
    ``exponent`` is what depends on the column only.
    """
    half, distance = profile.half, dy - shift
    e0 = simd.exp(half * distance * distance + exponent)
    r = simd.exp(half + (half + half) * distance)
    if profile.walk > 0:
        e1 = e0 * r
    else:
        distance += float32(1)
        e1 = simd.exp(half * distance * distance + exponent)
    r0 = r * profile.ratio * r
    return e0, e1, r0, r0 * (profile.ratio * profile.ratio)


@njit(**INLINE)
def add(image: np.ndarray, at: int, e: simd.Vector, amplitude: float,
        threshold: simd.Vector) -> None:
    """Add amplitude · e, where it is within the cut, to the lanes from ``at`` on."""
    kept = simd.choose(e, threshold, e, float32(0))
    simd.store(image, at, amplitude * kept + simd.load(image, at))


@njit(**INLINE)
def add_rows(image: np.ndarray, at: int, stride: int, rows: int, profile: Profile,
             exponent: simd.Vector, shift: simd.Vector, dy: float, amplitude: float,
             threshold: simd.Vector) -> None:
    """Add amplitude · e to ``rows`` rows (made even) of a strip, from element ``at`` on.

    ``exponent``, ``shift`` and ``dy`` are those of :func:`seed` in the first row.
    """
    step, bend = max(2, profile.walk), simd.broadcast(profile.bend)
    while rows > 0:
        e0, e1, r0, r1 = seed(profile, exponent, shift, dy)
        for _ in range((min(step, rows) + 1) // 2):
            add(image, at, e0, amplitude, threshold)
            add(image, at + stride, e1, amplitude, threshold)
            at += stride + stride
            e0, e1 = e0 * r0, e1 * r1
            r0, r1 = r0 * bend, r1 * bend
        rows -= step
        dy += float32(step)


@njit(**INLINE)
def add_rows_twice(image: np.ndarray, at: int, other: int, stride: int, rows: int,
                   profile: Profile, exponents: tuple, shifts: tuple, dys: tuple[float, float],
                   amplitude: float, threshold: simd.Vector) -> None:
    """Do two strips at once: four chains of products hide more of each other's latency.

    The other one begins ``other`` elements after the one at ``at``.
    """
    step, bend = max(2, profile.walk), simd.broadcast(profile.bend)
    dy, other_dy = dys
    while rows > 0:
        e0, e1, r0, r1 = seed(profile, exponents[0], shifts[0], dy)
        f0, f1, s0, s1 = seed(profile, exponents[1], shifts[1], other_dy)
        for _ in range((min(step, rows) + 1) // 2):
            add(image, at, e0, amplitude, threshold)
            add(image, at + other, f0, amplitude, threshold)
            at += stride
            add(image, at, e1, amplitude, threshold)
            add(image, at + other, f1, amplitude, threshold)
            at += stride
            e0, e1, f0, f1 = e0 * r0, e1 * r1, f0 * s0, f1 * s1
            r0, r1, s0, s1 = r0 * bend, r1 * bend, s0 * bend, s1 * bend
        rows -= step
        dy, other_dy = dy + float32(step), other_dy + float32(step)


@njit(**INLINE)
def gather_rows(image: np.ndarray, at: int, stride: int, rows: int, profile: Profile,
                exponent: simd.Vector, shift: simd.Vector, dy: float, first: float,
                threshold: simd.Vector) -> tuple:
    """Return the sums of image · e · (1, y, y²) over a strip's rows, for each column.

    As :func:`add_rows`; y is ``first`` in the first row.
    """
    step, bend = max(2, profile.walk), simd.broadcast(profile.bend)
    one, zero = float32(1), float32(0)
    s0 = s1 = s2 = simd.broadcast(zero)
    y = simd.broadcast(first)
    while rows > 0:
        e0, e1, r0, r1 = seed(profile, exponent, shift, dy)
        for _ in range((min(step, rows) + 1) // 2):
            below = y + one
            w0 = simd.choose(e0, threshold, e0 * simd.load(image, at), zero)
            at += stride
            w1 = simd.choose(e1, threshold, e1 * simd.load(image, at), zero)
            at += stride
            y0, y1 = w0 * y, w1 * below
            s0, s1, s2 = s0 + (w0 + w1), s1 + (y0 + y1), s2 + y0 * y + y1 * below
            y = below + one
            e0, e1 = e0 * r0, e1 * r1
            r0, r1 = r0 * bend, r1 * bend
        rows -= step
        dy += float32(step)
    return s0, s1, s2
