"""Procedural chests: sizes and places as anatomy has them, and what is bone and what is not."""

import numpy as np
import pytest

from ixgs_ros.simulation.attenuation import hounsfield
from ixgs_ros.simulation.bodies import great_vessels, heart, lungs, ribs, shoulder
from ixgs_ros.simulation.bodies.branching import grow
from ixgs_ros.simulation.bodies.canvas import Canvas, chalk, filled, soft
from ixgs_ros.simulation.bodies.contrast import Contrast, draw_contrast
from ixgs_ros.simulation.bodies.procedural import body_at
from ixgs_ros.simulation.bodies.quality import draw_quality, Quality
from ixgs_ros.simulation.bodies.spine import draw_spine
from ixgs_ros.simulation.bodies.thorax import draw_thorax
from ixgs_ros.simulation.bodies.tubes import chain, paint_tubes, smooth_path
from ixgs_ros.simulation.materials import reference_attenuation

VOXEL = 4.0
QUALITY = Quality(0.6)
MILLILITRES = 1e-3 * VOXEL ** 3
BRIGHT = Contrast(900.0, 400.0, 350.0, 200.0, 100.0, 90.0, 150.0, 800.0)


def rng(seed=3):
    return np.random.default_rng(seed)


def thorax_of(seed):
    """A thorax whose middle is about the origin of z."""
    generator = rng(seed)
    return draw_thorax(generator, draw_spine(generator, -330.0, 430.0))


def empty():
    return Canvas(np.array([240.0, 200.0, 250.0]), VOXEL)


def hu_of(channels):
    return float(hounsfield(reference_attenuation(np.asarray(channels[:4])[:, None]))[0])


def points_of(canvas):
    x, y, z = canvas.axes
    return x[None, None, :], y[None, :, None], z[:, None, None]


@pytest.mark.parametrize('hu', [-80.0, 30.0, 180.0, 1200.0])
def test_what_is_filled_has_its_hounsfield_units_and_is_no_bone(hu):
    assert hu_of(filled(hu)) == pytest.approx(hu, abs=1.0) and filled(hu)[4] == 0.0


def test_chalk_is_mineral_whether_it_is_bone_or_not():
    plain, bone = (chalk(500.0, is_bone=is_bone) for is_bone in (False, True))
    assert hu_of(plain) == pytest.approx(500.0, abs=1.0) and plain[1] > 0.0
    assert plain[4] == 0.0 and bone[4] == pytest.approx(30.0, abs=0.1)


@pytest.mark.parametrize('radius', [0.7, 3.0, 9.0])
def test_a_tube_has_the_mass_of_its_volume_however_thin(radius):
    canvas = Canvas(np.full(3, 60.0), 2.5)
    paint_tubes(canvas, chain([[-30.0, -5.0, 3.0], [25.0, 20.0, 10.0]], radius), soft(0.0))
    length = np.linalg.norm([55.0, 25.0, 7.0])
    volume = np.pi * radius ** 2 * length + 4.0 / 3.0 * np.pi * radius ** 3
    assert canvas.channels[..., 0].sum() * 2.5 ** 3 / 1000.0 == pytest.approx(volume, rel=0.12)


def test_a_smooth_path_ends_where_it_is_told():
    path = smooth_path([[0, 0, 0], [10, 0, 0], [10, 10, 0]], 21)
    assert path[[0, -1]] == pytest.approx(np.array([[0, 0, 0], [10, 10, 0]]))
    steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
    assert steps.max() < 1.3 * steps.min()


def test_a_tree_follows_murray_and_reaches_its_leaves():
    leaves = rng().uniform([20, -60, -90], [90, 60, 90], (80, 3))
    tree = grow(np.array([[0.0, 0, 0], [10, 0, 0]]), leaves, rng(), tip=0.8)
    ends = {tuple(end) for end in tree[:, 4:7]}
    assert all(tuple(leaf) in ends for leaf in leaves)
    for segment in tree:
        children = tree[(tree[:, :3] == segment[4:7]).all(axis=1)]
        if len(children):
            assert segment[3] ** 3 == pytest.approx((children[:, 3] ** 3).sum(), rel=1e-6)
    assert tree[:, 3].min() == pytest.approx(0.8) and 2.0 < tree[:, 3].max() < 4.0


@pytest.mark.parametrize('seed', range(4))
def test_a_thorax_is_as_large_as_one(seed):
    thorax = thorax_of(seed)
    x, y, width, depth = thorax.section(thorax.level(8))
    assert 200.0 < 2.0 * width < 330.0 and 120.0 < 2.0 * depth < 240.0
    assert 190.0 < thorax.level(1) - thorax.level(12) < 370.0
    # Narrow above, the left dome not above the right one by more than a little.
    assert thorax.section(thorax.level(1))[2] < 0.6 * width
    assert thorax.domes[1] < thorax.domes[0] + 5.0
    place = thorax.place(1.0, np.array([0.5, 1.5, 2.5]), np.full(3, thorax.level(6)), 10.0)
    found = thorax.distance(tuple(place.T))
    assert found == pytest.approx(np.full(3, 10.0), abs=4.0)


