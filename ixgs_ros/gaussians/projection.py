"""From Gaussians to X-ray footprints, and from image moments back to the parameters.

The local affine (EWA) map of a Gaussian at t = (tx, ty, tz) in the source frame, with Q the
rotation into it, U = Q R, X = tx / tz, Y = ty / tz:

    b0 = (fx / tz) (U0 - X U2),  b1 = (fy / tz) (U1 - Y U2)      rows by principal axes, px per m
    B = b diag(s),  Σ = B Bᵀ,  u = fx X + cx,  v = fy Y + cy
    μ = √(2π) s1 s2 s3 · fx fy |t| / tz³ / √|Σ|

and the footprint is ρ μ exp(-½ dᵀ Σ⁻¹ d): the line integral, exact on the Gaussian's central ray
(method: docs/geometry, Zwicker et al. 2001 for the affine map; μ by Schur's complement). |Σ| is
the squared length of B0 × B1, which does not cancel in float32.

The kernels do a Gaussian a lane, all the same way; what is culled is masked when written.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from numba import float32, njit
import numpy as np

from ixgs_ros.gaussians import simd
from ixgs_ros.gaussians.jit import INLINE, KERNEL
from ixgs_ros.gaussians.simd import LANES, put, take
from ixgs_ros.gaussians.splatting import (
    FACTOR,
    HALF_WIDTH,
    INVERSE_XX,
    INVERSE_Y,
    RATIO,
    ROWS,
    SLOPE,
    U,
    V,
    VARIANCE_Y,
    walk_length,
)
from ixgs_ros.gaussians.vectors import (
    combined,
    cross,
    dot,
    mixed,
    plus,
    put_quaternion_gradient,
    put_triple,
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

    And -2 if the Gaussian, or its footprint in front of the source, is not a number: its
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
    given = mean[0] + mean[1] + mean[2] + scales[0] + scales[1] + scales[2] + norm
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
        put(table, i, last, U, simd.choose(width, zero, u, zero))
        put(table, i, last, V, simd.choose(width, zero, v, zero))
        put(table, i, last, INVERSE_XX, inverse_xx)
        put(table, i, last, SLOPE, p.xy * inverse_xx)
        put(table, i, last, INVERSE_Y, inverse_y)
        put(table, i, last, VARIANCE_Y, variance_y)
        put(table, i, last, RATIO, simd.exp(-inverse_y))
        put(table, i, last, ROWS, simd.choose(width, zero, walk_length(variance_y, cut), zero))
        put(table, i, last, HALF_WIDTH, width)
        put(table, i, last, FACTOR, simd.choose(width, zero, factor, zero))
    bad = 0
    for i in range(begin, end):
        bad += 1 if table[i, HALF_WIDTH] < float32(-1.5) else 0
    return bad


@njit(**INLINE)
def covariance_gradient(p: Projection, amplitude: float, moments: tuple) -> tuple:
    """Return the symmetric G = dL/dΣ as xx, xy, yy, and (du, dv).

    L = Σ d · A e with A ∝ 1/√|Σ|, so G = ½ A Σ⁻¹ (M - m0 Σ) Σ⁻¹, M the second moments.
    """
    m0, mx, my, mxx, mxy, myy = moments
    inverse = float32(1) / p.determinant
    a, b, c = p.yy * inverse, -p.xy * inverse, p.xx * inverse
    du, dv = amplitude * (a * mx + b * my), amplitude * (b * mx + c * my)
    rest_xx, rest_xy, rest_yy = mxx - m0 * p.xx, mxy - m0 * p.xy, myy - m0 * p.yy
    half = float32(0.5) * amplitude
    left_xx, left_xy = a * rest_xx + b * rest_xy, a * rest_xy + b * rest_yy
    left_yx, left_yy = b * rest_xx + c * rest_xy, b * rest_xy + c * rest_yy
    return (half * (left_xx * a + left_xy * b), half * (left_xx * b + left_xy * c),
            half * (left_yx * b + left_yy * c), du, dv)


@njit(**INLINE)
def center_gradient(camera: Camera, p: Projection, f0: Triple, f1: Triple, du: float, dv: float,
                    stretch: float, mass: float) -> Triple:
    """Return dL/dt, m⁻¹: through u and v, through b, and through |t| / tz³ in μ.

    f0, f1 are dL/db; ``stretch`` is f0·b0 + f1·b1, the derivative by a common factor of b;
    ``mass`` is dL/d ln μ.
    """
    inverse = float32(1) / p.t[2]
    dx = camera.fx * (du - inverse * dot(f0, p.u2))
    dy = camera.fy * (dv - inverse * dot(f1, p.u2))
    radial = mass / dot(p.t, p.t)
    return (dx * inverse + radial * p.t[0], dy * inverse + radial * p.t[1],
            radial * p.t[2] - inverse * (stretch + dx * p.x + dy * p.y + float32(3) * mass))


@njit(**INLINE)
def take_moments(moments: np.ndarray, first: int, last: int) -> tuple:
    """Return the six moments of the rows from ``first`` on."""
    return (take(moments, first, last, 0), take(moments, first, last, 1),
            take(moments, first, last, 2), take(moments, first, last, 3),
            take(moments, first, last, 4), take(moments, first, last, 5))


@njit(**INLINE)
def footprint_gradient(camera: Camera, p: Projection, scales: Triple, amplitude: float,
                       m: tuple) -> tuple:
    """Return f0, f1 = dL/db (b without the scales), dL/d ln s, and dL/dt from six moments."""
    two = float32(2)
    gxx, gxy, gyy, du, dv = covariance_gradient(p, amplitude, m)
    e0 = mixed(two * gxx, p.b0, two * gxy, p.b1)
    e1 = mixed(two * gxy, p.b0, two * gyy, p.b1)
    mass = amplitude * m[0]
    by_scale = plus(times(e0, p.b0), times(e1, p.b1))
    stretch = by_scale[0] + by_scale[1] + by_scale[2]
    f0, f1 = times(e0, scales), times(e1, scales)
    dt = center_gradient(camera, p, f0, f1, du, dv, stretch, mass)
    return f0, f1, plus(by_scale, (mass, mass, mass)), dt


@njit(**KERNEL)
def chain(begin: int, end: int, means: np.ndarray, scales: np.ndarray, quaternions: np.ndarray,
          densities: np.ndarray, view: np.ndarray, table: np.ndarray, moments: np.ndarray,
          d_means: np.ndarray, d_log_scales: np.ndarray, d_quaternions: np.ndarray,
          d_densities: np.ndarray) -> None:
    """Write d loss / d parameters from the moments (N, 6) of d loss / d image.

    ``densities`` and ``d_densities`` are (N, 1).
    """
    camera, last, one = read_camera(view), end - 1, float32(1)
    for i in range(begin, end, LANES):
        mean, s = take_triple(means, i, last), take_triple(scales, i, last)
        quaternion = take_unit_quaternion(quaternions, i, last)
        w, x, y, z, _ = quaternion
        p = project_one(camera, mean, rotation_rows(w, x, y, z), s)
        seen, factor = take(table, i, last, HALF_WIDTH), take(table, i, last, FACTOR)
        m = take_moments(moments, i, last)
        amplitude = take(densities, i, last, 0) * factor
        f0, f1, by_scale, dt = footprint_gradient(camera, p, s, amplitude, m)
        inverse = (one / s[0], one / s[1], one / s[2])
        body = plus(cross(f0, times(p.b0, inverse)), cross(f1, times(p.b1, inverse)))
        put_triple(d_means, i, last, combined(dt, (camera.q0, camera.q1, camera.q2)), seen)
        put_triple(d_log_scales, i, last, by_scale, seen)
        put_quaternion_gradient(d_quaternions, i, last, quaternion, body, seen)
        put(d_densities, i, last, 0, factor * m[0])


@njit(**KERNEL)
def chain_pose(begin: int, end: int, means: np.ndarray, scales: np.ndarray,
               quaternions: np.ndarray, densities: np.ndarray, view: np.ndarray,
               table: np.ndarray, moments: np.ndarray, turn: np.ndarray,
               shift: np.ndarray) -> None:
    """Write each Gaussian's part of d loss / d pose: rotation (N, 3) and translation (N, 3).

    The body moves in the source frame by t' = t + ω × t + τ and U' = U + [ω]× U. With dL/dU from
    b0 = kx (U0 - X U2) and b1 = ky (U1 - Y U2): dL/dω = t × dL/dt + Σ U_column × dL/dU_column.
    """
    camera, last, one = read_camera(view), end - 1, float32(1)
    for i in range(begin, end, LANES):
        mean, s = take_triple(means, i, last), take_triple(scales, i, last)
        w, x, y, z, _ = take_unit_quaternion(quaternions, i, last)
        p = project_one(camera, mean, rotation_rows(w, x, y, z), s)
        seen = take(table, i, last, HALF_WIDTH)
        amplitude = take(densities, i, last, 0) * take(table, i, last, FACTOR)
        m = take_moments(moments, i, last)
        f0, f1, _, dt = footprint_gradient(camera, p, s, amplitude, m)
        kx, ky = camera.fx * (one / p.t[2]), camera.fy * (one / p.t[2])
        d0, d1 = times((kx, kx, kx), f0), times((ky, ky, ky), f1)
        d2 = mixed(-p.x, d0, -p.y, d1)
        around = (dot(p.u1, d2) - dot(p.u2, d1), dot(p.u2, d0) - dot(p.u0, d2),
                  dot(p.u0, d1) - dot(p.u1, d0))
        put_triple(turn, i, last, plus(cross(p.t, dt), around), seen)
        put_triple(shift, i, last, dt, seen)
