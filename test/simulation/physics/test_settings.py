"""Ranges: drawing, widening, edges."""

from dataclasses import asdict, replace

import numpy as np
import pytest

from ixgs_ros.simulation.physics.settings import at_edge, draw_physics, Physics, ranges


def test_draws_lie_in_their_ranges_or_are_neutral():
    rng = np.random.default_rng(0)
    for _ in range(200):
        for name, value in asdict(draw_physics(rng)).items():
            entry = ranges()[name]
            neutral = getattr(Physics(), name)
            assert entry.low <= value <= entry.high or value == neutral, name


def test_draws_fill_their_ranges():
    rng = np.random.default_rng(0)
    drawn = [draw_physics(rng) for _ in range(600)]
    for name, entry in ranges().items():
        values = [getattr(physics, name) for physics in drawn]
        there = [value for value in values if entry.low <= value <= entry.high]
        shares = [entry.share(value) for value in there] if entry.high > entry.low else [0, 1]
        assert min(shares) < 0.1 and max(shares) > 0.9, name


def test_the_same_seed_gives_the_same_exposure():
    assert draw_physics(np.random.default_rng(5)) == draw_physics(np.random.default_rng(5))


def test_widening_reaches_beyond():
    rng = np.random.default_rng(0)
    voltages = [draw_physics(rng, widening=0.1).kvp for _ in range(300)]
    assert 53.5 <= min(voltages) < 60.0 and 125.0 < max(voltages) <= 131.5


@pytest.mark.parametrize('effect', list(ranges()))
def test_edges_lie_beyond_the_range_unless_nature_forbids(effect):
    entry = ranges()[effect]
    physics = draw_physics(np.random.default_rng(3))
    edged = at_edge(physics, effect)
    value = getattr(edged, effect)
    assert not entry.low < value < entry.high
    assert entry.least <= value <= entry.most
    assert replace(edged, **{effect: getattr(physics, effect)}) == physics


def test_the_harder_end_is_the_far_one():
    assert at_edge(Physics(), 'kvp').kvp == pytest.approx(53.5)
    assert at_edge(Physics(), 'photons').photons < 400.0
    assert at_edge(Physics(), 'scatter').scatter > 2.5
    assert at_edge(Physics(), 'scatter', beyond=0.0).scatter == pytest.approx(2.5)


def test_unknown_effects_are_refused():
    with pytest.raises(ValueError, match='expected an effect among kvp.*got .sunshine'):
        at_edge(Physics(), 'sunshine')
