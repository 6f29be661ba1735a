"""Training bodies: each kind of variation does what it says, and nothing else."""

import numpy as np
import pytest

from ixgs_ros.simulation.attenuation import attenuation, hounsfield
from ixgs_ros.simulation.bodies import deformation, draw_body, implants, open_sources, tissue
from ixgs_ros.simulation.bodies.fields import bone_points, box_of, points_of
from ixgs_ros.simulation.bodies.procedural import procedural_body
from ixgs_ros.simulation.bodies.template import template_of
from ixgs_ros.simulation.bodies.warping import warped
from ixgs_ros.simulation.bone_target import ramp
from ixgs_ros.simulation.ct import Ct
from ixgs_ros.simulation.materials import Body, densities, reference_attenuation

VOXEL = 0.004
CENTER = np.array([0.01, -0.02, 0.03])


def rng():
    return np.random.default_rng(7)


@pytest.fixture(scope='module')
def body():
    """A water cylinder with a bone in it, off the origin: radius 60 and 16 mm, height 160 mm."""
    n = np.array([40, 40, 40])
    x, y, z = (VOXEL * (np.arange(n[a]) - 19.5) for a in range(3))
    zz, yy, xx = np.meshgrid(z, y, x, indexing='ij')
    water = 1000.0 * np.clip(0.5 - (np.hypot(xx, yy) - 0.06) / VOXEL, 0, 1)
    bone = np.clip(0.5 - (np.hypot(xx - 0.01, yy - 0.02) - 0.016) / VOXEL, 0, 1)
    made = np.zeros((4, *n), np.float32)
    made[0], made[1] = water * (1.0 - 0.1 * bone), 400.0 * bone
    affine = np.diag([VOXEL, VOXEL, VOXEL, 1.0])
    affine[:3, 3] = CENTER - 19.5 * VOXEL
    return Body(made, bone * reference_attenuation(made), affine)


def same_but(new, old, *materials):
    """Return whether all densities but some are as they were."""
    return all(np.array_equal(new.densities[m], old.densities[m])
               for m in range(4) if m not in materials)


def map_of(body, point_map, margin=0.0):
    lower, upper = box_of(body)
    return warped(body, point_map, lower - margin, upper + margin, VOXEL)


def centroid(body):
    weights = body.bone / body.bone.sum()
    return np.array([(weights * axis).sum() for axis in points_of(body)])


def test_nothing_changed_is_the_same_body(body):
    same = map_of(body, lambda points: points)
    inside = np.s_[..., 1:-1, 1:-1, 1:-1]
    assert same.densities[inside] == pytest.approx(body.densities[inside], abs=0.05)
    assert np.allclose(same.lps_from_index, body.lps_from_index)


def test_scaling_and_mirroring(body):
    scales = np.array([-1.1, 0.9, 1.0])
    new = map_of(body, deformation.affine(CENTER, scales, np.zeros(3)), 0.02)
    assert new.bone.sum() == pytest.approx(0.99 * body.bone.sum(), rel=0.06)
    expected = CENTER + scales * (centroid(body) - CENTER)
    assert centroid(new) == pytest.approx(expected, abs=0.002)


def test_a_turn_moves_the_bone_about_the_center(body):
    new = map_of(body, deformation.affine(CENTER, np.ones(3), np.array([0.0, 0.0, 0.5])))
    x, y = (centroid(body) - CENTER)[:2]
    cos, sin = np.cos(0.5), np.sin(0.5)
    assert (centroid(new) - CENTER)[:2] == pytest.approx([cos * x - sin * y, sin * x + cos * y],
                                                         abs=0.001)


def test_the_elastic_map_is_smooth_and_does_not_fold():
    lower, upper = np.full(3, -0.15), np.full(3, 0.15)
    point_map = deformation.elastic(rng(), lower, upper, 0.009)
    points = rng().uniform(-0.15, 0.15, (500, 3))
    moved = point_map(points) - points
    assert 0.004 < moved.std() < 0.012 and np.abs(moved).max() < 0.04
    step = 1e-4
    jacobian = np.stack([(point_map(points + step * axis) - point_map(points)) / step
                         for axis in np.eye(3)], axis=-1)
    assert np.linalg.det(jacobian).min() > 0.1


