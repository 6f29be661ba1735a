"""The image as a sum of footprints over tiles, and the image's moments under each footprint.

The forward pass is a program a tile: it walks the tile's list (`binning`) and adds in the order of
the Gaussians; no two programs write the same pixel. The backward pass is a program a Gaussian: it
walks the pixels of its bounding box and sums. Neither needs atomics, and both give the same bits
at every run.
"""

from __future__ import annotations

import triton
import triton.language as tl

from ixgs_ros.gaussians.cuda.launch import Kernel
from ixgs_ros.gaussians.cuda.projection import Footprint, load_footprint, MOMENTS


@triton.jit
def whitened(footprint: Footprint, x: tl.tensor, y: tl.tensor, cut: float) -> tl.tuple:
    """Return p, q and e at pixels; e is 0 beyond the cut."""
    dx, dy = x.to(tl.float32) - footprint.u, y.to(tl.float32) - footprint.v
    p = dx * footprint.whiten_x
    q = (dy - footprint.slope * dx) * footprint.whiten_y
    squared = p * p + q * q
    return p, q, tl.where(squared <= cut * cut, tl.exp(-0.5 * squared), 0.0)


@triton.jit
def pixel_span(center: tl.tensor, half: tl.tensor, size: int) -> tl.tuple:
    """Return the first pixel under an ellipse along an axis and the one after the last."""
    first = tl.ceil(tl.maximum(center - half, 0.0)).to(tl.int32)
    return first, tl.floor(tl.minimum(center + half, size - 1.0)).to(tl.int32) + 1


@triton.jit
def splat(image: tl.pointer_type, table: tl.pointer_type, densities: tl.pointer_type,
          members: tl.pointer_type, offsets: tl.pointer_type, height: int, width: int,
          tiles_across: int, cut: float, TILE: tl.constexpr) -> None:
    """Write one tile of the image: Σ density · factor · e over the tile's Gaussians.

    Tile k's Gaussians are members[offsets[k]:offsets[k + 1]].
    """
    tile = tl.program_id(0)
    y = (tile // tiles_across) * TILE + tl.arange(0, TILE)[:, None]
    x = (tile % tiles_across) * TILE + tl.arange(0, TILE)[None, :]
    total = tl.zeros((TILE, TILE), tl.float32)
    for k in range(tl.load(offsets + tile), tl.load(offsets + tile + 1)):
        i = tl.load(members + k)
        footprint = load_footprint(table, i)
        _, _, e = whitened(footprint, x, y, cut)
        total += tl.load(densities + i) * footprint.factor * e
    tl.store(image + y * width + x, total, mask=(y < height) & (x < width))


@triton.jit
def gather(moments: tl.pointer_type, image: tl.pointer_type, table: tl.pointer_type, height: int,
           width: int, cut: float, ROWS: tl.constexpr, COLUMNS: tl.constexpr) -> None:
    """Write the moments of the image under one Gaussian's footprint.

    They are the sums of image · e · (1, p, q, p², p q, q²).
    """
    i = tl.program_id(0)
    footprint = load_footprint(table, i)
    left, right = pixel_span(footprint.u, footprint.half_width, width)
    top, bottom = pixel_span(footprint.v, footprint.half_height, height)
    zero = tl.zeros((ROWS, COLUMNS), tl.float32)
    m0, mp, mq, mpp, mpq, mqq = zero, zero, zero, zero, zero, zero
    for first_row in range(top, bottom, ROWS):
        y = first_row + tl.arange(0, ROWS)[:, None]
        for first_column in range(left, right, COLUMNS):
            x = first_column + tl.arange(0, COLUMNS)[None, :]
            p, q, e = whitened(footprint, x, y, cut)
            w = e * tl.load(image + y * width + x, mask=(y < bottom) & (x < right), other=0.0)
            m0, mp, mq = m0 + w, mp + w * p, mq + w * q
            mpp, mpq, mqq = mpp + w * p * p, mpq + w * p * q, mqq + w * q * q
    row = moments + i * MOMENTS
    tl.store(row, tl.sum(m0))
    tl.store(row + 1, tl.sum(mp))
    tl.store(row + 2, tl.sum(mq))
    tl.store(row + 3, tl.sum(mpp))
    tl.store(row + 4, tl.sum(mpq))
    tl.store(row + 5, tl.sum(mqq))


TILE = 16
SPLAT = Kernel(splat, warps=4, blocks={'TILE': TILE})
GATHER = Kernel(gather, warps=1, blocks={'ROWS': 8, 'COLUMNS': 16})
