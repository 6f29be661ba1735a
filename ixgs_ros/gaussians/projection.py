"""From Gaussians to X-ray footprints.

The local affine (EWA) map of a Gaussian at t = (tx, ty, tz) in the source frame, with Q the
rotation into it, U = Q R, X = tx / tz, Y = ty / tz:

    b0 = (fx / tz) (U0 - X U2),  b1 = (fy / tz) (U1 - Y U2)      rows by principal axes, px per m
    B = b diag(s),  Σ = B Bᵀ,  u = fx X + cx,  v = fy Y + cy
    μ = √(2π) s1 s2 s3 · fx fy |t| / tz³ / √|Σ|

and the footprint is ρ μ exp(-½ dᵀ Σ⁻¹ d): the line integral, exact on the Gaussian's central ray
(method: docs/geometry, Zwicker et al. 2001 for the affine map; μ by Schur's complement). |Σ| is
the squared length of B0 × B1, which does not cancel in float32.

The kernels do a Gaussian a lane, all the same way; what is culled is masked when written. The way
back, from image moments to the parameters and the view, is in `projection_gradient`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from numba import float32, njit
import numpy as np

from ixgs_ros.gaussians import simd
from ixgs_ros.gaussians.jit import INLINE, KERNEL
from ixgs_ros.gaussians.simd import LANES, put
from ixgs_ros.gaussians.splatting import (
    BEND,
    FACTOR,
    HALF_HEIGHT,
    HALF_WIDTH,
    INVERSE_XX,
    INVERSE_Y,
    RATIO,
    REACH,
    ROWS,
    SLOPE,
    U,
    V,
    WALK,
)
from ixgs_ros.gaussians.strips import strip_rows, walk_length
from ixgs_ros.gaussians.vectors import (
    combined,
    cross,
    dot,
    mixed,
    rotation_rows,
    take_triple,
    take_unit_quaternion,
    times,
    Triple,
)

ROOT_TWO_PI = np.float32(math.sqrt(2 * math.pi))
# Smallest normal float32, about: a determinant or distance below it is none.
SMALLEST = np.float32(1e-37)


class Camera(NamedTuple):
    """A view as float32: source_from_reference and intrinsics in pixels."""

    q0: Triple      # rows of its rotation
    q1: Triple
    q2: Triple
    origin: Triple  # its translation, m
    fx: float
    fy: float
    cx: float
    cy: float


class Projection(NamedTuple):
    """One Gaussian seen from a source; see the module's text."""

    t: Triple    # centre in the source frame, m
    u0: Triple   # rows of U = Q R
    u1: Triple
    u2: Triple
    x: float     # tx / tz
    y: float     # ty / tz
    b0: Triple   # rows of B = b diag(s), px
    b1: Triple
    xx: float    # Σ, px²
    xy: float
    yy: float
    determinant: float


@njit(**INLINE)
def read_camera(view: np.ndarray) -> Camera:
    """Return the camera of a packed view, (16,) float64 (`View.packed`)."""
    return Camera((float32(view[0]), float32(view[1]), float32(view[2])),
                  (float32(view[3]), float32(view[4]), float32(view[5])),
                  (float32(view[6]), float32(view[7]), float32(view[8])),
                  (float32(view[9]), float32(view[10]), float32(view[11])),
                  float32(view[12]), float32(view[13]), float32(view[14]), float32(view[15]))


@njit(**INLINE)
def project_one(camera: Camera, mean: Triple, rotation: tuple, scales: Triple) -> Projection:
    """Return the projection of a Gaussian."""
    x, y, z = (dot(camera.q0, mean) + camera.origin[0], dot(camera.q1, mean) + camera.origin[1],
               dot(camera.q2, mean) + camera.origin[2])
    u0, u1, u2 = (combined(camera.q0, rotation), combined(camera.q1, rotation),
                  combined(camera.q2, rotation))
    inverse = float32(1) / z
    slope_x, slope_y = x * inverse, y * inverse
    kx, ky = camera.fx * inverse, camera.fy * inverse
    b0 = times(mixed(kx, u0, -(kx * slope_x), u2), scales)
    b1 = times(mixed(ky, u1, -(ky * slope_y), u2), scales)
    normal = cross(b0, b1)
    return Projection((x, y, z), u0, u1, u2, slope_x, slope_y, b0, b1, dot(b0, b0), dot(b0, b1),
                      dot(b1, b1), dot(normal, normal))