def test_a_bend_displaces_by_a_wave_along_the_body(body):
    new = map_of(body, deformation.bend(CENTER, 0.01, 0.16, 0.0, 0.0), 0.02)
    x = points_of(new)[0]
    weights = new.bone.sum(axis=(1, 2))
    middle = (new.bone * x).sum(axis=(1, 2))[weights > 1.0] / weights[weights > 1.0]
    heights = points_of(new)[2].ravel()[weights > 1.0] - CENTER[2]
    wave = 0.01 * np.sin(2 * np.pi * heights / 0.16)
    assert middle - CENTER[0] - 0.01 == pytest.approx(wave, abs=0.0015)


def test_a_compressed_vertebra_loses_height_in_front_only():
    point_map = deformation.compression(CENTER, 0.4, 0.03)
    front, back = CENTER + [0.0, -0.015, 0.1], CENTER + [0.0, 0.025, 0.1]
    # What was 12 mm higher has come down in front; behind, and below, nothing has moved.
    assert point_map(np.array([front, back])) - [front, back] == pytest.approx(
        np.array([[0, 0, 0.012], [0, 0, 0]]))
    below = CENTER + [0.0, -0.015, -0.05]
    assert point_map(below[None])[0] == pytest.approx(below)
    heights = CENTER + np.stack([0 * (z := np.linspace(-0.05, 0.1, 200)), 0 * z - 0.015, z], -1)
    assert np.diff(point_map(heights)[:, 2]).min() > 0.0
    with pytest.raises(ValueError, match='got 0.8'):
        deformation.compression(CENTER, 0.8, 0.03)


def test_osteoporosis_takes_mineral_and_the_target_follows(body):
    new = tissue.with_bone_density(body, 0.6)
    assert new.densities[1] == pytest.approx(0.6 * body.densities[1])
    assert (new.densities[0] >= body.densities[0]).all() and same_but(new, body, 0, 1)
    full = body.densities[1] > 399.0
    assert new.bone[full] == pytest.approx(reference_attenuation(new.densities)[full], rel=1e-4)
    assert 0.6 < new.bone.sum() / body.bone.sum() < 1.0


@pytest.mark.parametrize('factor', [0.5, 0.8, 1.5])
def test_the_target_of_other_densities_is_that_of_their_hounsfield_units(factor):
    hu = np.linspace(90.0, 600.0, 64, dtype=np.float32).reshape(4, 4, 4)
    marrow = Body(densities(hu, hu > 100.0), ramp(hu) * (hu > 100.0) * attenuation(hu), np.eye(4))
    new = tissue.with_bone_density(marrow, factor)
    inside = marrow.densities[1] > 0.0
    found = hounsfield(reference_attenuation(new.densities))
    assert found[inside] == pytest.approx(70.0 + factor * (hu[inside] - 70.0), abs=0.5)
    assert new.bone[inside] == pytest.approx((ramp(found) * attenuation(found))[inside], abs=1e-3)
    assert not new.bone[~inside].any()


def test_soft_tissue_varies_and_bone_does_not(body):
    new = tissue.with_soft_density(body, rng(), 0.05)
    ratio = new.densities[0] / np.maximum(body.densities[0], 1.0)
    soft = (body.bone == 0.0) & (body.densities[0] > 500.0)
    assert 0.01 < ratio[soft].std() < 0.06 and ratio[soft].mean() == pytest.approx(1, abs=0.05)
    assert np.array_equal(new.densities[0][body.bone > 0], body.densities[0][body.bone > 0])
    assert same_but(new, body, 0)


def test_contrast_medium_goes_in_and_out(body):
    place = CENTER - [0.02, 0.02, 0.0]
    new = tissue.with_contrast(body, place, np.full(3, 0.02), 6.0)
    volume = 4.0 / 3.0 * np.pi * 0.02 ** 3
    assert VOXEL ** 3 * new.densities[2].sum() == pytest.approx(6.0 * volume, rel=0.05)
    assert not new.densities[2][body.bone > 0].any() and same_but(new, body, 2)
    assert same_but(tissue.without_contrast(new), body)


def test_gas_displaces_soft_tissue_but_not_bone(body):
    new = tissue.with_gas(body, CENTER, np.full(3, 0.025))
    i = np.s_[20, 16, 18]
    assert body.densities[0][i] > 900.0 and new.densities[0][i] == 0.0
    assert np.array_equal(new.densities[0][body.bone > 0], body.densities[0][body.bone > 0])
    assert same_but(new, body, 0) and np.array_equal(new.bone, body.bone)


