"""The coarse start."""

import numpy as np
from reconstruction_scene import BODY, CARM, configure, REGION, take

from ixgs_ros.geometry.orbits import random_views
from ixgs_ros.reconstruction import coarse
from ixgs_ros.reconstruction.measurement import measure
from ixgs_ros.reconstruction.work import finish


def test_surroundings_where_nothing_may_be_change_nothing():
    shots = take(BODY, random_views(4, 0, CARM))
    measurements, offsets = [measure(s, np.zeros(3), configure()) for s in shots], np.zeros(4)
    alone, inner = (finish(coarse.region_layer(measurements, offsets, REGION)) for _ in range(2))
    grid = coarse.grid_of(REGION, 16)
    outer = coarse.Layer(grid, np.zeros(grid.shape, np.uint8))
    finish(coarse.solve([alone], measurements, offsets, 0, coarse.FROM_NOTHING))
    finish(coarse.solve([inner, outer], measurements, offsets, 0, coarse.FROM_NOTHING))
    assert inner.volume.max() > 10
    np.testing.assert_array_equal(inner.volume, alone.volume)
    assert not outer.volume.any()
