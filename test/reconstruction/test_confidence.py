"""How far voxels may be off: what the deviation promises."""

from dataclasses import replace

import numpy as np
import pytest
from reconstruction_scene import (
    BODY,
    CARM,
    configure,
    GRID,
    inside,
    REGION,
    take,
    truth,
    WIDE_BODY,
)

from ixgs_ros.geometry.orbits import random_views
from ixgs_ros.reconstruction import confidence, Reconstructor
from ixgs_ros.volume.grid import Region, VoxelGrid

VIEWS = random_views(24, 3, CARM)


def reconstruct(balls, views, steps=60):
    reconstructor = Reconstructor(configure())
    reconstructor.add_shots(take(balls, VIEWS[:views]))
    reconstructor.refine(steps)
    return reconstructor


@pytest.fixture(scope='module')
def twelve():
    return reconstruct(BODY, 12)


def test_more_views_leave_less_deviation():
    found = [np.median(reconstruct(BODY, views).deviation().volume[inside()])
             for views in (4, 8, 16)]
    assert (np.diff(found) < -0.05 * np.array(found[:-1])).all()


def test_it_is_larger_where_the_error_is(twelve):
    """The error is at the balls' surfaces; voxels are sorted by their deviation."""
    error = np.abs(twelve.volume() - truth(BODY))[inside()]
    order = np.argsort(twelve.deviation().volume[inside()])
    third = len(order) // 3
    assert error[order[-third:]].mean() > 3 * error[order[:third]].mean()


def test_it_is_larger_where_views_miss():
    """Twice as wide as the field: the centre is seen by all views, the corners by few or none."""
    wide = Region(np.zeros(3), np.full(3, 0.32))
    grid = VoxelGrid.covering(wide, 0.02)
    away = confidence.unmeasured(confidence.coverage_around(VIEWS, wide), wide, grid)
    middle = away[7:9, 7:9, 7:9].mean()
    assert middle < 0.3
    assert away[0, 0, 0] > 2 * middle
    assert away.max() <= 1


def test_a_body_twice_as_dense_is_off_by_twice_as_much(twelve):
    dense = [(center, radius, 2 * density) for center, radius, density in BODY]
    once, twice = (np.median(r.deviation().volume[inside()])
                   for r in (twelve, reconstruct(dense, 12)))
    assert twice == pytest.approx(2 * once, rel=0.2)


def test_the_wide_interval_is_wider_by_more_than_of_a_normal_distribution(twelve):
    assert 1.98 < twelve.deviation().wide < 4


def test_it_follows_the_grid_that_is_asked_for(twelve):
    box = VoxelGrid.covering(Region(np.zeros(3), np.full(3, 0.08)), 0.004)
    part = twelve.deviation(box).volume
    assert part.shape == box.shape and part.dtype == np.float32
    low = (np.array(GRID.shape) - box.shape) // 2
    same = tuple(slice(start, start + n) for start, n in zip(low, box.shape, strict=True))
    core = (slice(4, -4),) * 3
    np.testing.assert_allclose(part[core], twelve.deviation().volume[same][core], rtol=0.02)


def test_it_is_of_the_model_as_it_is_now(twelve):
    reconstructor = reconstruct(BODY, 6)
    before = reconstructor.deviation().volume
    volume = reconstructor.volume()
    np.testing.assert_array_equal(reconstructor.deviation().volume, before)
    np.testing.assert_array_equal(reconstructor.volume(), volume)
    reconstructor.add_shot(take(BODY, VIEWS[6:7], first_id=7)[0])
    assert np.median(reconstructor.deviation().volume[inside()]) < np.median(before[inside()])


def test_a_body_wider_than_the_field_is_told_from_one_within(twelve):
    within = twelve.session()[0]
    wider = reconstruct(WIDE_BODY, 12).session()[0]
    assert not within.truncated and within.beyond < 0.1
    assert wider.truncated
    assert reconstruct(WIDE_BODY, 12, 0).deviation() is None


def test_without_a_model_there_is_no_deviation():
    with pytest.raises(ValueError, match='expected a model before its deviation, got 0 views'):
        Reconstructor(configure()).deviation()


def test_a_volume_of_another_shape_is_refused(twelve):
    found, views = twelve.session()
    with pytest.raises(ValueError, match='expected a volume of the shape'):
        confidence.deviation(np.zeros((3, 3, 3), np.float32), GRID, views, REGION, found)


def test_poses_that_are_little_known_make_edges_uncertain_and_nothing_else(twelve):
    """A tenth of a millimetre more of what the poses may be off by, at an edge and in the flat."""
    found, views = twelve.session()
    volume = np.full(GRID.shape, 15.0, np.float32)
    volume[:, :, GRID.shape[2] // 2:] = 35.0
    off = replace(found, displacement=found.displacement + 1e-4)
    before, after = (confidence.deviation(volume, GRID, views, REGION, session)
                     for session in (found, off))
    edge, flat = GRID.shape[2] // 2, GRID.shape[2] // 4
    np.testing.assert_array_equal(after[:, :, :flat], before[:, :, :flat])
    assert (after[:, :, edge - 1:edge + 1] > 1.01 * before[:, :, edge - 1:edge + 1]).all()


def test_steepness_is_the_slope_of_a_ramp_and_has_none_along_a_single_slice():
    x, y = np.arange(20) * 0.001, np.arange(10)[:, None] * 0.002
    ramp = np.broadcast_to(300 * x + 400 * y, (1, 10, 20)).astype(np.float32)
    found = confidence.steepness(ramp, np.array([0.001, 0.002, 0.005]))
    np.testing.assert_allclose(found, 500, rtol=1e-4)


def test_contrast_is_that_of_the_density_around_a_voxel():
    """A step of height h has the deviation h / 2 on its edge, and none far from it."""
    volume = np.zeros((40, 40, 40), np.float32)
    volume[:, :, 20:] = 12.0
    found = confidence.contrast(volume, np.full(3, 0.001))
    assert found[20, 20, 19:21].mean() == pytest.approx(6.0, rel=0.02)
    assert found[20, 20, 5] == pytest.approx(confidence.LEAST_CONTRAST, rel=1e-3)
