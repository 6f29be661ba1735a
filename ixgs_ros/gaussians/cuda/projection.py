"""From Gaussians to X-ray footprints, and from image moments back to the parameters, in Triton.

The mathematics and the names are those of `gaussians.projection`; one Gaussian a lane. A footprint
is kept as what whitens it: with the deviation (dx, dy) of a pixel from the centre,

    p = dx / √Σxx,   q = (dy - slope · dx) / √Σy|x,   e = exp(-½ (p² + q²))

and the moments that come back are those of p and q: numbers of order 1 whatever the footprint's
size or shape, so that nothing cancels in float32.
"""

from __future__ import annotations

from typing import NamedTuple

import triton
import triton.language as tl

from ixgs_ros.gaussians.cuda.launch import Kernel
from ixgs_ros.gaussians.cuda.vectors import (
    combined,
    cross,
    dot,
    is_number,
    load_scales,
    load_triple,
    load_unit_quaternion,
    mixed,
    plus,
    rotation_rows,
    rows_of,
    store_quaternion_gradient,
    store_triple,
    times,
)

# Columns of the table of footprints, (N, COLUMNS) float32; the kernels name them in `Footprint`.
U, V, WHITEN_X, SLOPE, WHITEN_Y, HALF_WIDTH, HALF_HEIGHT, FACTOR = range(8)
COLUMNS = tl.constexpr(8)
# Moments of an image under a footprint: those of 1, p, q, pp, pq, qq.
MOMENTS = tl.constexpr(6)
# Columns of a Gaussian's part of d loss / d view.
VIEW_COLUMNS = tl.constexpr(10)

ROOT_TWO_PI = tl.constexpr(2.5066282746310002)
# Smallest normal float32, about: a determinant or distance below it is none.
SMALLEST = tl.constexpr(1e-37)


class Camera(NamedTuple):
    """A view: source_from_reference and intrinsics in pixels."""

    q0: tl.tuple      # rows of its rotation
    q1: tl.tuple
    q2: tl.tuple
    origin: tl.tuple  # its translation, m
    fx: tl.tensor
    fy: tl.tensor
    cx: tl.tensor
    cy: tl.tensor


class Projection(NamedTuple):
    """One Gaussian seen from a source; see `gaussians.projection`."""

    t: tl.tuple   # centre in the source frame, m
    u0: tl.tuple  # rows of U = Q R
    u1: tl.tuple
    u2: tl.tuple
    x: tl.tensor  # tx / tz
    y: tl.tensor  # ty / tz
    b0: tl.tuple  # rows of B = b diag(s), px
    b1: tl.tuple
    xx: tl.tensor  # Σ, px²
    xy: tl.tensor
    yy: tl.tensor
    determinant: tl.tensor


class Footprint(NamedTuple):
    """One row of the table, pixels; the factor in metres."""

    u: tl.tensor            # centre
    v: tl.tensor
    whiten_x: tl.tensor     # 1 / √Σxx
    slope: tl.tensor        # Σxy / Σxx
    whiten_y: tl.tensor     # 1 / √Σy|x
    half_width: tl.tensor   # of the cut ellipse; -1: not seen, -2: not a number
    half_height: tl.tensor
    factor: tl.tensor       # line integral through the centre for a density of 1/m; 0: not seen


@triton.jit
def load_camera(view: tl.pointer_type) -> Camera:
    """Return the camera of a packed view, (16,) (`View.packed`)."""
    return Camera(load_triple(view), load_triple(view + 3), load_triple(view + 6),
                  load_triple(view + 9), tl.load(view + 12), tl.load(view + 13),
                  tl.load(view + 14), tl.load(view + 15))


@triton.jit
def load_footprint(table: tl.pointer_type, i: tl.tensor) -> Footprint:
    """Return row ``i`` of the table of footprints."""
    row = table + i * COLUMNS
    return Footprint(tl.load(row), tl.load(row + 1), tl.load(row + 2), tl.load(row + 3),
                     tl.load(row + 4), tl.load(row + 5), tl.load(row + 6), tl.load(row + 7))


