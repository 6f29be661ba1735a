"""The lumbar phantom is anatomy enough: cortex, spongy bone, discs, an open canal, and metal."""

import numpy as np
import pytest

from ixgs_ros.simulation.phantom import LEVEL_DISTANCE_MM, lumbar_phantom, SPINE_Y_MM
from ixgs_ros.simulation.sources import load_ct

L3_MM = np.array([0.0, SPINE_Y_MM, 0.0])


@pytest.fixture(scope='module')
def phantom():
    return lumbar_phantom(spacing=0.0015)


def hu_in(ct, center_mm, half_mm):
    """Return the voxels of a box in LPS millimetres."""
    low = np.linalg.solve(ct.lps_from_index[:3, :3],
                          0.001 * (np.asarray(center_mm) - half_mm) - ct.lps_from_index[:3, 3])
    high = np.linalg.solve(ct.lps_from_index[:3, :3],
                           0.001 * (np.asarray(center_mm) + half_mm) - ct.lps_from_index[:3, 3])
    (i, j, k), (a, b, c) = np.round(low).astype(int), np.round(high).astype(int) + 1
    return ct.hu[k:c, j:b, i:a]


def test_the_body_is_spongy_within_a_shell(phantom):
    spongy = hu_in(phantom, L3_MM, 7.0)
    assert spongy.mean() == pytest.approx(230, abs=30)
    assert 30 < spongy.std() < 100
    across = hu_in(phantom, L3_MM, np.array([32.0, 0.5, 0.5])).mean((0, 1))
    middle = len(across) // 2
    assert across[:middle].max() > 700 and across[middle:].max() > 700
    assert across[middle - 5:middle + 5].max() < 500


def test_the_canal_is_open_and_the_arch_behind_it_closed(phantom):
    assert hu_in(phantom, L3_MM + [0, 27.0, 0], 5.0).max() < 150
    assert hu_in(phantom, L3_MM + [0, 45.0, -7.0], 3.0).max() > 700


def test_discs_lie_between_the_bodies(phantom):
    disc = hu_in(phantom, L3_MM + [0, 2.0, -LEVEL_DISTANCE_MM / 2], np.array([8.0, 6.0, 1.0]))
    assert disc.mean() == pytest.approx(95, abs=15)


def test_all_six_levels_are_there_on_a_lordosis(phantom):
    bone = phantom.hu > 150
    heights = 0.0015 * np.arange(bone.shape[0]) + phantom.lps_from_index[2, 3]
    center_y = []
    for level in range(-2, 4):
        slab = np.abs(heights - 0.001 * level * LEVEL_DISTANCE_MM) < 0.006
        spongy = (phantom.hu[slab] > 120) & (phantom.hu[slab] < 400)
        assert spongy.sum() > 500
        center_y.append(np.nonzero(spongy)[1].mean())
    assert center_y[2] < center_y[0] and center_y[2] < center_y[5]     # L3 is foremost


def test_the_torso_is_wider_than_a_carm_s_field_and_has_fat_and_gas(phantom):
    width = 0.0015 * (phantom.hu[80] > -300).any(0).sum()
    assert 0.28 < width < 0.32
    assert phantom.hu.min() == -1000
    assert np.mean(np.abs(phantom.hu + 90) < 5) > 0.05
    inside = phantom.hu[:, 30:60, 60:160]
    assert np.mean(inside < -800) > 0.002


def test_a_seed_is_a_patient():
    one, again, other = (lumbar_phantom(seed, spacing=0.003) for seed in (0, 0, 1))
    assert np.array_equal(one.hu, again.hu)
    assert not np.array_equal(one.hu, other.hu)


def test_screws_are_metal_in_both_pedicles_of_l4_and_l5():
    plain, screwed = (lumbar_phantom(spacing=0.002, screws=screws) for screws in (False, True))
    metal = screwed.hu > 5000
    k, _, i = np.nonzero(metal)
    x = 0.002 * i + screwed.lps_from_index[0, 3]
    z = 0.002 * k + screwed.lps_from_index[2, 3]
    assert plain.hu.max() < 2000
    for side in (-1, 1):
        for level in (-1, -2):
            near = np.abs(z - 0.001 * level * LEVEL_DISTANCE_MM) < 0.012
            volume = 0.002 ** 3 * (near & (side * x > 0)).sum()
            assert 0.8e-6 < volume < 4e-6      # 50 mm of 5.6 mm and a head: about 2 ml
    assert z.max() < -0.018
    assert np.array_equal(plain.hu[~metal & (plain.hu == screwed.hu)],
                          screwed.hu[~metal & (plain.hu == screwed.hu)])


def test_load_ct_knows_it_with_the_spine_as_its_target():
    ct = load_ct('phantom+screws')
    assert ct.target == pytest.approx([0, 0.007, 0])
    assert ct.hu.max() > 8000 and ct.spacing == pytest.approx([0.001] * 3)


def test_a_spacing_too_fine_is_refused():
    with pytest.raises(ValueError, match=r'0\.0001 m'):
        lumbar_phantom(spacing=0.0001)
