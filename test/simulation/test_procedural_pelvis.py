"""Procedural pelves and bellies: as much bone as there is, where it is; what is filled is none."""

from dataclasses import replace

import numpy as np
import pytest

from ixgs_ros.simulation.attenuation import hounsfield
from ixgs_ros.simulation.bodies import abdomen, bowel, pelvis
from ixgs_ros.simulation.bodies.canvas import Canvas
from ixgs_ros.simulation.bodies.contrast import draw_contrast
from ixgs_ros.simulation.bodies.fields import points_of
from ixgs_ros.simulation.bodies.procedural import body_at
from ixgs_ros.simulation.bodies.quality import draw_quality, Quality
from ixgs_ros.simulation.bodies.skeleton import box_of_tubes, union_distance
from ixgs_ros.simulation.bodies.spine import draw_spine
from ixgs_ros.simulation.bodies.thorax import draw_thorax
from ixgs_ros.simulation.bodies.torso import draw_torso
from ixgs_ros.simulation.bodies.tubes import chain
from ixgs_ros.simulation.materials import reference_attenuation

VOXEL = 3.0
QUALITY = Quality(0.6)


def rng(seed=3):
    return np.random.default_rng(seed)


def canvas_with_pelvis(seed, femurs=False):
    """A canvas that holds a whole pelvis, and nothing else."""
    generator = rng(seed)
    lowest = draw_spine(generator, 70.0, 100.0)[0]
    canvas = Canvas(np.array([220.0, 170.0, 210.0]), VOXEL)
    pelvis.paint_pelvis(canvas, lowest, draw_quality(rng(seed)), generator, femurs=femurs)
    return canvas


def grams(canvas):
    return 1e-6 * VOXEL ** 3 * float(canvas.channels[..., 1].sum())


def test_the_distance_to_a_union_is_that_to_the_nearest_and_marrow_runs_through():
    canvas = Canvas(np.full(3, 40.0), 1.0)
    tubes = chain([[-20.0, 0, 0], [0, 0, 0], [0, 20.0, 0]], 6.0)
    patch = box_of_tubes(canvas, tubes)
    outer, inner = union_distance(canvas, patch, tubes, np.array([1.0, 2.0]))
    x, y, z = patch.points
    expected = np.minimum(np.hypot(np.hypot(np.maximum(np.abs(x + 10) - 10, 0), y), z),
                          np.hypot(np.hypot(np.maximum(np.abs(y - 10) - 10, 0), x), z)) - 6.0
    near = expected < 1.5
    assert outer[near] == pytest.approx(expected[near], abs=1e-4)
    # No wall where the tubes meet.
    corner = np.argmin(np.abs(z.ravel())), np.argmin(np.abs(y.ravel())), np.argmin(
        np.abs(x.ravel()))
    assert inner[corner] < -3.0
    assert (inner >= outer + 0.99)[near].all()


def test_pelves_weigh_what_pelves_do():
    # Mineral of the pelvis by whole-body absorptiometry: about 150 to 500 g in adults, mean about
    # 300; that of hip bones and sacrum as skeletons' dry weight (about 450 g, 60 % ash) tells too.
    found = np.array([grams(canvas_with_pelvis(seed)) for seed in range(12)])
    assert 200.0 < found.mean() < 420.0
    assert found.min() > 60.0 and found.max() < 800.0
    # From osteoporotic to dense.
    assert found.max() > 2.0 * found.min()


@pytest.mark.parametrize('seed', range(3))
def test_a_pelvis_has_its_width_height_and_symmetry(seed):
    canvas = canvas_with_pelvis(seed)
    bone = canvas.channels[..., 4] > 5.0
    x, _, z = canvas.axes
    wide = x[bone.any(axis=(0, 1))]
    high = z[bone.any(axis=(1, 2))]
    assert 200.0 < np.ptp(wide) < 340.0 and 170.0 < np.ptp(high) < 270.0
    left, right = (canvas.channels[..., chosen, 4].sum() for chosen in (x > 0, x < 0))
    assert 0.7 < left / right < 1.4
    assert not canvas.channels[..., 2].any()
    assert not canvas.channels[..., 4][canvas.channels[..., 1] == 0.0].any()


