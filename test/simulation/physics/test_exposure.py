"""A whole exposure: clean it is Beer and Lambert, and every effect is seen."""

from dataclasses import replace

import numpy as np
import pytest
from slabs import slab

from ixgs_ros.simulation.physics import at_edge, draw_physics, expose_shot, Physics
from ixgs_ros.simulation.physics.settings import ranges
from ixgs_ros.simulation.physics.spectrum import reduced_beam, transmission


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def body(size=64):
    """A slab with a bone in it, and air at one side."""
    shot = slab(size, water=200.0)
    areas = shot.areas.copy()
    areas[:, :, :size // 8] = 0.0
    areas[1, size // 3:size // 2] = 15.0
    return replace(shot, areas=areas)


def test_a_clean_exposure_is_the_transmission(rng):
    shot = body()
    exposed = expose_shot(shot, Physics(), rng)
    expected = -np.log(transmission(shot.areas, reduced_beam(100, 1.5, 0.0, 'titanium')))
    assert exposed.mask.all() and exposed.kvp == 100.0
    assert exposed.line_integrals == pytest.approx(expected, abs=5e-3)
    assert exposed.line_integrals[5, 30] == pytest.approx(4.0, rel=0.2)
    assert exposed.line_integrals.dtype == np.float32


def test_the_automatic_exposure_keeps_the_photons_behind_any_body(rng):
    """So the noise is the same behind 10 and behind 25 cm."""
    physics = Physics(photons=20.0)
    noise = [expose_shot(slab(water=water), physics, rng).line_integrals.std()
             for water in (100.0, 250.0)]
    photons_per_pixel = 20.0 * (300.0 / 64) ** 2
    assert noise == pytest.approx([photons_per_pixel ** -0.5] * 2, rel=0.05)


def test_air_beside_a_thick_body_saturates(rng):
    exposed = expose_shot(body(), Physics(headroom=8.0), rng)
    assert not exposed.mask[:, :7].any() and exposed.mask[:, 9:].all()


def test_scatter_makes_bodies_look_thinner(rng):
    clean, hazy = (expose_shot(slab(water=200.0), Physics(scatter=scatter), rng).line_integrals
                   for scatter in (0.0, 1.0))
    assert 0.5 < (clean - hazy)[32, 32] < np.log(2.2)


def test_the_table_adds_to_the_body(rng):
    bare, lying = (expose_shot(slab(water=200.0), Physics(table=table), rng).line_integrals
                   for table in (0.0, 10.0))
    assert (lying - bare).mean() == pytest.approx(0.2, rel=0.15)


def test_what_remains_of_the_exposure_is_scale_and_offset(rng):
    clean = expose_shot(body(), Physics(), rng).line_integrals
    off = expose_shot(body(), Physics(scale_error=1.05, exposure_error=-0.3), rng).line_integrals
    assert off == pytest.approx(1.05 * clean - 0.3, abs=0.01)


def test_the_collimator_is_dark_and_masked(rng):
    exposed = expose_shot(body(), Physics(round_radius=0.6, scatter=0.3), rng)
    assert exposed.mask[32, 32] and not exposed.mask[0, 0]
    assert exposed.mask.mean() == pytest.approx(np.pi * 0.3 ** 2, rel=0.1)
    assert exposed.line_integrals[0, 0] > exposed.line_integrals[32, 20] + 1.0


@pytest.mark.parametrize('effect', list(ranges()))
def test_any_effect_may_lie_beyond_its_range(effect, rng):
    exposed = expose_shot(body(), at_edge(draw_physics(rng), effect), rng)
    assert np.isfinite(exposed.line_integrals).all()
    assert exposed.mask.any()


def test_a_stuck_pixel_does_not_dim_the_picture(rng):
    clean, flawed = (expose_shot(body(), Physics(dead_pixels=share), rng)
                     for share in (0.0, 0.01))
    assert np.median(np.abs(flawed.line_integrals - clean.line_integrals)) < 0.01
    assert 0.0 < (~flawed.mask).mean() < 0.02


def test_black_lies_where_the_window_ends(rng):
    exposed = expose_shot(body(), Physics(window=0.2), rng)
    middle = exposed.line_integrals[32, 32]
    assert exposed.line_integrals.max() < middle + 0.6
    assert exposed.mask[60, 30] and not exposed.mask[25, 30]   # behind bone it is black


def test_pixels_without_signal_are_masked(rng):
    exposed = expose_shot(slab(water=200.0), Physics(photons=0.2, electronic=5.0), rng)
    assert 0.2 < exposed.mask.mean() < 0.8
    dark, bright = (exposed.line_integrals[where] for where in (~exposed.mask, exposed.mask))
    assert dark.min() > bright.max()


def test_exposures_differ_and_stay_finite(rng):
    shot = body()
    shots = [expose_shot(shot, draw_physics(rng, widening=0.1), rng) for _ in range(40)]
    for exposed in shots:
        assert np.isfinite(exposed.line_integrals).all()
        assert exposed.line_integrals.max() <= 14.0
        assert exposed.mask.mean() > 0.05
    assert np.std([exposed.line_integrals[20, 32] for exposed in shots]) > 0.3


def test_the_same_seed_gives_the_same_shot():
    physics = draw_physics(np.random.default_rng(7))
    first, second = (expose_shot(body(), physics, np.random.default_rng(1)) for _ in range(2))
    assert np.array_equal(first.line_integrals, second.line_integrals)
    assert np.array_equal(first.mask, second.mask)
