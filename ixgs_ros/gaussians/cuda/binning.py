"""Which Gaussians touch which cell of a grid: tiles of an image, bricks of a volume.

Plain torch, so the same on any device: each Gaussian's box of cells is unrolled into pairs (cell,
Gaussian), and a stable sort by cell brings a cell's Gaussians together in the model's order. So a
cell's sum has the same order, and the same bits, at every run.

For images, gsplat's compiled tile intersection is taken where it is there; it makes the same lists
(docs/decisions/0006 says why nothing else of gsplat is used).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import functools
import math
from typing import Any

import torch


@dataclass(frozen=True)
class Bins:
    """The Gaussians of each cell.

    Args:
        members: (M,) int32 Gaussians; those of cell k are members[offsets[k]:offsets[k + 1]].
        offsets: (cells + 1,) int32.
        shape: cells along each axis, slowest first; cell k counts in that order.
    """

    members: torch.Tensor
    offsets: torch.Tensor
    shape: tuple[int, ...]

    @staticmethod
    def from_sorted(cells: torch.Tensor, members: torch.Tensor, shape: tuple[int, ...]) -> Bins:
        """Return the bins of pairs sorted by cell, (M,) int64 and (M,)."""
        every = torch.arange(math.prod(shape) + 1, device=cells.device)
        offsets = torch.searchsorted(cells, every)
        return Bins(members.to(torch.int32), offsets.to(torch.int32), shape)


def cells_across(size: tuple[int, ...], cell: tuple[int, ...]) -> tuple[int, ...]:
    """Return how many cells of a given size, in pixels, cover an image or volume."""
    return tuple(-(-length // edge) for length, edge in zip(size, cell))


def bin_boxes(centers: torch.Tensor, halves: torch.Tensor, size: tuple[int, ...],
              cell: tuple[int, ...]) -> Bins:
    """Return the Gaussians of each cell.

    Args:
        centers: (N, D) in pixels or voxels, axes slowest first (y, x or z, y, x).
        halves: (N, D) half extents; negative: the Gaussian is left out.
        size: of the image or volume, pixels or voxels along the D axes.
        cell: of a cell, the same.
    """
    shape, device = cells_across(size, cell), centers.device
    last_pixel = torch.tensor(size, device=device) - 1
    edge = torch.tensor(cell, device=device)
    low = torch.ceil((centers - halves).clamp(min=0)).long()
    high = torch.floor(torch.minimum(centers + halves, last_pixel)).long()
    first = low // edge
    # A box that holds no pixel along an axis, as a negative half extent does, is left out.
    extent = torch.where(high >= low, high // edge - first + 1, 0)
    counts = extent.prod(dim=1)
    gaussians = torch.repeat_interleave(torch.arange(len(centers), device=device), counts)
    rank = (torch.arange(len(gaussians), device=device)
            - (counts.cumsum(0) - counts)[gaussians])
    cells, stride = torch.zeros_like(rank), 1
    for axis in reversed(range(len(size))):
        across = extent[gaussians, axis]
        cells += (first[gaussians, axis] + rank % across) * stride
        rank //= across
        stride *= shape[axis]
    cells, order = torch.sort(cells, stable=True)
    return Bins.from_sorted(cells, gaussians[order], shape)


@functools.cache
def gsplat_intersection() -> Callable[..., Any] | None:
    """Return gsplat's `isect_tiles`, or None unless a GPU, gsplat and its kernels are there.

    gsplat compiles its kernels when they are first imported, which takes minutes, once, and needs
    the CUDA toolkit; without that its `_C` is None.
    """
    if not torch.cuda.is_available():
        return None
    try:
        from gsplat import isect_tiles
        from gsplat.cuda._backend import _C
    except ImportError:
        return None
    return isect_tiles if _C is not None else None


def bin_with(isect_tiles: Callable[..., Any], centers: torch.Tensor, halves: torch.Tensor,
             size: tuple[int, int], tile: int) -> Bins:
    """Return the bins of an image by gsplat's tile intersection; arguments as of `bin_boxes`.

    gsplat wants x before y, counts pixels from their corners (half a pixel more than our integer
    centres), takes whole radii, 0 for what is culled, and sorts by (image, tile, depth): with one
    image and depth 0 its stable sort leaves the order of the Gaussians. Its keys hold the tile
    above 32 bits of depth. What it finds beyond our own bins adds 0 to the sum.
    """
    shape = cells_across(size, (tile, tile))
    seen = (halves >= 0).all(dim=1, keepdim=True)
    radii = torch.where(seen, torch.ceil(halves).clamp(min=1), 0).flip(1).to(torch.int32)
    _, keys, members = isect_tiles((centers.flip(1) + 0.5)[None], radii[None],
                                   torch.zeros_like(centers[:, 0])[None], tile, shape[1],
                                   shape[0])
    return Bins.from_sorted(keys >> 32, members, shape)


def bin_tiles(centers: torch.Tensor, halves: torch.Tensor, size: tuple[int, int],
              tile: int) -> Bins:
    """Return the Gaussians of each square tile of an image; arguments as of `bin_boxes`."""
    isect_tiles = gsplat_intersection() if centers.is_cuda else None
    if isect_tiles is not None:
        return bin_with(isect_tiles, centers, halves, size, tile)
    return bin_boxes(centers, halves, size, (tile, tile))