@triton.jit
def store_footprint(table: tl.pointer_type, i: tl.tensor, footprint: Footprint,
                    real: tl.tensor) -> None:
    """Store row ``i`` of the table of footprints where ``real``."""
    row = table + i * COLUMNS
    for column in tl.static_range(COLUMNS):
        tl.store(row + column, footprint[column], mask=real)


@triton.jit
def project_one(camera: Camera, mean: tl.tuple, rotation: tl.tuple,
                scales: tl.tuple) -> Projection:
    """Return the projection of a Gaussian."""
    t = plus((dot(camera.q0, mean), dot(camera.q1, mean), dot(camera.q2, mean)), camera.origin)
    u0, u1, u2 = (combined(camera.q0, rotation), combined(camera.q1, rotation),
                  combined(camera.q2, rotation))
    inverse = 1.0 / t[2]
    x, y = t[0] * inverse, t[1] * inverse
    kx, ky = camera.fx * inverse, camera.fy * inverse
    b0 = times(mixed(kx, u0, -(kx * x), u2), scales)
    b1 = times(mixed(ky, u1, -(ky * y), u2), scales)
    normal = cross(b0, b1)
    return Projection(t, u0, u1, u2, x, y, b0, b1, dot(b0, b0), dot(b0, b1), dot(b1, b1),
                      dot(normal, normal))


@triton.jit
def line_factor(camera: Camera, p: Projection, scales: tl.tuple) -> tl.tensor:
    """Return μ, the line integral through the centre for a density of 1/m, metres."""
    inverse = 1.0 / p.t[2]
    volume = (scales[0] * inverse) * (scales[1] * inverse) * (scales[2] * inverse)
    return (ROOT_TWO_PI * camera.fx * camera.fy * volume
            * tl.sqrt(dot(p.t, p.t) / p.determinant))


@triton.jit
def whitening(p: Projection) -> tl.tuple:
    """Return 1 / √Σxx, Σxy / Σxx and 1 / √Σy|x = √(Σxx / |Σ|)."""
    inverse = 1.0 / p.xx
    return tl.sqrt(inverse), p.xy * inverse, tl.sqrt(p.xx / p.determinant)


@triton.jit
def footprint_of(camera: Camera, p: Projection, scales: tl.tuple, given: tl.tensor, cut: float,
                 norm: float, height: int, width: int) -> Footprint:
    """Return the footprint of a projected Gaussian.

    It is culled when its support (within the cut) misses the image or reaches the plane of the
    source: the integral over the whole line and the affine map then mean nothing. ``given`` is a
    sum of its parameters, not a number if one of them is none.
    """
    u, v = camera.fx * p.x + camera.cx, camera.fy * p.y + camera.cy
    factor = norm * line_factor(camera, p, scales)
    half_width, half_height = cut * tl.sqrt(p.xx), cut * tl.sqrt(p.yy)
    meets_image = ((u + half_width >= 0.0) & (u - half_width <= width - 1.0)
                   & (v + half_height >= 0.0) & (v - half_height <= height - 1.0))
    good = is_number(u + v + p.determinant + factor) & (p.determinant >= SMALLEST)
    along = times(p.u2, scales)
    ahead = p.t[2] - cut * tl.sqrt(dot(along, along)) >= SMALLEST
    seen = good & ahead & meets_image & is_number(given)
    mark = tl.where((ahead & ~good) | ~is_number(given), -2.0, -1.0)
    whiten_x, slope, whiten_y = whitening(p)
    return Footprint(tl.where(seen, u, 0.0), tl.where(seen, v, 0.0), whiten_x, slope, whiten_y,
                     tl.where(seen, half_width, mark), tl.where(seen, half_height, mark),
                     tl.where(seen, factor, 0.0))


@triton.jit
def project(table: tl.pointer_type, means: tl.pointer_type, log_scales: tl.pointer_type,
            quaternions: tl.pointer_type, view: tl.pointer_type, count: int, height: int,
            width: int, cut: float, norm: float, LANES: tl.constexpr) -> None:
    """Write the table of footprints of ``count`` Gaussians.

    A footprint ends at the Mahalanobis distance ``cut``; ``norm`` makes up for what it loses.
    """
    i, real = rows_of(count, LANES)
    camera, mean, scales = load_camera(view), load_triple(means + 3 * i), load_scales(
        log_scales + 3 * i)
    quaternion = load_unit_quaternion(quaternions + 4 * i)
    p = project_one(camera, mean, rotation_rows(quaternion), scales)
    given = (mean[0] + mean[1] + mean[2] + scales[0] + scales[1] + scales[2] + quaternion[4])
    store_footprint(table, i, footprint_of(camera, p, scales, given, cut, norm, height, width),
                    real)


