"""From Gaussians to X-ray footprints, and from image moments back to the parameters.

The local affine (EWA) map of a Gaussian at t = (tx, ty, tz) in the source frame, with Q the
rotation into it, U = Q R, X = tx / tz, Y = ty / tz:

    b0 = (fx / tz) (U0 - X U2),  b1 = (fy / tz) (U1 - Y U2)      rows by principal axes, px per m
    B = b diag(s),  Σ = B Bᵀ,  u = fx X + cx,  v = fy Y + cy
    μ = √(2π) s1 s2 s3 · fx fy |t| / tz³ / √|Σ|

and the footprint is ρ μ exp(-½ dᵀ Σ⁻¹ d): the line integral, exact on the Gaussian's central ray
(method: docs/geometry, Zwicker et al. 2001 for the affine map; μ by Schur's complement). |Σ| is
the squared length of B0 × B1, which does not cancel in float32.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from numba import float32, njit
import numpy as np

from ixgs_ros.gaussians.jit import INLINE, KERNEL
from ixgs_ros.gaussians.splatting import (
    COLUMNS,
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
    rotation_rows,
    row,
    times,
    Triple,
    unit_quaternion,
    write_quaternion_gradient,
)

ROOT_TWO_PI = np.float32(math.sqrt(2 * math.pi))


class Camera(NamedTuple):
    """A view as float32: rotation rows of source_from_reference and intrinsics in pixels."""

    q0: Triple
    q1: Triple
    q2: Triple
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
                  float32(view[12]), float32(view[13]), float32(view[14]), float32(view[15]))


@njit(**INLINE)
def into_source(means: np.ndarray, i: int, view: np.ndarray) -> Triple:
    """Return a centre in the source frame; in float64, for the terms are larger than their sum."""
    x, y, z = means[i, 0], means[i, 1], means[i, 2]
    return (float32(view[0] * x + view[1] * y + view[2] * z + view[9]),
            float32(view[3] * x + view[4] * y + view[5] * z + view[10]),
            float32(view[6] * x + view[7] * y + view[8] * z + view[11]))


@njit(**INLINE)
def project_one(camera: Camera, t: Triple, quaternions: np.ndarray, scales: Triple,
                i: int) -> Projection:
    """Return the projection of Gaussian ``i``, whose centre is ``t``."""
    w, x, y, z, _ = unit_quaternion(quaternions, i)
    rotation = rotation_rows(w, x, y, z)
    u0, u1, u2 = (combined(camera.q0, rotation), combined(camera.q1, rotation),
                  combined(camera.q2, rotation))
    inverse = float32(1) / t[2]
    x, y = t[0] * inverse, t[1] * inverse
    kx, ky = camera.fx * inverse, camera.fy * inverse
    b0 = times(mixed(kx, u0, -kx * x, u2), scales)
    b1 = times(mixed(ky, u1, -ky * y, u2), scales)
    normal = cross(b0, b1)
    return Projection(t, u0, u1, u2, x, y, b0, b1, dot(b0, b0), dot(b0, b1), dot(b1, b1),
                      dot(normal, normal))


@njit(**INLINE)
def write_footprint(table: np.ndarray, i: int, camera: Camera, p: Projection, scales: Triple,
                    size: tuple[int, int], cut: float, norm: float) -> None:
    """Write row ``i`` of the table of footprints; ``half_width`` < 0 if it misses the image."""
    height, width = size
    u, v = camera.fx * p.x + camera.cx, camera.fy * p.y + camera.cy
    half_width, half_height = cut * math.sqrt(p.xx), cut * math.sqrt(p.yy)
    seen = (u + half_width >= float32(0) and u - half_width <= float32(width - 1)
            and v + half_height >= float32(0) and v - half_height <= float32(height - 1))
    inverse_z = float32(1) / p.t[2]
    volume = (scales[0] * inverse_z) * (scales[1] * inverse_z) * (scales[2] * inverse_z)
    distance = math.sqrt(dot(p.t, p.t))
    inverse_xx, inverse_det = float32(1) / p.xx, float32(1) / p.determinant
    inverse_y, variance_y = p.xx * inverse_det, p.determinant * inverse_xx
    table[i, U], table[i, V] = u, v
    table[i, INVERSE_XX], table[i, SLOPE] = inverse_xx, p.xy * inverse_xx
    table[i, INVERSE_Y], table[i, VARIANCE_Y] = inverse_y, variance_y
    table[i, RATIO] = math.exp(-inverse_y)
    table[i, ROWS] = walk_length(variance_y, cut)
    table[i, HALF_WIDTH] = half_width if seen else float32(-1)
    table[i, FACTOR] = (norm * ROOT_TWO_PI * volume * camera.fx * camera.fy * distance
                        * math.sqrt(inverse_det))


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
    camera = read_camera(view)
    bad = 0
    for i in range(begin, end):
        t, s = into_source(means, i, view), row(scales, i)
        p = project_one(camera, t, quaternions, s, i)
        along = times(p.u2, s)
        depth_deviation = math.sqrt(dot(along, along))
        finite = p.determinant > float32(0) and p.determinant < float32(np.inf)
        if t[2] > cut * depth_deviation and finite:
            write_footprint(table, i, camera, p, s, size, cut, norm)
        else:
            # Reaching behind the source (culled), or not a number (reported).
            bad += 0 if t[2] <= cut * depth_deviation else 1
            for k in range(COLUMNS):
                table[i, k] = float32(0)
            table[i, HALF_WIDTH] = float32(-1)
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


@njit(**KERNEL)
def chain(begin: int, end: int, means: np.ndarray, scales: np.ndarray, quaternions: np.ndarray,
          densities: np.ndarray, view: np.ndarray, table: np.ndarray, moments: np.ndarray,
          d_means: np.ndarray, d_log_scales: np.ndarray, d_quaternions: np.ndarray,
          d_densities: np.ndarray) -> None:
    """Write d loss / d parameters from the moments (N, 6) of d loss / d image."""
    camera = read_camera(view)
    two = float32(2)
    for i in range(begin, end):
        if table[i, HALF_WIDTH] < float32(0):
            d_means[i], d_log_scales[i], d_quaternions[i] = float32(0), float32(0), float32(0)
            d_densities[i] = float32(0)
            continue
        t, s = into_source(means, i, view), row(scales, i)
        p = project_one(camera, t, quaternions, s, i)
        amplitude = densities[i] * table[i, FACTOR]
        m = (moments[i, 0], moments[i, 1], moments[i, 2],
             moments[i, 3], moments[i, 4], moments[i, 5])
        gxx, gxy, gyy, du, dv = covariance_gradient(p, amplitude, m)
        e0 = mixed(two * gxx, p.b0, two * gxy, p.b1)
        e1 = mixed(two * gxy, p.b0, two * gyy, p.b1)
        mass = amplitude * m[0]
        by_scale = plus(times(e0, p.b0), times(e1, p.b1))
        stretch = by_scale[0] + by_scale[1] + by_scale[2]
        dt = center_gradient(camera, p, times(e0, s), times(e1, s), du, dv, stretch, mass)
        dp = combined(dt, (camera.q0, camera.q1, camera.q2))
        inverse = (float32(1) / s[0], float32(1) / s[1], float32(1) / s[2])
        body = plus(cross(times(e0, s), times(p.b0, inverse)),
                    cross(times(e1, s), times(p.b1, inverse)))
        write_quaternion_gradient(d_quaternions, i, quaternions, body)
        d_densities[i] = table[i, FACTOR] * m[0]
        for k in range(3):
            d_means[i, k] = dp[k]
            d_log_scales[i, k] = by_scale[k] + mass
