"""Grids, regions and planes refuse what makes no box, each with the argument's name."""

import numpy as np
import pytest

from ixgs_ros.volume.grid import Region, VoxelGrid
from ixgs_ros.volume.plane import Plane


@pytest.mark.parametrize(('arguments', 'error', 'message'), [
    ({'origin': [0, np.nan, 0]}, ValueError, 'origin as three finite numbers, got .*nan'),
    ({'origin': [0, 0]}, ValueError, 'origin as three finite numbers'),
    ({'spacing': [1, 1, np.inf]}, ValueError, 'spacing as three finite numbers'),
    ({'spacing': [1, 0, 1]}, ValueError, r'a positive spacing, got \[1.0, 0.0, 1.0\] m'),
    ({'size': (4, 5)}, ValueError, r'three sizes along x, y, z, got \(4, 5\)'),
    ({'size': (4, 0, 5)}, ValueError, 'a positive size along y, got 0'),
    ({'size': (4, 5, 2.5)}, TypeError, 'size along z as a whole number, got 2.5')])
def test_bad_grids_are_named(arguments, error, message):
    sound = {'origin': [0, 0, 0], 'spacing': [1, 1, 1], 'size': (2, 3, 4)}
    with pytest.raises(error, match=message):
        VoxelGrid(**sound | arguments)


@pytest.mark.parametrize('spacing', [0.0, -0.1, np.nan, np.inf])
def test_a_region_is_filled_with_a_positive_spacing_only(spacing):
    with pytest.raises(ValueError, match=f'a positive spacing, got {spacing}'):
        VoxelGrid.covering(Region([0, 0, 0], [1, 1, 1]), spacing)


@pytest.mark.parametrize(('arguments', 'error', 'message'), [
    ({'origin': [0, np.inf, 0]}, ValueError, 'origin as three finite numbers'),
    ({'u': [1, 0]}, ValueError, 'u as three finite numbers'),
    ({'height': -3}, ValueError, 'a positive height, got -3'),
    ({'width': 8.0}, TypeError, 'width as a whole number, got 8.0'),
    ({'spacing': np.nan}, ValueError, 'a positive spacing, got nan m')])
def test_bad_planes_are_named(arguments, error, message):
    sound = {'origin': [0, 0, 0], 'u': [1, 0, 0], 'v': [0, 1, 0], 'spacing': 1.0, 'height': 4,
             'width': 5}
    with pytest.raises(error, match=message):
        Plane(**sound | arguments)


def test_the_nearest_voxels_index_a_volume_and_points_outside_get_the_border():
    grid = VoxelGrid(np.array([0.0, 0.1, 0.2]), np.array([0.01, 0.02, 0.03]), (4, 3, 2))
    volume = np.arange(24).reshape(grid.shape)
    points = np.array([[0.019, 0.121, 0.214], [0.03, 0.14, 0.23], [-1.0, 9.0, -1.0]])
    assert volume[grid.nearest(points)].tolist() == [volume[0, 1, 2], volume[1, 2, 3],
                                                     volume[0, 2, 0]]