@triton.jit
def covariance_gradient(p: Projection, amplitude: tl.tensor, moments: tl.tuple) -> tl.tuple:
    """Return the symmetric G = dL/dΣ as xx, xy, yy, and (du, dv).

    With the whitening W (p, q = W d) and A ∝ 1 / √|Σ|: dL/du = A Wᵀ m and G = ½ A Wᵀ (T - m0 I) W,
    T the second moments of p and q.
    """
    m0, mp, mq, mpp, mpq, mqq = moments
    a, slope, c = whitening(p)
    b = -slope * c  # W is ((a, 0), (b, c))
    xx, yy = mpp - m0, mqq - m0
    left_x, left_y = xx * a + mpq * b, mpq * a + yy * b
    half = 0.5 * amplitude
    return (half * (a * left_x + b * left_y), half * c * left_y, half * c * c * yy,
            amplitude * (a * mp + b * mq), amplitude * c * mq)


@triton.jit
def center_gradient(camera: Camera, p: Projection, f0: tl.tuple, f1: tl.tuple, du: tl.tensor,
                    dv: tl.tensor, stretch: tl.tensor, mass: tl.tensor) -> tl.tuple:
    """Return dL/dt, 1/m: through u and v, through b, and through |t| / tz³ in μ.

    f0, f1 are dL/db; ``stretch`` is f0·b0 + f1·b1, the derivative by a common factor of b;
    ``mass`` is dL/d ln μ.
    """
    inverse = 1.0 / p.t[2]
    dx = camera.fx * (du - inverse * dot(f0, p.u2))
    dy = camera.fy * (dv - inverse * dot(f1, p.u2))
    radial = mass / dot(p.t, p.t)
    return (dx * inverse + radial * p.t[0], dy * inverse + radial * p.t[1],
            radial * p.t[2] - inverse * (stretch + dx * p.x + dy * p.y + 3.0 * mass))


@triton.jit
def footprint_gradient(camera: Camera, p: Projection, scales: tl.tuple, amplitude: tl.tensor,
                       moments: tl.tuple) -> tl.tuple:
    """Return dL/db (f0, f1; b without the scales), by ln s, by t, (u, v) and ln (fx, fy)."""
    gxx, gxy, gyy, du, dv = covariance_gradient(p, amplitude, moments)
    e0 = mixed(2.0 * gxx, p.b0, 2.0 * gxy, p.b1)
    e1 = mixed(2.0 * gxy, p.b0, 2.0 * gyy, p.b1)
    mass = amplitude * moments[0]
    across0, across1 = times(e0, p.b0), times(e1, p.b1)
    along0 = across0[0] + across0[1] + across0[2]
    along1 = across1[0] + across1[1] + across1[2]
    f0, f1 = times(e0, scales), times(e1, scales)
    dt = center_gradient(camera, p, f0, f1, du, dv, along0 + along1, mass)
    # fx is in u = fx X + cx, and a factor of B0 and of μ.
    focal = (du * p.x + (along0 + mass) / camera.fx, dv * p.y + (along1 + mass) / camera.fy)
    return f0, f1, plus(plus(across0, across1), (mass, mass, mass)), dt, (du, dv), focal


@triton.jit
def load_moments(moments: tl.pointer_type, i: tl.tensor) -> tl.tuple:
    """Return the six moments of Gaussian ``i``."""
    row = moments + i * MOMENTS
    return (tl.load(row), tl.load(row + 1), tl.load(row + 2), tl.load(row + 3), tl.load(row + 4),
            tl.load(row + 5))