def test_fat_is_a_layer_round_the_body(body):
    new = tissue.with_fat(body, 0.02)
    gained = VOXEL ** 3 * (new.densities[0].sum() - body.densities[0].sum())
    ring = np.pi * (0.08 ** 2 - 0.06 ** 2) * 40 * VOXEL
    assert gained == pytest.approx(920.0 * ring, rel=0.08)
    assert new.bone.sum() == pytest.approx(body.bone.sum())
    assert centroid(new) == pytest.approx(centroid(body), abs=1e-6)


def test_soft_tissue_goes_on_beyond_the_ends(body):
    new = tissue.with_ends(body, 0.05)
    assert new.bone.shape[0] == 40 + 2 * 13 and new.bone.sum() == pytest.approx(body.bone.sum())
    assert centroid(new) == pytest.approx(centroid(body), abs=1e-6)
    assert not new.densities[1, :13].any() and new.densities[0, 0].max() > 1000.0


@pytest.mark.parametrize('radius', [0.0008, 0.005])
def test_a_rod_weighs_what_its_volume_does(body, radius):
    ends = CENTER - [0.0, 0.0, 0.04], CENTER + [0.01, 0.005, 0.04]
    new = implants.with_rods(body, [(*ends, radius)])
    volume = np.pi * radius ** 2 * np.linalg.norm(ends[1] - ends[0])
    metal = VOXEL ** 3 * new.densities[3].sum() / implants.METAL_DENSITY['titanium']
    # The ends are round.
    assert volume * 0.9 < metal < 1.35 * volume
    assert (new.bone <= body.bone).all() and not new.bone[new.densities[3] > 4400.0].any()


@pytest.mark.parametrize('kind', [implants.pedicle_screws, implants.k_wires, implants.plate])
def test_implants_lie_near_the_bone(body, kind):
    rods = kind(body, rng())
    assert implants.with_rods(body, rods).densities[3].any()
    assert all(0.0005 < radius < 0.008 for *_, radius in rods)
    assert max(np.linalg.norm(end - CENTER) for rod in rods for end in rod[:2]) < 0.25


def test_a_template_keeps_mass_and_bone_of_its_ct():
    hu = np.full((24, 60, 64), -1000.0)
    hu[:, 6:54, 6:58] = 40.0
    hu[:, 22:38, 24:40], hu[:, 27:33, 29:35] = 900.0, 220.0
    affine = np.diag([-0.0012, 0.0012, 0.0025, 1.0])
    template = template_of(Ct(hu, affine), 0.0025)
    assert template.bone.shape == (24, 30, 32)
    assert template.spacing == pytest.approx([0.0024, 0.0024, 0.0025])
    per_m = 20.0 * (1.0 + hu / 1000.0)
    assert reference_attenuation(template.densities).mean() == pytest.approx(per_m.mean(),
                                                                             rel=0.002)
    assert template.bone.mean() == pytest.approx((per_m * (hu > 150.0)).mean(), rel=0.01)
    assert centroid_of(template) == pytest.approx(affine[:3, :3] @ [31.5, 29.5, 11.5], abs=1e-4)


def centroid_of(body):
    k, j, i = np.indices(body.bone.shape)
    index = [(body.bone * axis).sum() / body.bone.sum() for axis in (i, j, k)]
    return body.lps_from_index[:3, :3] @ index + body.lps_from_index[:3, 3]


@pytest.mark.parametrize('seed', [1, 2])
def test_a_procedural_body_is_bone_in_a_torso(seed):
    body = procedural_body(np.random.default_rng(seed), spacing=0.004)
    litres = 0.004 ** 3 * 1000.0
    assert 8.0 < litres * (body.densities[0] > 100.0).sum() < 60.0
    assert 0.15 < litres * (body.bone > 10.0).sum() < 3.0
    # Bone has the attenuation of bone: from spongy to cortical.
    assert 20.0 < np.percentile(body.bone[body.bone > 10.0], 50) < 55.0
    assert (body.bone <= reference_attenuation(body.densities) + 1e-3).all()
    # A spine from below to above, near the middle.
    points = bone_points(body, rng(), 400, middle=1.0)
    assert np.ptp(points[:, 2]) > 0.25 and abs(np.median(points[:, 0])) < 0.03
    again = procedural_body(np.random.default_rng(seed), spacing=0.004)
    assert np.array_equal(again.densities, body.densities)


def test_bodies_are_drawn_from_all_sources_as_often_as_they_are_named():
    sources = open_sources(['procedural', 'procedural'])
    assert [source.name for source in sources] == ['procedural'] * 2
    body, name = draw_body(rng(), sources)
    assert name == 'procedural' and body.bone.max() > 20.0
    assert body.spacing == pytest.approx([0.0025] * 3)
