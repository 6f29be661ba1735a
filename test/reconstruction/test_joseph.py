"""The forward projector of the coarse start: Joseph's sums, whoever computes them."""

import numpy as np
import pytest
from voxel_scene import blob, GRID, joseph_sums, noise, view_along, VIEWS

from ixgs_ros.gaussians.team import Team
from ixgs_ros.reconstruction import joseph
from ixgs_ros.simulation.ray_caster import RayCaster


def projected(volume, view, box=None):
    image = np.full((view.height, view.width), np.nan, np.float32)
    joseph.project(volume, GRID.origin, GRID.spacing[0], view.packed(), image, box)
    return image


@pytest.mark.parametrize('name', VIEWS)
def test_each_ray_gets_the_sum_over_the_planes_across_its_main_axis(name):
    """Noise shows any voxel that is mistaken; float32 moves a ray by 1e-5 voxels."""
    expected = joseph_sums(noise(), VIEWS[name])
    assert expected.max() > 0.3
    np.testing.assert_allclose(projected(noise(), VIEWS[name]), expected, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize('name', ['x', '-y', 'z', 'xyz'])
def test_it_agrees_with_the_simulators_ray_caster(name):
    """Through a smooth body, where the two rules at the border of the volume play no part."""
    expected = RayCaster(blob(), GRID).project(VIEWS[name])
    assert np.abs(projected(blob(), VIEWS[name]) - expected).max() < 2e-3 * expected.max()


@pytest.mark.parametrize('name', ['z', 'wide', 'inside'])
def test_a_box_about_the_support_changes_no_bit(name):
    support = np.zeros(GRID.shape, np.uint8)
    support[5:9, 3:15, 10:12] = support[7, 4, 20] = 1
    volume, box = noise() * support, joseph.box_of(support)
    assert box.tolist() == [[9, 2, 4], [20, 15, 9]]
    image = projected(volume, VIEWS[name], box)
    assert image.any()
    np.testing.assert_array_equal(image, projected(volume, VIEWS[name]))


def test_a_box_of_nothing_gives_an_empty_image():
    box = joseph.box_of(np.zeros(GRID.shape, np.uint8))
    assert not projected(noise(), VIEWS['z'], box).any()


@pytest.mark.parametrize('name', ['x', 'wide'])
def test_threads_change_no_bit(name, monkeypatch):
    expected = projected(noise(), VIEWS[name])
    monkeypatch.setattr(joseph, 'team_of', lambda: Team(3))
    np.testing.assert_array_equal(projected(noise(), VIEWS[name]), expected)


@pytest.mark.parametrize('shape', [(1, 1), (3, 2), (2, 100)])
def test_images_of_any_size(shape):
    view = view_along([0.3, 1, -0.2], shape=shape)
    np.testing.assert_allclose(projected(noise(), view), joseph_sums(noise(), view), rtol=2e-5,
                               atol=2e-5)


def test_a_body_behind_the_source_is_not_seen():
    view = view_along([0, 0.1, 1], distance=-0.2)
    assert not projected(noise(), view).any()


def test_a_volume_without_cells_is_refused():
    with pytest.raises(ValueError, match=r'two voxels along each axis, got .* \(1, 17, 21\)'):
        projected(noise()[:1], VIEWS['z'])
