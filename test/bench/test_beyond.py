"""``ixgs bench beyond``: what it compares, and that a cost it knows comes out."""

from pathlib import Path
import sys

import numpy as np
import pytest

from ixgs_ros.cli.main import main
from ixgs_ros.simulation.physics import draw_physics, Physics
from ixgs_ros.simulation.physics.own_ranges import changed_ranges
from ixgs_ros.simulation.physics.settings import ranges
from ixgs_ros.standardization.network.inference import Standardized

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'bench'))
from beyond import cast_shots, effects, markdown, measured, NEEDS, three


@pytest.fixture(scope='module')
def shots():
    return cast_shots('phantom', 2, 48, 3)


def test_only_the_effect_differs_between_the_end_and_beyond():
    drawn = draw_physics(np.random.default_rng(1))
    for effect in effects(ranges()):
        before, end, beyond = three(drawn, effect, ranges())
        assert before == drawn
        changed = {name for name in ranges() if getattr(end, name) != getattr(beyond, name)}
        assert changed == {effect}
        entry = ranges()[effect]
        assert min(abs(entry.share(getattr(end, effect)) - share) for share in (0, 1)) < 1e-9
        assert not entry.low <= getattr(beyond, effect) <= entry.high


def test_an_effect_has_what_it_needs():
    for effect, needed in NEEDS.items():
        for physics in three(Physics(), effect, ranges())[1:]:
            assert getattr(physics, needed) != getattr(Physics(), needed)


def test_what_is_off_by_a_known_amount_costs_that_many_decibels(shots):
    """Ten times the error is 20 dB; nothing that the method does not look at costs anything."""
    numbers = iter([0.01, 0.01, 0.1] * len(shots))

    def method(shot, lines, mask):
        off = np.float32(next(numbers))
        return Standardized(shot.bone + off, mask.astype(np.float32),
                            'too bright' if off > 0.05 else '')
    row = measured('phantom', 'exposure_error', shots, method, 3, ranges())
    assert row.shots == len(shots)
    assert row.cost_db == pytest.approx(20, abs=0.01)
    assert row.end_db == pytest.approx(
        np.mean([20 * np.log10(shot.bone.max() / 0.01) for shot in shots]), abs=0.01)
    assert (row.drawn_refused, row.end_refused, row.beyond_refused) == (0, 0, 1)
    assert row.beyond_l1 == pytest.approx(10 * row.end_l1, rel=1e-3)


def test_an_offset_costs_a_method_that_hands_it_on_and_the_table_begins_with_the_worst(shots):
    rows = [measured('phantom', effect, shots,
                     lambda shot, lines, mask: Standardized(lines, mask, ''), 3, ranges())
            for effect in ('kvp', 'exposure_error')]
    offset = rows[1]
    assert (offset.end, offset.beyond) == (0.5, pytest.approx(0.6))
    assert offset.cost_db > 0      # line integrals of everything are above the bone already
    costs = [float(line.split('**')[1]) for line in markdown(rows).splitlines()[2:]]
    assert costs == sorted(costs, reverse=True) and len(costs) == 2


def test_beyond_is_beyond_the_range_of_the_training():
    within = changed_ranges({'kvp': [70, 90], 'glare': [0.02, 0.02]})
    _, end, beyond = three(Physics(kvp=80.0), 'kvp', within)
    assert (end.kvp, beyond.kvp) == (70.0, pytest.approx(68.0))
    assert 'glare' in effects(ranges()) and 'glare' not in effects(within)


def test_the_command_finds_it_and_says_what_it_expected(capsys):
    with pytest.raises(SystemExit) as ended:
        main(['bench', 'beyond', '--shots', '0'])
    assert ended.value.code == 2
    assert '--shots: expected at least 1, got 0' in capsys.readouterr().err
