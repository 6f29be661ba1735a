"""Scatter and glare: how much, how wide, and that nothing is lost or made."""

import numpy as np
import pytest

from ixgs_ros.simulation.physics.spread import scattered, wide_blur, with_glare


def test_scatter_over_primary_behind_twenty_centimetres_of_water():
    primary = np.full((128, 128), np.exp(-4.0), dtype=np.float32)
    ratio = scattered(primary, strength=1.5, sigma=4.0) / primary
    assert ratio[64, 64] == pytest.approx(1.5, rel=0.02)
    assert ratio[0, 0] < 0.5   # there is no beam beyond the image


def test_scatter_keeps_the_share_that_left():
    primary = np.ones((200, 200), dtype=np.float32)
    primary[90:110, 90:110] = np.exp(-3.0)
    sent = 1.0 / 4.0 * primary * -np.log(primary)
    assert scattered(primary, 1.0, 8.0).sum() == pytest.approx(sent.sum(), rel=0.01)


def test_air_does_not_scatter():
    assert not scattered(np.ones((32, 32), dtype=np.float32), 2.0, 4.0).any()


def test_behind_a_small_dense_body_scatter_outweighs_primary():
    primary = np.full((128, 128), np.exp(-4.0), dtype=np.float32)
    primary[60:68, 60:68] = np.exp(-7.0)
    assert (scattered(primary, 0.5, 6.0) / primary)[64, 64] > 3.0


def test_thick_bodies_scatter_wider():
    def width(line_integral):
        primary = np.ones((257, 257), dtype=np.float32)
        primary[128, 128] = np.exp(-line_integral)
        profile = scattered(primary, 1.0, 6.0).sum(axis=0)
        return np.sqrt((profile * (np.arange(257) - 128.0) ** 2).sum() / profile.sum())
    assert 6.0 < width(1.0) < 0.8 * width(7.0)


def test_glare_moves_its_share_and_keeps_the_sum():
    light = np.zeros((201, 201), dtype=np.float32)
    light[90:111, 90:111] = 1.0
    seen = with_glare(light, 0.1, 10.0)
    assert seen.sum() == pytest.approx(light.sum(), rel=0.01)
    assert 0.9 < seen[100, 100] < 0.97
    assert seen[100, 80] > 0.005


@pytest.mark.parametrize('sigma', [3.0, 10.0, 25.0])
def test_wide_blur_is_as_wide_as_said(sigma):
    point = np.zeros((241, 241), dtype=np.float32)
    point[120, 120] = 1.0
    profile = wide_blur(point, sigma).sum(axis=1)
    spread = np.sqrt((profile * (np.arange(241) - 120.0) ** 2).sum() / profile.sum())
    assert spread == pytest.approx(sigma, rel=0.08)
