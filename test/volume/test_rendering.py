"""Rendering: path lengths, the brightest point on the right pixel, the surface's brightness."""

import numpy as np
import pytest

from ixgs_ros.geometry import RigidTransform
from ixgs_ros.volume import VoxelGrid
from ixgs_ros.volume.rendering import orbit_view, render

GRID = VoxelGrid(np.array([-0.03, -0.02, -0.025]), np.full(3, 0.001), (61, 41, 51))


def ball(center, radius, value=30.0):
    distance = np.linalg.norm(GRID.points() - center, axis=-1)
    # A ramp of one voxel instead of a step, so that the surface lies at the radius.
    return (value * np.clip((radius - distance) / 0.001 + 0.5, 0, 1)).astype(np.float32)


def test_a_uniform_box_gives_its_chord_lengths():
    view = orbit_view(GRID, 0.0, 0.0, pixels=101)
    image = render(np.full(GRID.shape, 20.0, np.float32), GRID, view)
    # The middle ray passes along y: 41 voxels of 1 mm at 20/m.
    assert image[50, 50] == pytest.approx(20.0 * 0.041, rel=1e-3)
    assert image[0, 0] == 0.0


@pytest.mark.parametrize('mode', ['integral', 'maximum'])
@pytest.mark.parametrize('azimuth, elevation', [(0.0, 0.0), (1.0, 0.4), (-2.0, -0.8)])
def test_an_off_axis_ball_is_where_the_view_projects_it(mode, azimuth, elevation):
    center = np.array([0.012, -0.008, 0.009])
    view = orbit_view(GRID, azimuth, elevation, pixels=128)
    image = render(ball(center, 0.005), GRID, view, mode)
    rows, columns = np.indices(image.shape)
    pixel, _ = view.project(center)
    assert abs((columns * image).sum() / image.sum() - pixel[0]) < 0.2
    assert abs((rows * image).sum() / image.sum() - pixel[1]) < 0.2


def test_from_the_front_the_left_is_on_the_right_and_the_head_on_top():
    view = orbit_view(GRID, 0.0, 0.0, pixels=100)
    left, _ = view.project(np.array([0.02, 0.0, 0.0]))
    head, _ = view.project(np.array([0.0, 0.0, 0.02]))
    assert left[0] > 60 and head[1] < 40
    from_left = orbit_view(GRID, np.pi / 2, 0.0)
    assert from_left.source[0] > 0.1
    assert orbit_view(GRID, 0.0, 0.5).source[2] > 0.05


def test_the_view_follows_the_patient():
    turn = RigidTransform.from_rotation_vector(np.array([0.0, 0.0, 1.0]), np.zeros(3))
    view = orbit_view(GRID, 0.0, 0.0, lps_from_reference=turn)
    assert np.allclose(turn.rotation @ view.axis, [0, 1, 0])


def test_maximum_is_the_maximum():
    image = render(ball(np.zeros(3), 0.01), GRID, orbit_view(GRID, 0.3, 0.2, 64), 'maximum')
    assert image.max() == pytest.approx(30.0)


def test_a_lit_ball_darkens_to_its_rim():
    view = orbit_view(GRID, 0.5, 0.3, pixels=201)
    image = render(ball(np.zeros(3), 0.015), GRID, view, 'surface', level=15.0)
    pixel, depth = view.project(np.zeros(3))
    row, column = round(pixel[1]), round(pixel[0])
    assert image[row, column] == pytest.approx(1.0, abs=0.02)
    # At 0.8 radii beside the middle the normal is inclined by asin(0.8).
    beside = round(column + 0.8 * 0.015 * view.k[0, 0] / depth)
    assert image[row, beside] == pytest.approx(0.6, abs=0.08)
    assert render(ball(np.zeros(3), 0.015), GRID, view, 'surface', level=99.0).max() == 0.0


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="got 'xray'"):
        render(np.zeros(GRID.shape), GRID, orbit_view(GRID, 0, 0), 'xray')
