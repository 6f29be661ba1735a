"""Bilinear interpolation at a vector of points: in an image, or in a plane of voxels."""

from __future__ import annotations

from numba import float32, njit

from ixgs_ros.gaussians import simd
from ixgs_ros.gaussians.jit import INLINE
from ixgs_ros.gaussians.simd import choose, Vector

ZERO, ONE = float32(0), float32(1)


@njit(**INLINE)
def cell(x: Vector, last: float) -> Vector:
    """Return the whole number below x, kept within [0, last]; 0 where x is NaN.

    With last two below the number of elements, a point outside reads valid memory, and one on the
    last element has a cell to its left.
    """
    whole = simd.floor(x)
    return choose(whole, ZERO, choose(whole, last, simd.broadcast(last), whole), ZERO)


@njit(**INLINE)
def bilinear(corners: tuple[Vector, Vector, Vector, Vector], a: Vector, b: Vector) -> Vector:
    """Interpolate between what ``corners`` returns; a and b are distances from the first."""
    near = corners[0] + b * (corners[1] - corners[0])
    far = corners[2] + b * (corners[3] - corners[2])
    return near + a * (far - near)
