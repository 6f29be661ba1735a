"""Voxel projectors of the coarse start: ray-driven forward, voxel-driven backward.

Forward is Joseph's method (IEEE Trans. Med. Imaging 1(3), 1982): the ray visits the voxel planes
across its dominant axis and interpolates bilinearly within each. Backward interpolates the image
at the projection of each voxel's centre. Every pixel and every voxel is computed by itself, so the
result does not depend on the number of threads.

Lengths in metres, pixel and voxel centres at integers, volumes (z, y, x); ``view`` is
``View.packed()``.
"""

from __future__ import annotations

import math

from numba import njit
import numpy as np

from ixgs_ros.gaussians.jit import INLINE, KERNEL
from ixgs_ros.gaussians.team import team_of


def project(volume: np.ndarray, origin: np.ndarray, spacing: float, view: np.ndarray,
            image: np.ndarray) -> None:
    """Write the line integrals through a volume of cubic voxels into ``image`` (H, W).

    Args:
        volume: (z, y, x) float32, 1/m.
        origin: (3,) float64, centre of the first voxel, x, y, z in metres.
        spacing: distance of voxel centres, metres.
        view: (16,) float64, ``View.packed()``.
        image: (H, W) float32, overwritten.
    """
    team_of().run(_project, len(image), volume, origin, spacing, view, image)


@njit(**KERNEL)
def _project(begin: int, end: int, volume: np.ndarray, origin: np.ndarray, spacing: float,
             view: np.ndarray, image: np.ndarray) -> None:
    """Write the rows [begin, end) of the image."""
    nz, ny, nx = volume.shape
    width = image.shape[1]
    flat = volume.ravel()
    # The source in voxel indices; the columns of R are the reference's axes in the source frame.
    sx = (-(view[0] * view[9] + view[3] * view[10] + view[6] * view[11]) - origin[0]) / spacing
    sy = (-(view[1] * view[9] + view[4] * view[10] + view[7] * view[11]) - origin[1]) / spacing
    sz = (-(view[2] * view[9] + view[5] * view[10] + view[8] * view[11]) - origin[2]) / spacing
    for v in range(begin, end):
        py = (v - view[15]) / view[13]
        for u in range(width):
            px = (u - view[14]) / view[12]
            dx = view[0] * px + view[3] * py + view[6]
            dy = view[1] * px + view[4] * py + view[7]
            dz = view[2] * px + view[5] * py + view[8]
            ax, ay, az = abs(dx), abs(dy), abs(dz)
            if az >= ax and az >= ay:
                image[v, u] = _march(flat, sz, dz, nz, nx * ny, sy, dy, ny, nx, sx, dx, nx, 1)
            elif ay >= ax:
                image[v, u] = _march(flat, sy, dy, ny, nx, sz, dz, nz, nx * ny, sx, dx, nx, 1)
            else:
                image[v, u] = _march(flat, sx, dx, nx, 1, sz, dz, nz, nx * ny, sy, dy, ny, nx)
            image[v, u] *= spacing


@njit(**INLINE)
def _march(flat: np.ndarray, s0: float, d0: float, n0: int, stride0: int, sa: float, da: float,
           na: int, stride_a: int, sb: float, db: float, nb: int, stride_b: int) -> float:
    """Return the integral in voxel units; axis 0 is dominant, a and b are interpolated."""
    slope_a, slope_b = da / d0, db / d0
    length = math.sqrt(1.0 + slope_a * slope_a + slope_b * slope_b)
    # Planes k with 0 <= a(k) <= na - 1 and 0 <= b(k) <= nb - 1, ahead of the source.
    low, high = 0.0, float(n0 - 1)
    for s, slope, n in ((sa, slope_a, na), (sb, slope_b, nb)):
        if abs(slope) > 1e-12:
            first, last = s0 - s / slope, s0 + (n - 1 - s) / slope
            low, high = max(low, min(first, last)), min(high, max(first, last))
        elif s < 0.0 or s > n - 1:
            high = -1.0
    if d0 > 0.0:
        low = max(low, s0)
    else:
        high = min(high, s0)
    total = 0.0
    for k in range(int(math.ceil(low)), int(math.floor(high)) + 1):
        a, b = sa + (k - s0) * slope_a, sb + (k - s0) * slope_b
        ia, ib = min(int(a), na - 2), min(int(b), nb - 2)
        fa, fb = a - ia, b - ib
        p = k * stride0 + ia * stride_a + ib * stride_b
        near = flat[p] + fb * (flat[p + stride_b] - flat[p])
        far = flat[p + stride_a] + fb * (flat[p + stride_a + stride_b] - flat[p + stride_a])
        total += near + fa * (far - near)
    return total * length


