"""Gaussians evaluated at the points of a box, and the gradient of a loss on the box, in Triton.

The box is any orthonormal frame with a spacing along each axis: a voxel grid, a part of one, or
(one layer deep) an oblique plane. A deviation d from the centre, in index units, is whitened by

    w = diag(1/s) (frame R)ᵀ diag(spacing) d,   e = exp(-½ |w|²)

and the gradient needs the moments of w only. The forward pass is a program a brick of voxels, the
backward a program a Gaussian, as for images (`splatting`).
"""

from __future__ import annotations

from typing import NamedTuple

import triton
import triton.language as tl

from ixgs_ros.gaussians.cuda.launch import Kernel
from ixgs_ros.gaussians.cuda.projection import SMALLEST
from ixgs_ros.gaussians.cuda.splatting import pixel_span
from ixgs_ros.gaussians.cuda.vectors import (
    combined,
    dot,
    is_number,
    load_scales,
    load_triple,
    load_unit_quaternion,
    rotation_rows,
    rows_of,
    store_quaternion_gradient,
    store_triple,
    times,
)

# Columns of the table of Gaussians in a box, (N, BOX_COLUMNS) float32: centre x, y, z and half
# extents, in index units, then the rows of the whitening map. Half extents: -1 where the Gaussian
# misses the box, -2 where it is not a number.
CENTER, HALF, WHITEN = tl.constexpr(0), tl.constexpr(3), tl.constexpr(6)
BOX_COLUMNS = tl.constexpr(15)
# Moments of a volume: those of 1, wx, wy, wz, then xx, xy, xz, yy, yz, zz.
BOX_MOMENTS = tl.constexpr(10)


class Spot(NamedTuple):
    """One row of the table: a Gaussian in a box."""

    center: tl.tuple    # x, y, z, index units
    half: tl.tuple      # extents within the cut along the axes
    whiten_x: tl.tuple  # rows of the map from index deviations to whitened ones
    whiten_y: tl.tuple
    whiten_z: tl.tuple


@triton.jit
def load_spot(table: tl.pointer_type, i: tl.tensor) -> Spot:
    """Return row ``i`` of the table."""
    row = table + i * BOX_COLUMNS
    return Spot(load_triple(row + CENTER), load_triple(row + HALF), load_triple(row + WHITEN),
                load_triple(row + WHITEN + 3), load_triple(row + WHITEN + 6))


@triton.jit
def half_extent(row: tl.tuple, scales: tl.tuple, inverse_spacing: tl.tensor,
                cut: float) -> tl.tensor:
    """Return how far a Gaussian reaches along an axis of the box; ``row`` is of frame · R."""
    spread = times(row, scales)
    return cut * inverse_spacing * tl.sqrt(dot(spread, spread))


@triton.jit
def meets(center: tl.tensor, half: tl.tensor, size: int) -> tl.tensor:
    """Return whether an interval touches the indices 0 to size - 1."""
    return (center + half >= 0.0) & (center - half <= size - 1.0)


