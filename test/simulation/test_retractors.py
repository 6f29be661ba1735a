"""A retractor in a training body: two thin blades, a frame outside, metal and no bone."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from ixgs_ros.simulation.bodies import variation
from ixgs_ros.simulation.bodies.fields import box_of, points_of
from ixgs_ros.simulation.bodies.implants import METAL, METAL_DENSITY, with_rods
from ixgs_ros.simulation.bodies.procedural import procedural_body
from ixgs_ros.simulation.bodies.retractors import (
    draw_retractor,
    LENGTH,
    retractor,
    SOLID,
    THICKNESS,
    WIDTH,
    with_blades,
    with_room,
)

ANY = np.ones((3, 3, 3))


def rng(seed=7):
    return np.random.default_rng(seed)


@pytest.fixture(scope='module', params=[1, 4])
def body(request):
    return procedural_body(rng(request.param), spacing=0.003)


def volume(body):
    """Return the share of metal of each voxel times the voxel's volume, m³."""
    return body.densities[METAL] / METAL_DENSITY[body.metal] * body.spacing.prod()


@pytest.mark.parametrize('seed', range(3))
def test_two_blades_of_the_drawn_sizes_lie_on_either_side_of_the_spine(body, seed):
    blades, _ = retractor(body, rng(seed))
    for blade in blades:
        for edge, (least, most) in zip(blade.size, (THICKNESS, WIDTH, LENGTH), strict=True):
            assert least <= edge <= most
        assert blade.axes @ blade.axes.T == pytest.approx(np.eye(3), abs=1e-9)
    made = volume(with_blades(with_room(body, box_of(body)[1][1] + 0.1), blades))
    labels, count = ndimage.label(made > 0.0, structure=ANY)
    assert count == 2
    # Where edges meet, a blade of a few voxels is a few per cent too full.
    found = ndimage.sum_labels(made, labels, [1, 2])
    assert found == pytest.approx([blade.size.prod() for blade in blades], rel=0.08)
    left, right = (blade.center for blade in blades)
    across = right - left
    assert 0.03 < np.linalg.norm(across) < 0.12 and across[0] > 0.9 * np.linalg.norm(across)
    # Bone lies between them, in front of their middle.
    x, y, z = points_of(body)
    between = ((x > left[0]) & (x < right[0]) & (np.abs(z - left[2]) < 0.02)
               & (y < left[1])) * body.bone
    assert between.sum() > 0.0


@pytest.mark.parametrize('seed', range(3))
def test_the_frame_is_outside_and_joins_the_blades(body, seed):
    blades, frame = retractor(body, rng(seed))
    behind = max(end[1] for _, end, _ in frame) + 0.02
    roomy = with_room(body, behind)
    tissue = roomy.densities.sum(axis=0) > SOLID
    # Posts lead out of the wound; rails and arm touch nothing.
    outside = volume(with_rods(roomy, frame[2:]))
    assert outside.any() and not outside[tissue].any()
    _, count = ndimage.label(volume(draw_retractor(body, rng(seed))) > 0.0, structure=ANY)
    assert count == 1


def test_a_retractor_is_metal_and_no_bone(body):
    new = draw_retractor(body, rng())
    assert new.metal == 'steel'
    rows = body.bone.shape[1]
    share = new.densities[METAL] / METAL_DENSITY['steel']
    left = 1.0 - share[:, :rows]
    np.testing.assert_allclose(new.bone[:, :rows], left * body.bone, atol=1e-3)
    assert not new.bone[:, rows:].any()
    np.testing.assert_allclose(new.densities[0, :, :rows], left * body.densities[0], atol=0.1)


def test_beside_implants_it_is_of_their_metal(body):
    lower, upper = box_of(body)
    middle = 0.5 * (lower + upper)
    screwed = with_rods(body, [(middle, middle + [0.0, 0.0, 0.03], 0.003)])
    assert draw_retractor(screwed, rng()).metal == 'titanium'


def test_all_else_that_is_drawn_of_a_body_stays(body, monkeypatch):
    made, after = [], []
    for share in (0.0, 1.0):
        monkeypatch.setattr(variation, 'RETRACTORS', share)
        drawn = rng(3)
        made.append(variation.varied_tissue(body, drawn))
        after.append(drawn.uniform())
    without, with_one = made
    assert after[0] == after[1]
    rows = without.bone.shape[1]
    same = with_one.densities[METAL, :, :rows] == without.densities[METAL]
    assert not same.all() and same.mean() > 0.99
    assert np.array_equal(with_one.densities[:, :, :rows][:, same], without.densities[:, same])
    assert np.array_equal(with_one.bone[:, :rows][same], without.bone[same])
