"""Sampling: linear functions are exact, the volume ends where its voxels end."""

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from ixgs_ros.volume import VoxelGrid
from ixgs_ros.volume.mpr import reslice, sample, windowed
from ixgs_ros.volume.plane import axial, through

GRID = VoxelGrid(np.array([0.1, -0.2, 0.3]), np.array([0.001, 0.002, 0.003]), (7, 6, 5))


def inner_points(n, seed=0):
    fractions = np.random.default_rng(seed).uniform(0, 1, (n, 3))
    return GRID.origin + GRID.spacing * fractions * (np.array(GRID.size) - 1)


def test_a_linear_field_is_sampled_exactly():
    field = GRID.points() @ np.array([3.0, -2.0, 5.0]) + 7.0
    points = inner_points(200)
    assert np.allclose(sample(field, GRID, points), points @ [3.0, -2.0, 5.0] + 7.0, atol=1e-5)


def test_agrees_with_scipy_on_noise():
    volume = np.random.default_rng(1).normal(size=GRID.shape).astype(np.float32)
    points = inner_points(500, seed=2)
    expected = map_coordinates(volume, GRID.indices(points).T[::-1], order=1)
    assert np.allclose(sample(volume, GRID, points), expected, atol=1e-5)


def test_the_volume_ends_half_a_voxel_beyond_its_outer_centres():
    volume = np.full(GRID.shape, 4.0, np.float32)
    region = GRID.region
    inside = np.array([region.lower + 1e-9, region.upper - 1e-9])
    outside = np.array([region.lower - 1e-6, region.upper + 1e-6])
    assert np.array_equal(sample(volume, GRID, inside), [4.0, 4.0])
    assert np.array_equal(sample(volume, GRID, outside), [0.0, 0.0])


def test_an_axial_slice_is_the_array_itself():
    volume = np.random.default_rng(3).normal(size=(5, 6, 7)).astype(np.float32)
    grid = VoxelGrid(np.zeros(3), np.full(3, 0.001), (7, 6, 5))
    image = reslice(volume, grid, axial(grid, np.array([0.0, 0.0, 0.003])))
    assert np.allclose(image, volume[3], atol=1e-5)


def test_a_bright_point_appears_where_an_oblique_plane_says():
    grid = VoxelGrid(np.full(3, -0.02), np.full(3, 0.001), (41, 41, 41))
    ball = np.array([0.008, -0.005, 0.011])
    volume = np.exp(-((grid.points() - ball) ** 2).sum(axis=-1) / (2 * 0.0015 ** 2))
    u = np.array([1.0, 0.5, 0.2])
    plane = through(grid, ball, u, np.cross([0.3, 0.4, 1.0], u), 0.0005)
    image = reslice(volume, grid, plane)
    row, column = plane.pixel_of(ball)
    rows, columns = np.indices(image.shape)
    assert abs((image * rows).sum() / image.sum() - row) < 0.05
    assert abs((image * columns).sum() / image.sum() - column) < 0.05


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match=r'\(5, 6, 7\).*\(7, 6, 5\)'):
        sample(np.zeros((7, 6, 5)), GRID, np.zeros(3))
    with pytest.raises(ValueError, match='points'):
        sample(np.zeros(GRID.shape), GRID, np.zeros((3, 2)))


def test_window():
    assert windowed(np.array([[-1.0, 0.0, 10.0, 20.0, 99.0]]), 0, 20).tolist() == [
        [0, 0, 128, 255, 255]]
    with pytest.raises(ValueError, match='low < high'):
        windowed(np.zeros((2, 2)), 1, 1)
    with pytest.raises(ValueError, match='1 that are not'):
        windowed(np.array([[np.nan]]), 0, 1)