@njit(**INLINE)
def line_factor(camera: Camera, p: Projection, scales: Triple) -> float:
    """Return μ, the line integral through the centre for a density of 1/m, metres."""
    inverse = float32(1) / p.t[2]
    volume = (scales[0] * inverse) * (scales[1] * inverse) * (scales[2] * inverse)
    return (ROOT_TWO_PI * camera.fx * camera.fy * volume
            * math.sqrt(dot(p.t, p.t) / p.determinant))


@njit(**INLINE)
def visible_width(p: Projection, u: float, v: float, scales: Triple, mean: Triple, norm: float,
                  factor: float, size: tuple[int, int], cut: float) -> float:
    """Return the half width of a footprint; -1 if it misses the image or is culled.

    And -2 if the Gaussian, its depth, or its footprint in front of the source is not a number: its
    difference with itself is then NaN, which no comparison passes.
    """
    zero, unseen, wrong = float32(0), float32(-1), float32(-2)
    half_width, half_height = cut * math.sqrt(p.xx), cut * math.sqrt(p.yy)
    height, width = float32(size[0] - 1), float32(size[1] - 1)
    seen = simd.choose(u + half_width, zero, half_width, unseen)
    seen = simd.choose(width - u + half_width, zero, seen, unseen)
    seen = simd.choose(v + half_height, zero, seen, unseen)
    seen = simd.choose(height - v + half_height, zero, seen, unseen)
    result = u + v + p.determinant + factor
    seen = simd.choose(result - result, zero, seen, wrong)
    seen = simd.choose(p.determinant, SMALLEST, seen, wrong)
    along = times(p.u2, scales)
    ahead = p.t[2] - cut * math.sqrt(dot(along, along))
    seen = simd.choose(ahead, SMALLEST, seen, unseen)
    given = mean[0] + mean[1] + mean[2] + scales[0] + scales[1] + scales[2] + norm + p.t[2]
    return simd.choose(given - given, zero, seen, wrong)


@njit(**KERNEL)
def project(begin: int, end: int, means: np.ndarray, scales: np.ndarray, quaternions: np.ndarray,
            view: np.ndarray, size: tuple[int, int], cut: float, norm: float,
            table: np.ndarray) -> int:
    """Write rows [begin, end) of the table of footprints; return how many are not finite.

    ``means`` and ``scales`` are (N, 3) in metres, ``quaternions`` (N, 4), ``view`` is
    `View.packed()` and ``size`` its height and width in pixels. A footprint ends at the
    Mahalanobis distance ``cut``; ``norm`` makes up for what it loses. ``table`` is (N, COLUMNS).

    A Gaussian is culled when its support (within the cut) reaches the plane of the source: the
    integral over the whole line and the affine map then mean nothing.
    """
    camera, last, zero, one = read_camera(view), end - 1, float32(0), float32(1)
    for i in range(begin, end, LANES):
        mean, s = take_triple(means, i, last), take_triple(scales, i, last)
        w, x, y, z, inverse_norm = take_unit_quaternion(quaternions, i, last)
        p = project_one(camera, mean, rotation_rows(w, x, y, z), s)
        u, v = camera.fx * p.x + camera.cx, camera.fy * p.y + camera.cy
        factor = norm * line_factor(camera, p, s)
        width = visible_width(p, u, v, s, mean, inverse_norm, factor, size, cut)
        inverse_xx, inverse_det = one / p.xx, one / p.determinant
        inverse_y, variance_y = p.xx * inverse_det, p.determinant * inverse_xx
        slope = p.xy * inverse_xx
        reach, half_height = cut * math.sqrt(variance_y), cut * math.sqrt(p.yy)
        put(table, i, last, U, simd.choose(width, zero, u, zero))
        put(table, i, last, V, simd.choose(width, zero, v, zero))
        put(table, i, last, INVERSE_XX, inverse_xx)
        put(table, i, last, SLOPE, slope)
        put(table, i, last, INVERSE_Y, inverse_y)
        put(table, i, last, RATIO, simd.exp(-inverse_y))
        put(table, i, last, BEND, simd.exp(float32(-4) * inverse_y))
        put(table, i, last, WALK, simd.choose(width, zero, walk_length(variance_y, cut), zero))
        put(table, i, last, REACH, reach)
        put(table, i, last, HALF_HEIGHT, half_height)
        put(table, i, last, ROWS,
            simd.choose(width, zero, strip_rows(slope, reach, half_height), zero))
        put(table, i, last, HALF_WIDTH, width)
        put(table, i, last, FACTOR, simd.choose(width, zero, factor, zero))
    bad = 0
    for i in range(begin, end):
        bad += 1 if table[i, HALF_WIDTH] < float32(-1.5) else 0
    return bad