def backproject(image: np.ndarray, origin: np.ndarray, spacing: float, view: np.ndarray,
                factor: float, support: np.ndarray, volume: np.ndarray) -> None:
    """Add ``factor`` times the image at each voxel's projection, and clip at zero.

    Args:
        image: (H, W) float32, bilinearly interpolated; nothing is added outside of it.
        origin: (3,) float64, centre of the first voxel, metres.
        spacing: distance of voxel centres, metres.
        view: (16,) float64, ``View.packed()``.
        factor: relaxation.
        support: (z, y, x) uint8; voxels where it is 0 are left alone.
        volume: (z, y, x) float32, changed in place, kept >= 0.
    """
    team_of().run(_backproject, len(volume), image, origin, spacing, view, factor, support, volume)


@njit(**KERNEL)
def _backproject(begin: int, end: int, image: np.ndarray, origin: np.ndarray, spacing: float,
                 view: np.ndarray, factor: float, support: np.ndarray,
                 volume: np.ndarray) -> None:
    """Add to the layers [begin, end) of the volume."""
    _, ny, nx = volume.shape
    height, width = image.shape
    for k in range(begin, end):
        z = origin[2] + k * spacing
        for j in range(ny):
            y = origin[1] + j * spacing
            tx = view[1] * y + view[2] * z + view[9]
            ty = view[4] * y + view[5] * z + view[10]
            tz = view[7] * y + view[8] * z + view[11]
            for i in range(nx):
                x = origin[0] + i * spacing
                depth = view[6] * x + tz
                if support[k, j, i] == 0 or depth <= 0.0:
                    continue
                u = view[12] * (view[0] * x + tx) / depth + view[14]
                v = view[13] * (view[3] * x + ty) / depth + view[15]
                if not (0.0 <= u <= width - 1 and 0.0 <= v <= height - 1):
                    continue
                iu, iv = min(int(u), width - 2), min(int(v), height - 2)
                fu, fv = u - iu, v - iv
                top = image[iv, iu] + fu * (image[iv, iu + 1] - image[iv, iu])
                below = image[iv + 1, iu] + fu * (image[iv + 1, iu + 1] - image[iv + 1, iu])
                volume[k, j, i] = max(0.0, volume[k, j, i] + factor * (top + fv * (below - top)))


def look_up(image: np.ndarray, origin: np.ndarray, spacing: float, view: np.ndarray,
            air: float, outside_is_air: bool, seen: np.ndarray, through_air: np.ndarray) -> None:
    """Count for each voxel the views that see it, and those that tell that it is air.

    Args:
        image: (H, W) float32 line integrals; NaN where masked: neither seen nor air.
        origin: (3,) float64, centre of the first voxel, metres.
        spacing: distance of voxel centres, metres.
        view: (16,) float64, ``View.packed()``.
        air: line integral below which a ray has met nothing.
        outside_is_air: whether the view shows the whole body, so that nothing is beside its image.
        seen: (z, y, x) uint8 counter, changed in place.
        through_air: (z, y, x) uint8 counter, changed in place.
    """
    team_of().run(_look_up, len(seen), image, origin, spacing, view, air, outside_is_air, seen,
                  through_air)


@njit(**KERNEL)
def _look_up(begin: int, end: int, image: np.ndarray, origin: np.ndarray, spacing: float,
             view: np.ndarray, air: float, outside_is_air: bool, seen: np.ndarray,
             through_air: np.ndarray) -> None:
    """Count in the layers [begin, end)."""
    _, ny, nx = seen.shape
    height, width = image.shape
    for k in range(begin, end):
        z = origin[2] + k * spacing
        for j in range(ny):
            y = origin[1] + j * spacing
            tx = view[1] * y + view[2] * z + view[9]
            ty = view[4] * y + view[5] * z + view[10]
            tz = view[7] * y + view[8] * z + view[11]
            for i in range(nx):
                x = origin[0] + i * spacing
                depth = view[6] * x + tz
                if depth <= 0.0:
                    continue
                u = round(view[12] * (view[0] * x + tx) / depth + view[14])
                v = round(view[13] * (view[3] * x + ty) / depth + view[15])
                if 0 <= u < width and 0 <= v < height:
                    value = image[int(v), int(u)]
                    if value == value:
                        seen[k, j, i] = min(seen[k, j, i] + 1, 255)
                        if value < air:
                            through_air[k, j, i] = min(through_air[k, j, i] + 1, 255)
                elif outside_is_air:
                    through_air[k, j, i] = min(through_air[k, j, i] + 1, 255)
