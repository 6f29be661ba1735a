"""Arithmetic on triples for the numba kernels, so that they read like the formulas.

The elements are float32, or vectors of `simd` that hold one Gaussian in each lane.
"""

from __future__ import annotations

import math

from numba import float32, njit
import numpy as np

from ixgs_ros.gaussians import simd
from ixgs_ros.gaussians.jit import INLINE
from ixgs_ros.gaussians.model import UNIT_TOLERANCE

Triple = tuple[float, float, float]

NAN = np.float32(math.nan)
# A little wider than what `GaussianModel.validate` allows, so that rounding refuses nothing valid.
SQUARED_TOLERANCE = np.float32((1.001 * UNIT_TOLERANCE) ** 2)


@njit(**INLINE)
def take_triple(array: np.ndarray, first: int, last: int) -> Triple:
    """Return the first three columns of the rows from ``first`` on, a Gaussian in each lane."""
    return (simd.take(array, first, last, 0), simd.take(array, first, last, 1),
            simd.take(array, first, last, 2))


@njit(**INLINE)
def put_triple(array: np.ndarray, first: int, last: int, value: Triple, seen: simd.Vector) -> None:
    """Write three columns of the rows from ``first`` on; zeros where ``seen`` < 0."""
    zero = float32(0)
    simd.put(array, first, last, 0, simd.choose(seen, zero, value[0], zero))
    simd.put(array, first, last, 1, simd.choose(seen, zero, value[1], zero))
    simd.put(array, first, last, 2, simd.choose(seen, zero, value[2], zero))


@njit(**INLINE)
def dot(a: Triple, b: Triple) -> float:
    """Return a · b."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@njit(**INLINE)
def cross(a: Triple, b: Triple) -> Triple:
    """Return a × b."""
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


@njit(**INLINE)
def plus(a: Triple, b: Triple) -> Triple:
    """Return a + b."""
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


@njit(**INLINE)
def times(a: Triple, b: Triple) -> Triple:
    """Return the product of the elements."""
    return a[0] * b[0], a[1] * b[1], a[2] * b[2]


@njit(**INLINE)
def mixed(x: float, a: Triple, y: float, b: Triple) -> Triple:
    """Return x a + y b."""
    return x * a[0] + y * b[0], x * a[1] + y * b[1], x * a[2] + y * b[2]


@njit(**INLINE)
def combined(weights: Triple, rows: tuple[Triple, Triple, Triple]) -> Triple:
    """Return the row vector ``weights`` times the matrix of three rows."""
    x, y, z = weights
    a, b, c = rows
    return (x * a[0] + y * b[0] + z * c[0], x * a[1] + y * b[1] + z * c[1],
            x * a[2] + y * b[2] + z * c[2])


@njit(**INLINE)
def take_unit_quaternion(quaternions: np.ndarray, first: int, last: int) -> tuple:
    """Return w, x, y, z normalised, and 1 / the norm, of the rows from ``first`` on.

    All are NaN where the norm is off by more than `model.UNIT_TOLERANCE`: the kernels then find
    and count the Gaussian as one that is no number.
    """
    w, x = simd.take(quaternions, first, last, 0), simd.take(quaternions, first, last, 1)
    y, z = simd.take(quaternions, first, last, 2), simd.take(quaternions, first, last, 3)
    one = float32(1)
    norm = math.sqrt(w * w + x * x + y * y + z * z)
    off = norm - one
    inverse = simd.choose(SQUARED_TOLERANCE, off * off, one / norm, NAN)
    return w * inverse, x * inverse, y * inverse, z * inverse, inverse


@njit(**INLINE)
def rotation_rows(w: float, x: float, y: float, z: float) -> tuple[Triple, Triple, Triple]:
    """Return the rows of the rotation matrix of a unit quaternion."""
    one, two = float32(1), float32(2)
    return ((one - two * (y * y + z * z), two * (x * y - w * z), two * (x * z + w * y)),
            (two * (x * y + w * z), one - two * (x * x + z * z), two * (y * z - w * x)),
            (two * (x * z - w * y), two * (y * z + w * x), one - two * (x * x + y * y)))


@njit(**INLINE)
def put_quaternion_gradient(out: np.ndarray, first: int, last: int, quaternion: tuple,
                            body: Triple, seen: simd.Vector) -> None:
    """Write d loss / d quaternion from d loss / d (small rotation about the principal axes).

    R' = R exp([θ]×) is q' = q ⊗ (1, ½θ), so the derivative by a unit q is 2 q ⊗ (0, dL/dθ); the
    stored quaternion is normalised first, which divides it by the norm.
    """
    w, x, y, z, inverse = quaternion
    axis, double, zero = (x, y, z), float32(2) * inverse, float32(0)
    turned = cross(axis, body)
    simd.put(out, first, last, 0, simd.choose(seen, zero, -(double * dot(axis, body)), zero))
    for k in range(3):
        value = double * (w * body[k] + turned[k])
        simd.put(out, first, last, k + 1, simd.choose(seen, zero, value, zero))
