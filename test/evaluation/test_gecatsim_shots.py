"""Shots by the independent simulator: where things are, how much, and what scatters."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ixgs_ros.evaluation.gecatsim_shots import (
    in_gantry,
    IODINE,
    is_installed,
    materials,
    scale_to,
    Setup,
    shoot,
)
from ixgs_ros.evaluation.panel_scatter import scatter_of
from ixgs_ros.evaluation.simulators import automatic_current
from ixgs_ros.geometry.orbits import CArm, random_views
from ixgs_ros.simulation.attenuation import attenuation
from ixgs_ros.simulation.bone_target import bone_volume
from ixgs_ros.simulation.materials import body_of, contrast_attenuation, MASS_ATTENUATION
from ixgs_ros.simulation.phantom import lumbar_phantom
from ixgs_ros.simulation.physics.spectrum import tables
from ixgs_ros.simulation.ray_caster import RayCaster
from ixgs_ros.simulation.target import spine_target
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


def test_what_is_contrast_medium_is_iodine_and_no_bone():
    found = materials(np.array([40.0, 40.0, 20.0]), np.array([19.0, 0.0, 0.0]))
    bone = found['ICRU_skeleton_cortical_bone_adult']
    assert found['water'] == pytest.approx([1.05, 0.5, 1.0])
    assert bone == pytest.approx([0.0, 18 / 33, 0.0])
    # 30.5 mg of iodine a millilitre, of 4930.
    assert found['I'] == pytest.approx([0.00619, 0.0, 0.0], abs=1e-5)
    assert 'I' not in materials(np.array([40.0]), np.array([0.0]))


def test_the_shots_and_the_truth_agree_about_what_is_bone():
    """A vessel full of contrast medium, as dense as bone, in front of the spine."""
    ct = lumbar_phantom(spacing=0.003)
    z, y, x = np.indices(ct.hu.shape)
    spine = np.linalg.inv(ct.lps_from_index) @ [*spine_target(ct), 1]
    vessel = np.hypot(x - spine[0], y - (spine[1] - 0.065 / 0.003)) < 4
    hu = np.where(vessel, np.float32(350.0), ct.hu)
    ct = replace(ct, hu=hu)
    truth = bone_volume(ct) > 0
    found = materials(attenuation(hu), contrast_attenuation(body_of(ct)))
    bone = found['ICRU_skeleton_cortical_bone_adult'] > 0
    assert truth.sum() > 1000 and not truth[vessel].any()
    assert not (bone & ~truth).any() and (bone & truth).sum() > 0.9 * truth.sum()
    assert (found['I'][vessel] * IODINE == pytest.approx(attenuation(hu)[vessel] - 21.4, rel=1e-3))
    assert found['I'][truth].max() == 0


@needs_gecatsim
def test_a_vessel_adds_as_much_as_the_spectrum_behind_the_body_says():
    """Against as much more water of the same shape; attenuation is NIST's, not gecatsim's."""
    points = GRID.points()
    water = (20.0 * (np.linalg.norm(points, axis=-1) < 0.07)).astype(np.float32)
    vessel = np.linalg.norm(points - [0.03, -0.02, 0.035], axis=-1) < 0.016
    more = (2.0 * vessel).astype(np.float32)
    behind = RayCaster(more, GRID).project(VIEW)
    behind = behind > 0.7 * behind.max()
    path = RayCaster(water, GRID).project(VIEW)[behind].mean() / 20.0
    plain = shot(water)
    iodine, as_water = ((shoot(water + more, GRID.affine(), VIEW, SETUP, 3, contrast) - plain)
                        [behind].sum() for contrast in (more, None))
    weights, mu = panel_spectrum(path)
    expected = (weights @ mu['iodine'] / MASS_ATTENUATION['iodine'],
                weights @ mu['water'] / MASS_ATTENUATION['water'])
    assert expected[0] / expected[1] > 1.2
    assert iodine / as_water == pytest.approx(expected[0] / expected[1], rel=0.03)


def panel_spectrum(path):
    """Shares of the signal by energy behind metres of water, and attenuation, m²/kg, by material.

    The tube's spectrum is gecatsim's file; 3 mm of aluminium are its default filter, 1 mm and
    0.6 mm of caesium iodide the panel's.
    """
    import gecatsim
    file = Path(gecatsim.__file__).parent / 'spectrum' / 'tungsten_tar10.0_100_filt.dat'
    energies, photons = np.loadtxt(file, delimiter=',', skiprows=1, usecols=(0, 1), unpack=True)
    known = tables()
    mu = {name: np.exp(np.interp(np.log(energies), np.log(known['energies_kev']),
                                 np.log(known[f'{name}_m2_per_kg'])))
          for name in ('water', 'iodine', 'aluminium', 'csi')}
    signal = (photons * energies * (1 - np.exp(-4510 * 0.0006 * mu['csi']))
              * np.exp(-2700 * 0.004 * mu['aluminium'] - 1000 * path * mu['water']))
    return signal / signal.sum(), mu


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
