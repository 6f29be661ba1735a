"""From image moments back to the parameters of the Gaussians and of the view.

With A the amplitude ρ μ and e the footprint's exponential, the loss L = Σ d · A e depends on a
Gaussian through six moments of the image d under it: m0 = Σ d e, and those of the distance from
its centre, (mx, my) and M = (mxx, mxy, myy). From them follow dL/dΣ and dL/d(u, v) in closed form;
the rest is the chain rule through the formulas of `projection`, whose symbols are used here.
"""

from __future__ import annotations

from typing import NamedTuple

from numba import float32, njit
import numpy as np

from ixgs_ros.gaussians import simd
from ixgs_ros.gaussians.jit import INLINE, KERNEL
from ixgs_ros.gaussians.projection import Camera, project_one, Projection, read_camera
from ixgs_ros.gaussians.simd import LANES, put, take
from ixgs_ros.gaussians.splatting import FACTOR, HALF_WIDTH
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

# Columns of a Gaussian's part of d loss / d view: rotation, translation, fx, fy, cx, cy.
VIEW_COLUMNS = 10


class FootprintGradient(NamedTuple):
    """Derivatives of the loss by what makes a footprint."""

    mass: float    # by ln A
    du: float      # by u, 1/px
    dv: float
    along0: float  # e0 · B0: by ln of a factor of B0 alone
    along1: float
    f0: Triple     # by b0 (the rows of B without the scales)
    f1: Triple
    by_scale: Triple  # by ln s
    dt: Triple     # by the centre in the source frame, 1/m


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
                       m: tuple) -> FootprintGradient:
    """Return the derivatives of the loss by what makes a footprint, from six moments."""
    two = float32(2)
    gxx, gxy, gyy, du, dv = covariance_gradient(p, amplitude, m)
    e0 = mixed(two * gxx, p.b0, two * gxy, p.b1)
    e1 = mixed(two * gxy, p.b0, two * gyy, p.b1)
    mass = amplitude * m[0]
    across0, across1 = times(e0, p.b0), times(e1, p.b1)
    along0 = across0[0] + across0[1] + across0[2]
    along1 = across1[0] + across1[1] + across1[2]
    f0, f1 = times(e0, scales), times(e1, scales)
    dt = center_gradient(camera, p, f0, f1, du, dv, along0 + along1, mass)
    by_scale = plus(plus(across0, across1), (mass, mass, mass))
    return FootprintGradient(mass, du, dv, along0, along1, f0, f1, by_scale, dt)


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
        g = footprint_gradient(camera, p, s, take(densities, i, last, 0) * factor, m)
        inverse = (one / s[0], one / s[1], one / s[2])
        body = plus(cross(g.f0, times(p.b0, inverse)), cross(g.f1, times(p.b1, inverse)))
        put_triple(d_means, i, last, combined(g.dt, (camera.q0, camera.q1, camera.q2)), seen)
        put_triple(d_log_scales, i, last, g.by_scale, seen)
        put_quaternion_gradient(d_quaternions, i, last, quaternion, body, seen)
        put(d_densities, i, last, 0, factor * m[0])


@njit(**INLINE)
def turn_gradient(camera: Camera, p: Projection, g: FootprintGradient) -> Triple:
    """Return dL/dω of the turn t' = t + ω × t, U' = U + [ω]× U of a Gaussian about the source.

    With dL/dU from b0 = kx (U0 - X U2) and b1 = ky (U1 - Y U2):
    dL/dω = t × dL/dt + Σ U_column × dL/dU_column.
    """
    kx, ky = camera.fx * (float32(1) / p.t[2]), camera.fy * (float32(1) / p.t[2])
    d0, d1 = times((kx, kx, kx), g.f0), times((ky, ky, ky), g.f1)
    d2 = mixed(-p.x, d0, -p.y, d1)
    around = (dot(p.u1, d2) - dot(p.u2, d1), dot(p.u2, d0) - dot(p.u0, d2),
              dot(p.u0, d1) - dot(p.u1, d0))
    return plus(cross(p.t, g.dt), around)


@njit(**INLINE)
def focal_gradient(camera: Camera, p: Projection, g: FootprintGradient) -> tuple[float, float]:
    """Return dL/dfx and dL/dfy, 1/px: fx is in u = fx X + cx, and a factor of B0 and of μ."""
    return (g.du * p.x + (g.along0 + g.mass) / camera.fx,
            g.dv * p.y + (g.along1 + g.mass) / camera.fy)


@njit(**KERNEL)
def chain_view(begin: int, end: int, means: np.ndarray, scales: np.ndarray,
               quaternions: np.ndarray, densities: np.ndarray, view: np.ndarray,
               table: np.ndarray, moments: np.ndarray, parts: np.ndarray) -> None:
    """Write each Gaussian's part of d loss / d view, ``parts`` (N, VIEW_COLUMNS).

    ``densities`` is (N, 1). The body moves in the source frame by t' = t + ω × t + τ; the columns
    are the derivatives by ω (3), τ (3), fx, fy, cx and cy.
    """
    camera, last, zero = read_camera(view), end - 1, float32(0)
    for i in range(begin, end, LANES):
        mean, s = take_triple(means, i, last), take_triple(scales, i, last)
        w, x, y, z, _ = take_unit_quaternion(quaternions, i, last)
        p = project_one(camera, mean, rotation_rows(w, x, y, z), s)
        seen = take(table, i, last, HALF_WIDTH)
        amplitude = take(densities, i, last, 0) * take(table, i, last, FACTOR)
        g = footprint_gradient(camera, p, s, amplitude, take_moments(moments, i, last))
        turn = turn_gradient(camera, p, g)
        by_fx, by_fy = focal_gradient(camera, p, g)
        columns = (*turn, *g.dt, by_fx, by_fy, g.du, g.dv)
        for k in range(VIEW_COLUMNS):
            put(parts, i, last, k, simd.choose(seen, zero, columns[k], zero))
