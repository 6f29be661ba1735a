"""A CT on another grid keeps its bodies in place."""

import numpy as np
import pytest
from small_ct import BALLS_LPS, CENTER_LPS, RADIUS, small_ct

from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.simulation.resampling import attenuation_on_grid
from ixgs_ros.volume.grid import Region, VoxelGrid


def test_balls_are_where_they_were_seen_from_a_turned_reference():
    turn = np.array([0.3, -0.5, 0.9])
    lps_from_reference = RigidTransform.from_rotation_vector(turn, CENTER_LPS)
    grid = VoxelGrid.covering(Region(np.zeros(3), np.array([0.10, 0.11, 0.12])), 0.0015)
    volume = attenuation_on_grid(small_ct(), grid, lps_from_reference)
    assert volume.shape == grid.shape and volume.dtype == np.float32
    expected = lps_from_reference.inverse().apply(BALLS_LPS)
    for ball in expected:
        near = np.linalg.norm(grid.points() - ball, axis=-1) < 2 * RADIUS
        weight = volume * near * (volume > 5.0)
        centroid = (weight[..., None] * grid.points()).sum((0, 1, 2)) / weight.sum()
        assert centroid == pytest.approx(ball, abs=0.0002)


def test_outside_the_ct_is_air():
    grid = VoxelGrid([1.0, 1.0, 1.0], [0.001] * 3, (2, 2, 2))
    assert not attenuation_on_grid(small_ct(), grid, RigidTransform()).any()