@triton.jit
def chain(d_means: tl.pointer_type, d_log_scales: tl.pointer_type, d_quaternions: tl.pointer_type,
          d_densities: tl.pointer_type, means: tl.pointer_type, log_scales: tl.pointer_type,
          quaternions: tl.pointer_type, densities: tl.pointer_type, view: tl.pointer_type,
          table: tl.pointer_type, moments: tl.pointer_type, count: int,
          LANES: tl.constexpr) -> None:
    """Write d loss / d parameters from the moments (N, 6) of d loss / d image."""
    i, real = rows_of(count, LANES)
    camera, scales = load_camera(view), load_scales(log_scales + 3 * i)
    quaternion = load_unit_quaternion(quaternions + 4 * i)
    p = project_one(camera, load_triple(means + 3 * i), rotation_rows(quaternion), scales)
    footprint = load_footprint(table, i)
    seen, m = footprint.half_width >= 0.0, load_moments(moments, i)
    amplitude = tl.load(densities + i) * footprint.factor
    f0, f1, by_scale, dt, _, _ = footprint_gradient(camera, p, scales, amplitude, m)
    inverse = (1.0 / scales[0], 1.0 / scales[1], 1.0 / scales[2])
    body = plus(cross(f0, times(p.b0, inverse)), cross(f1, times(p.b1, inverse)))
    store_triple(d_means + 3 * i, combined(dt, (camera.q0, camera.q1, camera.q2)), real, seen)
    store_triple(d_log_scales + 3 * i, by_scale, real, seen)
    store_quaternion_gradient(d_quaternions + 4 * i, quaternion, body, real, seen)
    tl.store(d_densities + i, footprint.factor * m[0], mask=real)


@triton.jit
def chain_view(parts: tl.pointer_type, means: tl.pointer_type, log_scales: tl.pointer_type,
               quaternions: tl.pointer_type, densities: tl.pointer_type, view: tl.pointer_type,
               table: tl.pointer_type, moments: tl.pointer_type, count: int,
               LANES: tl.constexpr) -> None:
    """Write each Gaussian's part of d loss / d view, (N, 10).

    The columns are the derivatives by rotation (3), translation (3), fx, fy, cx and cy. The body
    moves in the source frame by t' = t + ω × t + τ and U' = U + [ω]× U. With dL/dU from
    b0 = kx (U0 - X U2) and b1 = ky (U1 - Y U2): dL/dω = t × dL/dt + Σ U_column × dL/dU_column.
    """
    i, real = rows_of(count, LANES)
    camera, scales = load_camera(view), load_scales(log_scales + 3 * i)
    quaternion = load_unit_quaternion(quaternions + 4 * i)
    p = project_one(camera, load_triple(means + 3 * i), rotation_rows(quaternion), scales)
    footprint = load_footprint(table, i)
    seen, m = footprint.half_width >= 0.0, load_moments(moments, i)
    amplitude = tl.load(densities + i) * footprint.factor
    f0, f1, _, dt, center, focal = footprint_gradient(camera, p, scales, amplitude, m)
    kx, ky = camera.fx / p.t[2], camera.fy / p.t[2]
    d0, d1 = times((kx, kx, kx), f0), times((ky, ky, ky), f1)
    d2 = mixed(-p.x, d0, -p.y, d1)
    around = (dot(p.u1, d2) - dot(p.u2, d1), dot(p.u2, d0) - dot(p.u0, d2),
              dot(p.u0, d1) - dot(p.u1, d0))
    row = parts + VIEW_COLUMNS * i
    store_triple(row, plus(cross(p.t, dt), around), real, seen)
    store_triple(row + 3, dt, real, seen)
    tl.store(row + 6, tl.where(seen, focal[0], 0.0), mask=real)
    tl.store(row + 7, tl.where(seen, focal[1], 0.0), mask=real)
    tl.store(row + 8, tl.where(seen, center[0], 0.0), mask=real)
    tl.store(row + 9, tl.where(seen, center[1], 0.0), mask=real)


LANES = 128
PROJECT = Kernel(project, warps=4, blocks={'LANES': LANES})
CHAIN = Kernel(chain, warps=4, blocks={'LANES': LANES})
CHAIN_VIEW = Kernel(chain_view, warps=4, blocks={'LANES': LANES})
