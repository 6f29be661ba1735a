"""Cells' lists against a count by hand, and against what gsplat promises to return."""

from device_scenes import DEVICE, tensor
import numpy as np
import pytest
import torch

from ixgs_ros.gaussians.cuda.binning import bin_boxes, bin_with, cells_across

SIZE, CELL = (70, 50, 33), (8, 16, 4)


def random_boxes(seed, count, axes):
    """Centres in and around the box, half extents from below a pixel to many cells, some < 0."""
    rng = np.random.default_rng(seed)
    centers = rng.uniform(-15, np.array(SIZE[:axes]) + 15, (count, axes))
    halves = rng.exponential(8, (count, axes))
    halves[::7] = -1
    return tensor(centers), tensor(halves)


def lists(bins):
    offsets = bins.offsets.tolist()
    return [bins.members[a:b].tolist() for a, b in zip(offsets[:-1], offsets[1:])]


def cells_with_a_pixel_inside(centers, halves, size, cell):
    """Yield each cell's Gaussians in order: those with a pixel of it in their box."""
    c, h = centers.cpu().numpy(), halves.cpu().numpy()
    for index in np.ndindex(*cells_across(size, cell)):
        inside = np.ones(len(c), bool)
        for axis, (k, edge) in enumerate(zip(index, cell)):
            first, last = k * edge, min((k + 1) * edge, size[axis]) - 1
            low = np.maximum(np.ceil(c[:, axis] - h[:, axis]), first)
            inside &= low <= np.minimum(np.floor(c[:, axis] + h[:, axis]), last)
        yield np.flatnonzero(inside).tolist()


@pytest.mark.parametrize('axes', [2, 3])
@pytest.mark.parametrize('seed', range(3))
def test_each_cell_lists_the_gaussians_that_touch_it_in_order(axes, seed):
    centers, halves = random_boxes(seed, 90, axes)
    bins = bin_boxes(centers, halves, SIZE[:axes], CELL[:axes])
    expected = list(cells_with_a_pixel_inside(centers, halves, SIZE[:axes], CELL[:axes]))
    assert bins.shape == cells_across(SIZE[:axes], CELL[:axes])
    assert lists(bins) == expected


def test_nothing_to_bin():
    for centers, halves in ((torch.zeros(0, 2), torch.zeros(0, 2)),
                            (torch.zeros(3, 2), torch.full((3, 2), -1.0))):
        bins = bin_boxes(centers.to(DEVICE), halves.to(DEVICE), (9, 30), (8, 8))
        assert bins.shape == (2, 4) and len(bins.members) == 0 and not bins.offsets.any()


def isect_tiles_as_documented(means2d, radii, depths, tile_size, tile_width, tile_height):
    """What gsplat 1.5.3 says it returns: keys of tile | depth, sorted, and flat indices.

    Pixels count from corners; a radius of 0 is culled.
    """
    assert means2d.shape == radii.shape == (*depths.shape, 2) and len(means2d) == 1
    assert radii.dtype == torch.int32 and not depths.any()
    pairs = []
    for i, ((x, y), (rx, ry)) in enumerate(zip(means2d[0].tolist(), radii[0].tolist())):
        if rx <= 0 or ry <= 0:
            continue
        left, right = (int(np.clip(f((x + s * rx) / tile_size), 0, tile_width))
                       for f, s in ((np.floor, -1), (np.ceil, 1)))
        top, bottom = (int(np.clip(f((y + s * ry) / tile_size), 0, tile_height))
                       for f, s in ((np.floor, -1), (np.ceil, 1)))
        pairs += [(ty * tile_width + tx, i) for ty in range(top, bottom)
                  for tx in range(left, right)]
    pairs.sort()
    keys = torch.tensor([tile << 32 for tile, _ in pairs], dtype=torch.int64, device=DEVICE)
    flat = torch.tensor([i for _, i in pairs], dtype=torch.int32, device=DEVICE)
    return None, keys, flat


def test_through_gsplat_each_tile_lists_at_least_the_same_gaussians():
    """Its axes, its half pixel and its culling: no Gaussian is missed, few are listed in vain."""
    centers, halves = random_boxes(4, 120, 2)
    bins = bin_with(isect_tiles_as_documented, centers, halves, SIZE[:2], 16)
    ours = bin_boxes(centers, halves, SIZE[:2], (16, 16))
    assert bins.shape == ours.shape
    for found, needed in zip(lists(bins), lists(ours), strict=True):
        assert set(needed) <= set(found) and found == sorted(found)
    assert len(bins.members) < 1.3 * len(ours.members)
