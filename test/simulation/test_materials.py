"""Materials of CT numbers, and the caster that integrates them along rays."""

import numpy as np
import pytest

from ixgs_ros.geometry.orbits import CArm, CArmAngles, random_views
from ixgs_ros.simulation.attenuation import attenuation
from ixgs_ros.simulation.material_caster import cast
from ixgs_ros.simulation.materials import Body, body_of, densities, reference_attenuation
from ixgs_ros.simulation.phantom import lumbar_phantom
from ixgs_ros.simulation.ray_caster import RayCaster

CARM = CArm(height=72, width=80, pixel_pitch=0.004)
VIEWS = [*random_views(3, seed=2, carm=CARM), CARM.view(CArmAngles())]


@pytest.fixture(scope='module')
def body():
    return body_of(lumbar_phantom(screws=True, spacing=0.003))


@pytest.mark.parametrize('is_bone', [True, False])
def test_recombined_materials_attenuate_as_the_ct_says(is_bone):
    hu = np.array([-1000, -950, -700, -90, 0, 40, 70, 71, 130, 250, 700, 1500, 2400, 2600, 9000.0])
    hu = hu.reshape(1, 1, -1).astype(np.float32)
    made = densities(hu, np.full(hu.shape, is_bone))
    assert (made >= 0.0).all()
    assert reference_attenuation(made) == pytest.approx(attenuation(hu), rel=1e-3)


def test_what_the_materials_are():
    hu = np.array([[[-90.0, 1200.0, 300.0, 8000.0]]], np.float32)
    water, mineral, iodine, metal = densities(hu, np.array([[[0, 1, 0, 0]]], bool))[:, 0, 0]
    assert water[0] == pytest.approx(910.0) and mineral[0] == iodine[0] == 0.0
    # Dense cortical bone: near 2000 kg/m³, of which some 40 % by mass is mineral at 64.6 keV.
    assert 1.4 < (water[1] + mineral[1]) / 1000.0 < 2.1 and 500.0 < mineral[1] < 1100.0
    assert iodine[2] == pytest.approx(7.4, rel=0.02) and mineral[2] == 0.0
    assert metal[3] > 0.0 and water[3] == 0.0


def test_a_body_keeps_its_attenuation_without_the_table(body):
    ct = lumbar_phantom(screws=True, spacing=0.003)
    error = np.abs(reference_attenuation(body.densities) - attenuation(ct.hu))
    assert np.mean(error > 0.01 * attenuation(ct.hu) + 0.01) < 2e-3


def test_the_bone_channel_agrees_with_the_ray_caster(body):
    caster = RayCaster.from_affine(body.bone, body.lps_from_index)
    attenuations = RayCaster.from_affine(reference_attenuation(body.densities),
                                         body.lps_from_index)
    for view in VIEWS:
        shot = cast(body, view)
        bone = caster.project(view)
        assert bone.max() > 0.5
        assert np.abs(shot.bone - bone).max() < 0.01 * bone.max()
        assert np.abs(reference_attenuation(shot.areas)
                      - attenuations.project(view)).max() < 0.01 * 10.0


def water(inside, spacing, center):
    affine = np.diag([*spacing, 1.0])
    size = np.array(inside.shape[::-1])
    affine[:3, 3] = center - 0.5 * (size - 1) * spacing
    made = np.zeros((4, *inside.shape), np.float32)
    made[0] = 1000.0 * inside
    return Body(made, 20.0 * inside, affine)


def test_a_water_box_is_exact_to_its_edges():
    center, spacing = np.array([0.01, -0.02, 0.015]), np.array([0.002, 0.003, 0.004])
    box = water(np.ones((21, 17, 30), np.float32), spacing, center)
    half = 0.5 * spacing * [30, 17, 21]
    for view in VIEWS:
        directions = view.ray_directions()
        with np.errstate(divide='ignore'):
            a, b = ((center + side * half - view.source) / directions for side in (-1, 1))
        length = np.maximum(np.maximum(a, b).min(-1) - np.minimum(a, b).max(-1), 0.0)
        shot = cast(box, view)
        assert np.abs(shot.areas[0] - 1000.0 * length).max() < 1e-2
        assert np.abs(shot.bone - 20.0 * length).max() < 2e-4
        assert length.max() > 0.05 and not shot.areas[1:].any()


def test_a_water_ball_off_axis_is_within_one_percent():
    center, radius, voxel = np.array([0.03, -0.02, 0.025]), 0.028, 0.001
    axis = voxel * (np.arange(80) - 39.5)
    z, y, x = np.meshgrid(axis, axis, axis, indexing='ij')
    distance = np.sqrt(x * x + y * y + z * z) - radius
    ball = water(np.clip(0.5 - distance / voxel, 0, 1), np.full(3, voxel), center)
    for view in VIEWS:
        across = np.linalg.norm(np.cross(center - view.source, view.ray_directions()), axis=-1)
        expected = 2000.0 * np.sqrt(np.maximum(radius ** 2 - across ** 2, 0.0))
        areas = cast(ball, view).areas[0]
        inner = across < 0.9 * radius
        assert np.abs(areas - expected)[inner].max() < 0.01 * expected.max()
        # Mass is conserved: what the detector sums up is the ball's.
        assert areas.sum() == pytest.approx(expected.sum(), rel=0.01)


def test_an_empty_body_casts_nothing():
    shot = cast(water(np.zeros((4, 4, 4), np.float32), np.full(3, 0.01), np.zeros(3)), VIEWS[0])
    assert not shot.areas.any() and not shot.bone.any()


def test_bodies_that_are_none():
    good = np.zeros((4, 3, 3, 3))
    with pytest.raises(ValueError, match='expected finite densities'):
        Body(good - 1.0, good[0], np.eye(4))
    with pytest.raises(ValueError, match=r'got \(3, 3, 2\)'):
        Body(good, np.zeros((3, 3, 2)), np.eye(4))
