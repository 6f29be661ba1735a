"""Arithmetic on triples for the Triton kernels, so that they read like the formulas.

The elements are blocks, one Gaussian a lane. The same names as in `gaussians.vectors`, which does
it for numba.
"""

from __future__ import annotations

import triton
import triton.language as tl

from ixgs_ros.gaussians.model import UNIT_TOLERANCE

# As in `gaussians.vectors`: a little wider, so that rounding refuses nothing valid.
SQUARED_TOLERANCE = tl.constexpr((1.001 * UNIT_TOLERANCE) ** 2)


@triton.jit
def rows_of(count: int, LANES: tl.constexpr) -> tl.tuple:
    """Return this program's rows, and which are real.

    Lanes beyond the last row repeat it, so that they compute with real numbers; they must not
    store.
    """
    lane = tl.program_id(0) * LANES + tl.arange(0, LANES)
    return tl.minimum(lane, count - 1), lane < count


@triton.jit
def load_triple(pointer: tl.pointer_type) -> tl.tuple:
    """Return three neighbours."""
    return tl.load(pointer), tl.load(pointer + 1), tl.load(pointer + 2)


@triton.jit
def store_triple(pointer: tl.pointer_type, value: tl.tuple, real: tl.tensor,
                 seen: tl.tensor) -> None:
    """Store three neighbours where ``real``; zeros where not ``seen``."""
    tl.store(pointer, tl.where(seen, value[0], 0.0), mask=real)
    tl.store(pointer + 1, tl.where(seen, value[1], 0.0), mask=real)
    tl.store(pointer + 2, tl.where(seen, value[2], 0.0), mask=real)


@triton.jit
def dot(a: tl.tuple, b: tl.tuple) -> tl.tensor:
    """Return a · b."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@triton.jit
def cross(a: tl.tuple, b: tl.tuple) -> tl.tuple:
    """Return a × b."""
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


@triton.jit
def plus(a: tl.tuple, b: tl.tuple) -> tl.tuple:
    """Return a + b."""
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


@triton.jit
def times(a: tl.tuple, b: tl.tuple) -> tl.tuple:
    """Return the product of the elements."""
    return a[0] * b[0], a[1] * b[1], a[2] * b[2]


@triton.jit
def mixed(x: tl.tensor, a: tl.tuple, y: tl.tensor, b: tl.tuple) -> tl.tuple:
    """Return x a + y b."""
    return x * a[0] + y * b[0], x * a[1] + y * b[1], x * a[2] + y * b[2]


@triton.jit
def combined(weights: tl.tuple, rows: tl.tuple) -> tl.tuple:
    """Return the row vector ``weights`` times the matrix of three rows."""
    a, b, c = rows
    return plus(mixed(weights[0], a, weights[1], b),
                (weights[2] * c[0], weights[2] * c[1], weights[2] * c[2]))


@triton.jit
def load_unit_quaternion(pointer: tl.pointer_type) -> tl.tuple:
    """Return w, x, y, z normalised, and 1 / the norm.

    All are NaN where the norm is off by more than `model.UNIT_TOLERANCE`: the kernels then mark
    the Gaussian as one that is no number.
    """
    w = tl.load(pointer)
    x, y, z = load_triple(pointer + 1)
    norm = tl.sqrt(w * w + x * x + y * y + z * z)
    off = norm - 1.0
    inverse = tl.where(off * off <= SQUARED_TOLERANCE, 1.0 / norm, float('nan'))
    return w * inverse, x * inverse, y * inverse, z * inverse, inverse


@triton.jit
def load_scales(log_scales: tl.pointer_type) -> tl.tuple:
    """Return the standard deviations, metres, from a pointer to their logarithms."""
    a, b, c = load_triple(log_scales)
    return tl.exp(a), tl.exp(b), tl.exp(c)


@triton.jit
def rotation_rows(quaternion: tl.tuple) -> tl.tuple:
    """Return the rows of the rotation matrix of a unit quaternion."""
    w, x, y, z, _ = quaternion
    return ((1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y)),
            (2.0 * (x * y + w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - w * x)),
            (2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y)))


@triton.jit
def store_quaternion_gradient(pointer: tl.pointer_type, quaternion: tl.tuple, body: tl.tuple,
                              real: tl.tensor, seen: tl.tensor) -> None:
    """Store d loss / d quaternion from d loss / d (small rotation about the principal axes).

    R' = R exp([θ]×) is q' = q ⊗ (1, ½θ), so the derivative by a unit q is 2 q ⊗ (0, dL/dθ); the
    stored quaternion is normalised first, which divides it by the norm.
    """
    w, x, y, z, inverse = quaternion
    axis, double = (x, y, z), 2.0 * inverse
    turned = cross(axis, body)
    tl.store(pointer, tl.where(seen, -double * dot(axis, body), 0.0), mask=real)
    store_triple(pointer + 1, (double * (w * body[0] + turned[0]),
                               double * (w * body[1] + turned[1]),
                               double * (w * body[2] + turned[2])), real, seen)


@triton.jit
def is_number(x: tl.tensor) -> tl.tensor:
    """Return where x is neither NaN nor infinite: its difference with itself is then 0."""
    return x - x == 0.0
