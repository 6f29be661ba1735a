"""How far voxels may be off: what the deviation promises."""

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

from ixgs_ros.geometry.orbits import CArm, random_views
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


def test_without_a_model_there_is_no_deviation():
    with pytest.raises(ValueError, match='expected a model before its deviation, got 0 views'):
        Reconstructor(configure()).deviation()


def test_a_volume_of_another_shape_is_refused(twelve):
    found, views = twelve.session()
    with pytest.raises(ValueError, match='expected a volume of the shape'):
        confidence.deviation(np.zeros((3, 3, 3), np.float32), GRID, views, REGION, found)


def test_contrast_is_that_of_the_density_around_a_voxel():
    """A step of height h has the deviation h / 2 on its edge, and none far from it."""
    volume = np.zeros((40, 40, 40), np.float32)
    volume[:, :, 20:] = 12.0
    found = confidence.contrast(volume, np.full(3, 0.001))
    assert found[20, 20, 19:21].mean() == pytest.approx(6.0, rel=0.02)
    assert found[20, 20, 5] == pytest.approx(confidence.LEAST_CONTRAST, rel=1e-3)


def test_a_band_of_an_image_holds_half_the_energy_of_the_body():
    """A Gaussian ball: the energy of its band is known in three dimensions."""
    carm = CArm(pixel_pitch=0.0006, height=512, width=512)
    view = random_views(1, 0, carm)[0]
    sigma, density = 0.003, 10.0
    directions = view.ray_directions()
    offset = view.source - REGION.center
    closest = (offset @ offset) - (directions @ offset) ** 2
    image = density * np.sqrt(2 * np.pi) * sigma * np.exp(-0.5 * closest / sigma**2)
    energy, _ = confidence.band(image, np.ones(image.shape, bool), view, REGION)
    pixel = np.linalg.norm(offset) / view.k[0, 0]
    # The mean is over the squared disc, cos⁴ out to 0.4 of the region's side.
    radius = np.linspace(0, 0.4 * 0.16, 10001)
    disc = np.cos(0.5 * np.pi * radius / radius[-1]) ** 4
    area = np.trapezoid(2 * np.pi * radius * disc, radius)
    f = np.linspace(0, 2000, 200001)
    spectrum = density * (2 * np.pi) ** 1.5 * sigma**3 * np.exp(-2 * (np.pi * sigma * f) ** 2)
    passed = (np.exp(-2 * (np.pi * confidence.FINE * f) ** 2)
              - np.exp(-2 * (np.pi * confidence.COARSE * f) ** 2))
    body = np.trapezoid(4 * np.pi * f**2 * (spectrum * passed) ** 2, f)
    assert 2 * energy * area == pytest.approx(body, rel=0.05)
    assert pixel < confidence.FINE


def test_half_way_views_look_between_the_two():
    for view, other in zip(VIEWS[:6], VIEWS[6:12], strict=True):
        between = confidence.half_way(view, other, REGION.center)
        assert between.axis @ view.axis == pytest.approx(between.axis @ other.axis, abs=1e-9)
        assert between.axis @ view.axis > view.axis @ other.axis
        np.testing.assert_allclose(between.project(REGION.center[None])[0],
                                   view.project(REGION.center[None])[0], atol=1e-6)
