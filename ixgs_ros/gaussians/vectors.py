"""Arithmetic on triples of float32 for the numba kernels, so that they read like the formulas."""

from __future__ import annotations

import math

from numba import float32, njit
import numpy as np

from ixgs_ros.gaussians.jit import INLINE

Triple = tuple[float, float, float]


@njit(**INLINE)
def row(array: np.ndarray, i: int) -> Triple:
    """Return the first three elements of row ``i``."""
    return array[i, 0], array[i, 1], array[i, 2]


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
def unit_quaternion(quaternions: np.ndarray, i: int) -> tuple[float, float, float, float, float]:
    """Return w, x, y, z of row ``i`` normalised, and 1 / its norm."""
    w, x, y, z = quaternions[i, 0], quaternions[i, 1], quaternions[i, 2], quaternions[i, 3]
    inverse = float32(1) / math.sqrt(w * w + x * x + y * y + z * z)
    return w * inverse, x * inverse, y * inverse, z * inverse, inverse


@njit(**INLINE)
def rotation_rows(w: float, x: float, y: float, z: float) -> tuple[Triple, Triple, Triple]:
    """Return the rows of the rotation matrix of a unit quaternion."""
    one, two = float32(1), float32(2)
    return ((one - two * (y * y + z * z), two * (x * y - w * z), two * (x * z + w * y)),
            (two * (x * y + w * z), one - two * (x * x + z * z), two * (y * z - w * x)),
            (two * (x * z - w * y), two * (y * z + w * x), one - two * (x * x + y * y)))


@njit(**INLINE)
def write_quaternion_gradient(out: np.ndarray, i: int, quaternions: np.ndarray,
                              body: Triple) -> None:
    """Write d loss / d quaternion from d loss / d (small rotation about the principal axes).

    R' = R exp([θ]×) is q' = q ⊗ (1, ½θ), so the derivative by a unit q is 2 q ⊗ (0, dL/dθ); the
    stored quaternion is normalised first, which divides it by the norm.
    """
    w, x, y, z, inverse = unit_quaternion(quaternions, i)
    axis = (x, y, z)
    turned = cross(axis, body)
    double = float32(2) * inverse
    out[i, 0] = -double * dot(axis, body)
    out[i, 1] = double * (w * body[0] + turned[0])
    out[i, 2] = double * (w * body[1] + turned[1])
    out[i, 3] = double * (w * body[2] + turned[2])
