"""Lattices of Gaussians: they hold what the start holds, finer at metal, within the cap."""

import numpy as np
import pytest

from ixgs_ros.gaussians.cpu import CpuSplatter
from ixgs_ros.gaussians.model import GaussianModel
from ixgs_ros.reconstruction.body import Body, Projector
from ixgs_ros.reconstruction.coarse import Layer
from ixgs_ros.reconstruction.lattice import gaussians_at, lattice_sites, METAL_CELL, nearest
from ixgs_ros.volume.grid import Region, VoxelGrid

COUNT, LEAST = 4000, 0.001
WATER, TITANIUM = 20.0, 160.0   # 1/m
BOX = Region(np.zeros(3), np.full(3, 0.06))


def layer(rod: float) -> Layer:
    """Return water with a rod of 8 mm along z in its middle, whose density is ``rod`` in 1/m."""
    grid = VoxelGrid.covering(BOX, 0.002)
    x, y, _ = np.moveaxis(grid.points(), -1, 0)
    volume = np.where(np.hypot(x, y) < 0.004, np.float32(rod), np.float32(WATER))
    made = Layer(grid, np.ones(grid.shape, np.uint8))
    made.volume = volume
    return made


@pytest.fixture(scope='module')
def with_rod():
    start = layer(TITANIUM)
    return start, *lattice_sites(start, BOX, COUNT, LEAST)


def test_the_lattice_is_finer_at_metal_and_nowhere_else(with_rod):
    _, points, cells, cell = with_rod
    assert np.allclose(np.unique(cells), [METAL_CELL * cell, cell])
    distance = np.hypot(points[:, 0], points[:, 1])
    assert distance[cells < cell].max() < 0.004 + 2 * 0.002 + 0.001   # the rod, one voxel dilated
    assert distance[cells == cell].min() > 0.004


def test_without_metal_there_is_one_lattice(with_rod):
    _, cells, cell = lattice_sites(layer(50.0), BOX, COUNT, LEAST)
    assert (cells == cell).all()
    assert cell < with_rod[3]   # none of them are spent on metal


@pytest.mark.parametrize('rod', [WATER, TITANIUM])
def test_the_cap_holds_and_is_used(rod):
    points, *_ = lattice_sites(layer(rod), BOX, COUNT, LEAST)
    assert 0.85 * COUNT < len(points) <= COUNT


def test_a_body_of_metal_only_gets_what_the_cap_allows():
    start = layer(TITANIUM)
    start.volume[:] = TITANIUM
    points, cells, cell = lattice_sites(start, BOX, COUNT, LEAST)
    assert 0.85 * COUNT < len(points) <= COUNT and np.allclose(cells, METAL_CELL * cell)


def test_no_cell_is_finer_than_asked(with_rod):
    _, cells, _ = lattice_sites(layer(TITANIUM), BOX, 10 * COUNT, 0.002)
    assert cells.min() == 0.002 < METAL_CELL * with_rod[3]


def test_an_empty_start_has_no_sites_but_a_cell():
    start = layer(WATER)
    start.volume[:] = 0.0
    points, cells, cell = lattice_sites(start, BOX, COUNT, LEAST)
    assert points.shape == (0, 3) and cells.shape == (0,) and cell > 0.0


def test_the_gaussians_hold_what_the_start_holds_also_where_the_lattices_meet(with_rod):
    start, points, cells, _ = with_rod
    model = gaussians_at(points, cells, nearest(start.volume, start, points))
    inner = VoxelGrid.covering(Region(np.zeros(3), np.full(3, 0.04)), 0.001)
    found = CpuSplatter().voxelize(model, inner)
    x, y, _ = np.moveaxis(inner.points(), -1, 0)
    distance = np.hypot(x, y)
    assert found[distance < 0.002].mean() == pytest.approx(TITANIUM, rel=0.1)
    assert found[distance > 0.012].mean() == pytest.approx(WATER, rel=0.02)
    # What lies in the rod and about the border of the lattices; water in it is a fifth.
    near = distance < 0.012
    wanted = np.where(distance < 0.004, TITANIUM, WATER)
    assert found[near].sum() == pytest.approx(wanted[near].sum(), rel=0.1)


def test_metal_keeps_its_edges_better_than_on_one_lattice(with_rod):
    start, points, cells, _ = with_rod
    one, _, cell = lattice_sites(layer(50.0), BOX, COUNT, LEAST)
    grid = VoxelGrid.covering(Region(np.zeros(3), np.full(3, 0.04)), 0.001)
    x, y, _ = np.moveaxis(grid.points(), -1, 0)
    wanted = np.where(np.hypot(x, y) < 0.004, TITANIUM, WATER)
    errors = []
    for sites, edges in ((points, cells), (one, np.full(len(one), cell))):
        model = gaussians_at(sites, edges, nearest(start.volume, start, sites))
        errors.append(np.sqrt(np.mean((CpuSplatter().voxelize(model, grid) - wanted)**2)))
    assert errors[0] < 0.8 * errors[1]


def test_matched_gaussians_have_the_densities_of_the_start_at_their_sites(with_rod):
    start, points, cells, _ = with_rod
    body = Body(gaussians_at(points, cells, nearest(start.volume, start, points)),
                GaussianModel.empty())
    # Not beside the rod, whose blur alone is more than the water there.
    distance = np.hypot(points[:, 0], points[:, 1])
    chosen = (np.abs(points[:, 2]) < 0.024) & ((distance < 0.003) | (distance > 0.008))
    wanted = nearest(start.volume, start, points)[chosen]

    def error():
        found = nearest(CpuSplatter().voxelize(body.fine, start.grid), start, points)[chosen]
        return np.sqrt(np.mean((found - wanted)**2))
    before = error()
    for _ in range(2):
        body.match(Projector(), start.grid, start.volume, np.inf)
    assert error() < 0.5 * before


def test_matching_moves_no_density_by_more_than_a_factor_and_leaves_air_and_metal_alone():
    start = layer(WATER)
    points = np.array([[0.0, 0.0, 0.0], [0.02, 0.0, 0.0]])
    body = Body(gaussians_at(points, np.full(2, 0.004), np.array([5.0, 300.0])),
                GaussianModel.empty())
    before = body.fine.densities.copy()
    body.match(Projector(), start.grid, start.volume, 0.5 * WATER)
    assert (body.fine.densities == before).all()   # too dense
    body.match(Projector(), start.grid, start.volume, np.inf)
    assert np.allclose(body.fine.densities / before, [2.0, 0.5])
    body.fine.densities[:] = 0.0
    body.match(Projector(), start.grid, start.volume, np.inf)
    assert (body.fine.densities == 0.0).all()