@triton.jit
def prepare(table: tl.pointer_type, means: tl.pointer_type, log_scales: tl.pointer_type,
            quaternions: tl.pointer_type, frame: tl.pointer_type, count: int, depth: int,
            height: int, width: int, cut: float, LANES: tl.constexpr) -> None:
    """Write the table of Gaussians in a box of ``depth`` × ``height`` × ``width`` points.

    ``frame`` is (15,): the box's axes as rows, its origin and its spacings (`cpu.grid_frame`).
    """
    i, real = rows_of(count, LANES)
    mean, s = load_triple(means + 3 * i), load_scales(log_scales + 3 * i)
    axes = (load_triple(frame), load_triple(frame + 3), load_triple(frame + 6))
    origin, spacing = load_triple(frame + 9), load_triple(frame + 12)
    quaternion = load_unit_quaternion(quaternions + 4 * i)
    rotation = rotation_rows(quaternion)
    rx, ry, rz = (combined(axes[0], rotation), combined(axes[1], rotation),
                  combined(axes[2], rotation))
    finer = (1.0 / spacing[0], 1.0 / spacing[1], 1.0 / spacing[2])
    offset = (mean[0] - origin[0], mean[1] - origin[1], mean[2] - origin[2])
    center = times((dot(axes[0], offset), dot(axes[1], offset), dot(axes[2], offset)), finer)
    half = (half_extent(rx, s, finer[0], cut), half_extent(ry, s, finer[1], cut),
            half_extent(rz, s, finer[2], cut))
    volume = (s[0] * finer[0]) * (s[1] * finer[1]) * (s[2] * finer[2])
    good = (is_number(center[0] + center[1] + center[2] + half[0] + half[1] + half[2])
            & (volume * volume >= SMALLEST))
    seen = (good & meets(center[0], half[0], width) & meets(center[1], half[1], height)
            & meets(center[2], half[2], depth))
    mark = tl.where(good, -1.0, -2.0)
    row = table + i * BOX_COLUMNS
    store_triple(row + CENTER, center, real, seen)
    for axis in tl.static_range(3):
        tl.store(row + HALF + axis, tl.where(seen, half[axis], mark), mask=real)
        whiten = times((rx[axis] / s[axis], ry[axis] / s[axis], rz[axis] / s[axis]), spacing)
        store_triple(row + WHITEN + 3 * axis, whiten, real, seen)


@triton.jit
def whitened_in_box(spot: Spot, x: tl.tensor, y: tl.tensor, z: tl.tensor, cut: float) -> tl.tuple:
    """Return the three whitened deviations and e at points; e is 0 beyond the cut."""
    d = (x.to(tl.float32) - spot.center[0], y.to(tl.float32) - spot.center[1],
         z.to(tl.float32) - spot.center[2])
    a, b, c = dot(spot.whiten_x, d), dot(spot.whiten_y, d), dot(spot.whiten_z, d)
    squared = a * a + b * b + c * c
    return a, b, c, tl.where(squared <= cut * cut, tl.exp(-0.5 * squared), 0.0)


