"""Shots by the independent simulator: where things are, how much, and what scatters."""

import numpy as np
import pytest

from ixgs_ros.evaluation.gecatsim_shots import (
    in_gantry,
    is_installed,
    materials,
    scale_to,
    Setup,
    shoot,
)
from ixgs_ros.evaluation.panel_scatter import scatter_of
from ixgs_ros.evaluation.simulators import automatic_current
from ixgs_ros.geometry.orbits import CArm, random_views
from ixgs_ros.simulation.ray_caster import RayCaster
from ixgs_ros.volume.grid import Region, VoxelGrid

CARM = CArm(pixel_pitch=0.0064, height=48, width=48)
VIEW = random_views(1, 7, CARM)[0]
GRID = VoxelGrid.covering(Region(np.zeros(3), np.full(3, 0.16)), 0.004)
SETUP = Setup(CARM.sod, CARM.sdd, 0.004, 48, 48, noise=False)
needs_gecatsim = pytest.mark.skipif(not is_installed(), reason='gecatsim is not installed: '
                                    './ixgs bench installs it')


def body():
    """A ball of water with a dense ball off all axes in it, 1/m."""
    points = GRID.points()
    water = 20.0 * (np.linalg.norm(points, axis=-1) < 0.07)
    bone = np.linalg.norm(points - [0.03, -0.02, 0.035], axis=-1) < 0.016
    return np.where(bone, 50.0, water).astype(np.float32)


def shot(volume, **changes):
    return shoot(volume, GRID.affine(), VIEW, Setup(**{**SETUP.__dict__, **changes}), 3)


def test_turning_into_the_gantry_keeps_places():
    turned = in_gantry(body(), GRID.affine(), VIEW, SETUP)
    index = np.argwhere(turned > 40.0).mean(axis=0)[::-1]
    x, y, z = SETUP.spacing * (index - 0.5 * (np.array(SETUP.size) - 1))
    seen = VIEW.source_from_reference.apply(np.array([0.03, -0.02, 0.035]))
    # The gantry's x runs to the image's right, its z down, its y towards the source.
    assert [x, z, CARM.sod - y] == pytest.approx(seen.tolist(), abs=0.002)


def test_materials_are_water_below_and_much_bone_above():
    found = materials(np.array([0.0, 20.0, 22.0, 55.0]))
    assert found['water'] == pytest.approx([0.0, 1.0, 1.1, 0.0])
    assert found['ICRU_skeleton_cortical_bone_adult'] == pytest.approx([0, 0, 0, 1])


@needs_gecatsim
def test_its_images_are_those_of_the_ray_caster_up_to_hardening():
    wanted, image = RayCaster(body(), GRID).project(VIEW), shot(body())
    scale = scale_to([wanted], [image])
    assert 0.9 < scale < 1.1
    # A mirrored image or depth would not come near this.
    assert np.corrcoef(image.ravel(), wanted.ravel())[0, 1] > 0.997


@needs_gecatsim
def test_noise_repeats_with_its_seed():
    one, again, quiet = shot(body(), noise=True), shot(body(), noise=True), shot(body())
    # But for one pixel: gecatsim draws its first number before the seeds take effect.
    assert (one != again).sum() <= 1 and np.abs(one - again).max() < 0.01
    assert 0 < np.abs(one - quiet)[20:28, 20:28].mean() < 0.1


def test_a_thicker_body_gets_as_much_more_current_as_it_takes_away():
    thin, thick = np.full((40, 40), 4.6), np.full((40, 40), 6.6)
    assert automatic_current(thin) == pytest.approx(100.0)
    assert automatic_current(thick) * np.exp(-2.0) == pytest.approx(100.0)


@needs_gecatsim
def test_more_current_is_less_noise():
    quiet = shot(body())
    few, many = (np.std((shot(body(), noise=True, current=ma) - quiet)[20:28, 20:28])
                 for ma in (10.0, 1000.0))
    assert few / many == pytest.approx(10.0, rel=0.3)


@needs_gecatsim
def test_scatter_brightens_behind_the_body():
    quiet, scattered = shot(body()), shot(body(), scatter=True)
    assert (scattered <= quiet + 1e-6).all()
    assert (quiet - scattered)[24, 24] > 0.05


def test_a_slab_of_water_scatters_as_much_as_is_said():
    # 20 cm of water, 20/m: the middle of a panel of 0.307 m.
    air = np.ones((128, 128))
    ratio = scatter_of(np.exp(-4.0) * air, air, 2.4)[64, 64] / np.exp(-4.0)
    assert 0.5 < ratio < 0.7


def test_nothing_scatters_without_a_body_and_beams_beside_it_brighten_it():
    air = np.ones((64, 64))
    assert scatter_of(air, air, 4.8).max() == 0.0
    primary = np.where(np.arange(64) < 32, np.exp(-4.0), 1.0) * air
    scattered = scatter_of(primary, air, 4.8)
    assert scattered[32, 20] > scattered[32, 60] > 0