def test_the_sockets_are_empty_until_there_are_femurs():
    generator = rng(5)
    lowest = draw_spine(generator, 70.0, 100.0)[0]
    state = generator.bit_generator.state
    place = pelvis.draw_pelvis(generator, lowest)
    for femurs in (False, True):
        generator.bit_generator.state = state
        canvas = Canvas(np.array([220.0, 170.0, 210.0]), VOXEL)
        pelvis.paint_pelvis(canvas, lowest, QUALITY, generator, femurs=femurs)
        for side in (-1.0, 1.0):
            center = place.at(side, pelvis.HIP)
            head = canvas.patch(center, np.full(3, 8.0)).voxels
            assert (head[..., 1] > 0.0).all() if femurs else not head[..., 1].any()


def test_the_shaft_of_a_femur_is_thick_cortex():
    heavy = max((canvas_with_pelvis(seed, femurs=True) for seed in range(3)), key=grams)
    values = heavy.channels[..., 4]
    # At the lower end of the field the shafts are hollow and hard.
    z = heavy.axes[2]
    layer = values[(z > z[0] + 10.0) & (z < z[0] + 30.0)]
    area = VOXEL ** 2 * (layer > 25.0).sum() / len(layer)
    assert 300.0 < area < 1400.0                # both, mm²: literature about 300 to 500 each


@pytest.mark.parametrize('seed', range(3))
def test_density_runs_from_osteoporotic_to_young(seed):
    drawn = [pelvis.draw_density(generator, draw_quality(generator))
             for generator in (rng(100 * seed + n) for n in range(60))]
    spongy = np.array([d.spongy for d in drawn])
    assert spongy.min() < 150.0 and spongy.max() > 300.0
    assert all(4.0 <= d.shaft <= 8.0 and 1.0 <= d.shell <= 3.4 for d in drawn)
    assert all(d.dense > d.spongy for d in drawn)
    # Thick goes with dense.
    assert np.corrcoef(spongy, [d.shell for d in drawn])[0, 1] > 0.3


@pytest.mark.parametrize('seed', range(3))
def test_filled_bowel_and_kidneys_are_no_bone(seed):
    generator = rng(seed)
    thorax = draw_thorax(generator, draw_spine(generator, -120.0, 640.0))
    torso = draw_torso(generator, thorax, 160.0)
    canvas = Canvas(np.array([200.0, 160.0, 250.0]), 4.0)
    contrast = replace(draw_contrast(generator), urine=1500.0, kidney=180.0)
    abdomen.paint_organs(canvas, thorax, contrast, generator)
    bowel.paint_bowel(canvas, thorax, torso, generator)
    abdomen.paint_bladder(canvas, thorax.spine[0], contrast, generator)
    assert (canvas.channels[..., 2] > 5.0).sum() * 0.064 > 20.0
    assert not canvas.channels[..., 4].any()


def test_gas_patterns_differ_and_lie_in_the_belly():
    shares = []
    for seed in range(6):
        body = body_at(rng(seed), -120.0, spacing=0.005)
        hu = hounsfield(reference_attenuation(body.densities))
        x, y, z = points_of(body)
        middle = (np.abs(x) < 0.09) & (y < 0.0) & (y > -0.09) & (z < 0.0)
        shares.append((hu[middle] < -500.0).mean())
    assert max(shares) > 0.02 and min(shares) < 0.5 * max(shares) and max(shares) < 0.4


@pytest.mark.parametrize('lowest', [-400.0, -250.0, -120.0, 20.0])
def test_a_body_anywhere_repeats_by_its_seed(lowest):
    first, again = (body_at(rng(9), lowest, spacing=0.006) for _ in range(2))
    assert np.array_equal(first.densities, again.densities)
    assert np.array_equal(first.bone, again.bone) and first.bone.max() > 10.0