@triton.jit
def fill(volume: tl.pointer_type, table: tl.pointer_type, densities: tl.pointer_type,
         members: tl.pointer_type, offsets: tl.pointer_type, depth: int, height: int, width: int,
         bricks_down: int, bricks_across: int, cut: float, norm: float, DEPTH: tl.constexpr,
         HEIGHT: tl.constexpr, WIDTH: tl.constexpr) -> None:
    """Write one brick of the volume: Σ norm · density · e over the brick's Gaussians, 1/m.

    Brick k's Gaussians are members[offsets[k]:offsets[k + 1]]; x runs fastest.
    """
    brick = tl.program_id(0)
    layer = brick // (bricks_down * bricks_across)
    z = layer * DEPTH + tl.arange(0, DEPTH)[:, None, None]
    y = (brick // bricks_across % bricks_down) * HEIGHT + tl.arange(0, HEIGHT)[None, :, None]
    x = (brick % bricks_across) * WIDTH + tl.arange(0, WIDTH)[None, None, :]
    total = tl.zeros((DEPTH, HEIGHT, WIDTH), tl.float32)
    for k in range(tl.load(offsets + brick), tl.load(offsets + brick + 1)):
        i = tl.load(members + k)
        _, _, _, e = whitened_in_box(load_spot(table, i), x, y, z, cut)
        total += norm * tl.load(densities + i) * e
    tl.store(volume + (z * height + y) * width + x, total,
             mask=(z < depth) & (y < height) & (x < width))


@triton.jit
def gather_box(moments: tl.pointer_type, volume: tl.pointer_type, table: tl.pointer_type,
               depth: int, height: int, width: int, cut: float, DEPTH: tl.constexpr,
               HEIGHT: tl.constexpr, WIDTH: tl.constexpr) -> None:
    """Write the moments of a volume under one Gaussian.

    They are the sums of volume · e · (1, a, b, c, aa, ab, ac, bb, bc, cc), whitened deviations.
    """
    i = tl.program_id(0)
    spot = load_spot(table, i)
    left, right = pixel_span(spot.center[0], spot.half[0], width)
    top, bottom = pixel_span(spot.center[1], spot.half[1], height)
    low, high = pixel_span(spot.center[2], spot.half[2], depth)
    zero = tl.zeros((DEPTH, HEIGHT, WIDTH), tl.float32)
    m0, ma, mb, mc = zero, zero, zero, zero
    maa, mab, mac, mbb, mbc, mcc = zero, zero, zero, zero, zero, zero
    for first_layer in range(low, high, DEPTH):
        z = first_layer + tl.arange(0, DEPTH)[:, None, None]
        for first_row in range(top, bottom, HEIGHT):
            y = first_row + tl.arange(0, HEIGHT)[None, :, None]
            for first_column in range(left, right, WIDTH):
                x = first_column + tl.arange(0, WIDTH)[None, None, :]
                inside = (z < high) & (y < bottom) & (x < right)
                a, b, c, e = whitened_in_box(spot, x, y, z, cut)
                w = e * tl.load(volume + (z * height + y) * width + x, mask=inside, other=0.0)
                wa, wb, wc = w * a, w * b, w * c
                m0, ma, mb, mc = m0 + w, ma + wa, mb + wb, mc + wc
                maa, mab, mac = maa + wa * a, mab + wa * b, mac + wa * c
                mbb, mbc, mcc = mbb + wb * b, mbc + wb * c, mcc + wc * c
    sums = (m0, ma, mb, mc, maa, mab, mac, mbb, mbc, mcc)
    for k in tl.static_range(BOX_MOMENTS):
        tl.store(moments + i * BOX_MOMENTS + k, tl.sum(sums[k]))


@triton.jit
def chain_box(d_means: tl.pointer_type, d_log_scales: tl.pointer_type,
              d_quaternions: tl.pointer_type, d_densities: tl.pointer_type,
              log_scales: tl.pointer_type, quaternions: tl.pointer_type,
              densities: tl.pointer_type, table: tl.pointer_type, moments: tl.pointer_type,
              count: int, norm: float, LANES: tl.constexpr) -> None:
    """Write d loss / d parameters from the moments (N, 10) of d loss / d volume.

    With the first and second moments m and T of the whitened deviations and a the amplitude:
    dL/dp = a R diag(1/s) m, dL/d ln s_k = a T_kk, dL/dθ_x = a T_zy (s_y/s_z - s_z/s_y) and
    cyclically.
    """
    i, real = rows_of(count, LANES)
    s, quaternion = load_scales(log_scales + 3 * i), load_unit_quaternion(quaternions + 4 * i)
    rotation = rotation_rows(quaternion)
    seen = tl.load(table + i * BOX_COLUMNS + HALF) >= 0.0
    row = moments + i * BOX_MOMENTS
    amplitude, first = norm * tl.load(densities + i), load_triple(row + 1)
    xx, xy, xz = load_triple(row + 4)
    yy, yz, zz = load_triple(row + 7)
    local = (amplitude * first[0] / s[0], amplitude * first[1] / s[1], amplitude * first[2] / s[2])
    body = (amplitude * yz * (s[1] / s[2] - s[2] / s[1]),
            amplitude * xz * (s[2] / s[0] - s[0] / s[2]),
            amplitude * xy * (s[0] / s[1] - s[1] / s[0]))
    store_triple(d_means + 3 * i, (dot(rotation[0], local), dot(rotation[1], local),
                                   dot(rotation[2], local)), real, seen)
    store_triple(d_log_scales + 3 * i, (amplitude * xx, amplitude * yy, amplitude * zz), real,
                 seen)
    store_quaternion_gradient(d_quaternions + 4 * i, quaternion, body, real, seen)
    tl.store(d_densities + i, tl.where(seen, norm * tl.load(row), 0.0), mask=real)


LANES = 128
BRICK = (8, 8, 8)
PLATE = (1, 16, 16)
PREPARE = Kernel(prepare, warps=4, blocks={'LANES': LANES})
FILL = {shape: Kernel(fill, 4, dict(zip(('DEPTH', 'HEIGHT', 'WIDTH'), shape)))
        for shape in (BRICK, PLATE)}
GATHER_BOX = Kernel(gather_box, warps=1, blocks={'DEPTH': 4, 'HEIGHT': 4, 'WIDTH': 8})
CHAIN_BOX = Kernel(chain_box, warps=4, blocks={'LANES': LANES})