@pytest.mark.parametrize('seed', range(4))
def test_lungs_have_the_volume_and_the_vessels_of_lungs(seed, monkeypatch):
    thorax = thorax_of(seed)
    monkeypatch.setattr(lungs, '_paint_illness', lambda *_: None)
    monkeypatch.setattr(lungs, '_paint_effusion', lambda *_: None)
    painted = []
    for trees in (lungs._paint_trees, lambda *_: None):
        monkeypatch.setattr(lungs, '_paint_trees', trees)
        canvas = empty()
        canvas.channels[..., 0] = 1050.0
        lungs.paint_lungs(canvas, thorax, BRIGHT, rng(seed))
        painted.append(canvas.channels)
    whole, bare = painted
    lung = bare[..., 0] < 700.0
    litres = 1e-3 * MILLILITRES * lung.sum()
    assert 1.5 < litres < 9.0
    mean = bare[lung][:, 0].mean()
    assert 60.0 < mean < 400.0
    # 355 and 305 HU of arteries and veins are iodine: 10.6 kg/m³ on average.
    share = whole[lung][:, 2].sum() / 10.6 / lung.sum()
    assert 0.02 < share < 0.12
    assert not whole[..., 4].any()
    # Nothing of the lung lies outside the cage or in the belly.
    x, y, z = points_of(canvas)
    outside = thorax.distance((x, y, z)) > 2.0
    assert not (lung & outside).any()
    below = z < thorax.diaphragm((x, y, z)) - 6.0
    assert not (lung & below).any()


@pytest.mark.parametrize('seed', range(4))
def test_blood_with_contrast_medium_is_never_bone(seed):
    thorax, generator, canvas = thorax_of(seed), rng(seed), empty()
    organ = heart.draw_heart(generator, thorax)
    heart.paint_heart(canvas, organ, thorax, BRIGHT, generator)
    blood = MILLILITRES * (canvas.channels[..., 2] > 5.0).sum()
    assert 150.0 < blood < 1200.0
    great_vessels.paint_great_vessels(canvas, thorax, organ, BRIGHT, generator)
    assert not canvas.channels[..., 4].any()
    # To the left, before the spine, above the diaphragm.
    assert organ.center[0] > thorax.column(organ.center[2])[0] - 12.0
    assert organ.center[1] < thorax.before(organ.center[2])
    assert thorax.domes.mean() < organ.center[2] < thorax.level(3)


def test_the_aorta_ends_beside_the_spine():
    thorax = thorax_of(1)
    line = great_vessels.aorta(thorax, heart.draw_heart(rng(), thorax), rng())
    low = line[line[:, 2] < thorax.level(9)]
    off = low[:, 0] - thorax.column(low[:, 2])[0]
    assert (off > -8.0).all() and (off < 45.0).all()
    assert (line[:, 3] > 6.0).all() and (line[:, 3] < 22.0).all()
    assert line[:, 2].max() < thorax.level(2)


@pytest.mark.parametrize('seed', range(4))
def test_shoulder_blades_lie_outside_of_the_ribs(seed):
    thorax, canvas, generator = thorax_of(seed), empty(), rng(seed)
    shoulders = shoulder.draw_shoulders(generator, thorax)
    shoulder.paint_shoulder_bones(canvas, thorax, shoulders, QUALITY, generator)
    x, y, z = points_of(canvas)
    bone = canvas.channels[..., 4]
    behind = np.broadcast_to(y > thorax.section(z)[1], bone.shape)
    within = np.where(behind, bone, 0.0) * (thorax.distance((x, y, z)) < 2.0)
    assert bone.sum() > 0.0 and within.sum() < 0.03 * bone.sum()
    # A pair: as much on the left as on the right.
    left, right = bone[..., canvas.axes[0] > 0.0].sum(), bone[..., canvas.axes[0] < 0.0].sum()
    assert 0.6 < left / right < 1.7


@pytest.mark.parametrize('seed', range(4))
def test_ribs_lie_on_the_cage_and_weigh_what_ribs_do(seed):
    thorax, canvas = thorax_of(seed), empty()
    ribs.paint_ribs(canvas, thorax, draw_quality(rng(seed)), rng(seed))
    x, y, z = points_of(canvas)
    bone = canvas.channels[..., 4]
    off = np.abs(thorax.distance((x, y, z))) * np.ones(bone.shape)
    assert np.average(off, weights=bone) < 12.0
    # Mineral of ribs and breastbone: about 100 to 300 g in adults.
    grams = 1e-6 * VOXEL ** 3 * canvas.channels[..., 1].sum()
    assert 50.0 < grams < 450.0
    assert not canvas.channels[..., 2].any()


def test_a_rib_comes_down_on_its_way_forward():
    thorax = thorax_of(2)
    seventh = next(v for v in thorax.spine if v.name == 'T7')
    line = ribs.rib(thorax, seventh, 1.0, 1.0)
    assert line[0, 2] - line[-1, 2] > 50.0 and line[-1, 1] < line[0, 1] - 80.0
    length = np.linalg.norm(np.diff(line, axis=0), axis=1).sum()
    assert 180.0 < length < 380.0


@pytest.mark.parametrize('seed', range(3))
def test_nothing_without_mineral_is_bone_in_a_chest(seed):
    body = body_at(rng(seed), -330.0, spacing=0.004)
    assert body.bone.sum() > 0.0
    assert not body.bone[body.densities[1] == 0.0].any()
    assert (body.bone <= reference_attenuation(body.densities) + 1e-3).all()
    # Lungs: a good share of the chest is thin.
    inside = body.densities[0] > 20.0
    assert 0.08 < (body.densities[0][inside] < 600.0).mean() < 0.6


def test_every_phase_of_contrast_medium_occurs():
    drawn = [draw_contrast(rng(seed)) for seed in range(200)]
    assert sum(c.left < 60.0 for c in drawn) > 30
    assert sum(c.left > 250.0 for c in drawn) > 40 and sum(c.right > 250.0 for c in drawn) > 40
    assert sum(c.injected > 800.0 for c in drawn) > 10
    assert max(c.left for c in drawn) < 700.0
