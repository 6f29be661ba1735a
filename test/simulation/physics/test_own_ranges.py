"""Ranges of one's own: what is drawn lies in them, and what is none is named."""

from dataclasses import asdict

import numpy as np
import pytest

from ixgs_ros.parameters import ParameterError
from ixgs_ros.simulation.physics import draw_physics
from ixgs_ros.simulation.physics.own_ranges import changed_ranges, plain, read_ranges
from ixgs_ros.simulation.physics.settings import ranges


def test_draws_lie_in_a_narrowed_range_and_fill_it_and_nothing_else_changes():
    within = changed_ranges({'kvp': [70, 90]})
    drawn = [(draw_physics(np.random.default_rng(seed), within=within),
              draw_physics(np.random.default_rng(seed))) for seed in range(200)]
    voltages = [narrowed.kvp for narrowed, _ in drawn]
    assert 70.0 <= min(voltages) < 72.0 and 88.0 < max(voltages) <= 90.0
    for narrowed, usual in drawn:
        assert asdict(narrowed) | {'kvp': usual.kvp} == asdict(usual)


@pytest.mark.parametrize('name', list(ranges()))
def test_any_effect_can_be_fixed_at_any_end(name):
    entry = ranges()[name]
    for value in (entry.low, entry.high):
        within = changed_ranges({name: [value, value]})
        drawn = {getattr(draw_physics(np.random.default_rng(seed), within=within), name)
                 for seed in range(60)}
        assert value in drawn and len(drawn) <= 2    # where it does not occur it is neutral


def test_scatter_can_be_switched_off_though_it_is_drawn_in_the_logarithm():
    within = changed_ranges({'scatter': [0, 0]})
    assert draw_physics(np.random.default_rng(0), within=within).scatter == 0.0


def test_linear_images_of_few_bits_are_drawn_if_that_is_asked_for():
    within = changed_ranges({'bits': [8, 10], 'gamma': [0.9, 1.0]})
    bits = [draw_physics(np.random.default_rng(seed), within=within).bits for seed in range(60)]
    assert 8.0 <= min(bits) and max(bits) <= 10.0


def test_ranges_as_plain_values_are_read_again(tmp_path):
    within = changed_ranges({'photons': ['1e3', 2e4], 'exposure_error': [-1, 0.5]})
    assert within['photons'].low == 1000.0
    assert changed_ranges(plain(within)) == within
    path = tmp_path / 'physics.yaml'
    path.write_text('photons: [1e3, 20000]\nexposure_error: [-1, 0.5]  # wider\n')
    assert changed_ranges(read_ranges(path)) == within


@pytest.mark.parametrize(('name', 'limits', 'words'), [
    ('kpv', [70, 90], "unknown parameter 'physics.kpv'; did you mean 'physics.kvp'"),
    ('kvp', [90, 70], 'physics.kvp: expected the lower number first, got 90 and 70'),
    ('kvp', [70, 400], r'physics.kvp: expected numbers in \[50, 140\] \(tube voltage, kV\), got '
                       '70 and 400'),
    ('glare', [-0.1, 0.1], r'physics.glare: expected numbers in \[0, 0.9\]'),
    ('exposure_error', [float('-inf'), 0], r'physics.exposure_error: expected numbers in \[-5'),
    ('heel_angle', [0, float('inf')], 'physics.heel_angle: expected numbers in'),
    ('kvp', [float('nan'), 90], 'expected the lower number first, got nan'),
    ('scatter', [0, 1], 'physics.scatter: expected numbers above 0, as it is drawn evenly in the '
                        'logarithm'),
    ('kvp', [70], 'physics.kvp: expected two numbers'),
    ('kvp', 70, 'physics.kvp: expected two numbers, the lowest and the highest, got 70'),
    ('kvp', ['low', 'high'], 'physics.kvp: expected two numbers'),
    ('kvp', [True, 90], 'physics.kvp: expected two numbers'),
    ('kvp', None, 'physics.kvp: expected two numbers')])
def test_what_is_no_range_is_named(name, limits, words):
    with pytest.raises(ParameterError, match=words):
        changed_ranges({name: limits})


@pytest.mark.parametrize(('text', 'words'), [
    ('kvp', "expected lines such as 'kvp: .70, 90.', got 'kvp'"), ('', 'got None'),
    ('kvp: [', 'expected a YAML file of ranges')])
def test_a_file_that_holds_no_ranges_is_named(tmp_path, text, words):
    path = tmp_path / 'physics.yaml'
    path.write_text(text)
    with pytest.raises(ParameterError, match=f'physics.yaml: .*{words}') as caught:
        read_ranges(path)
    assert '\n' not in str(caught.value)
