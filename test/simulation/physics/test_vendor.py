"""The vendor's table: undone where it is known, with the errors said where it is not."""

import numpy as np
import pytest

from ixgs_ros.simulation.physics.vendor import (
    enhance,
    look_up,
    read,
    stored,
    undo_look_up,
)

LINE_INTEGRALS = np.linspace(0.0, 5.0, 60, dtype=np.float32).reshape(6, 10)


@pytest.mark.parametrize('gamma', [0.02, 0.3, 1.0])
def test_a_known_table_is_undone(gamma):
    shown = look_up(np.exp(-LINE_INTEGRALS), gamma, 6.0)
    assert shown.max() == pytest.approx(1.0) and shown.min() >= 0.0
    assert undo_look_up(shown, gamma, 6.0) == pytest.approx(LINE_INTEGRALS, abs=2e-3)


def test_towards_gamma_zero_the_table_is_logarithmic():
    assert look_up(np.exp(-LINE_INTEGRALS), 0.01, 6.0) == pytest.approx(
        1.0 - LINE_INTEGRALS / 6.0, abs=0.02)


def test_a_wrong_exponent_bends_the_scale_but_keeps_the_order():
    undone = undo_look_up(look_up(np.exp(-LINE_INTEGRALS), 0.4, 6.0), 0.44, 6.0).ravel()
    assert (np.diff(undone) > 0).all()
    assert 0.02 < np.abs(undone - LINE_INTEGRALS.ravel()).max() < 0.6


def test_bytes_and_inversion_cost_half_a_level():
    shown = np.linspace(0, 1, 1000, dtype=np.float32).reshape(20, 50)
    for inverted in (False, True):
        levels = stored(shown, 8, inverted)
        assert levels.min() == 0 and levels.max() == 255
        assert (levels[0, 0] > levels[-1, -1]) == inverted
        assert np.abs(read(levels, 8, inverted) - shown).max() <= 0.5 / 255 + 1e-6


def test_enhancement_overshoots_at_edges_only():
    step = np.zeros((40, 40), np.float32)
    step[:, 20:] = 1.0
    seen = enhance(step, 1.0, 1.5)
    assert seen[20, 20] > 1.1 and seen[20, 19] < -0.1
    assert seen[20, 2] == pytest.approx(0.0, abs=1e-3)
    assert seen[20, 37] == pytest.approx(1.0, abs=1e-3)


def test_unknown_depths_are_refused():
    with pytest.raises(ValueError, match='expected 1 to 16 bits, got 32'):
        stored(np.zeros((2, 2), np.float32), 32, False)
