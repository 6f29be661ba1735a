"""Heel effect, vignetting, table and collimators."""

import numpy as np
import pytest

from ixgs_ros.simulation.physics.field import flatness, opening, opening_depth, table_area
from ixgs_ros.simulation.physics.settings import Physics


def test_heel_falls_along_its_direction_by_its_share():
    field = flatness(Physics(heel=0.1, heel_angle=0.0), 101, 101)
    assert field[50, 50] == pytest.approx(1.0)
    assert field[50, 100] == pytest.approx(0.9, abs=0.002)
    assert field[50, 0] == pytest.approx(1.1, abs=0.002)
    assert field[0, 50] == pytest.approx(1.0)


def test_vignetting_takes_its_share_from_the_corners():
    field = flatness(Physics(vignetting=0.2), 80, 120)
    assert field[0, 0] == pytest.approx(0.8, abs=1e-3)
    assert field[40, 60] == pytest.approx(1.0, abs=1e-3)


def test_the_table_ends_at_its_edge():
    area = table_area(Physics(table=10.0, table_edge=0.0, table_angle=np.pi / 2), 100, 100)
    assert not area[:50].any()
    assert area[60:] == pytest.approx(10.0)
    assert table_area(Physics(table=10.0), 100, 100) == pytest.approx(10.0)


def test_a_round_collimator_leaves_a_disc():
    depth = opening_depth(Physics(round_radius=0.8), 200, 200)
    share = opening(depth, 1.0)
    assert share.sum() == pytest.approx(np.pi * 80.0 ** 2, rel=0.01)
    assert share[100, 100] == 1.0 and share[0, 0] == 0.0


def test_turned_shutters_leave_a_turned_rectangle():
    shutters = Physics(shutter_width=0.9, shutter_height=0.4, shutter_angle=0.4)
    share = opening(opening_depth(shutters, 200, 200), 1.0)
    assert share.sum() == pytest.approx(180 * 80, rel=0.01)
    rows, columns = np.nonzero(share > 0.5)
    slope = np.polyfit(columns, rows, 1)[0]
    assert 0.3 < slope < 0.5


def test_the_penumbra_is_as_wide_as_said():
    share = opening(opening_depth(Physics(round_radius=0.8), 200, 200), 10.0)
    assert np.count_nonzero((share[100, 100:] > 0.02) & (share[100, 100:] < 0.98)) in (9, 10)


def test_without_collimator_all_is_open():
    assert (opening(opening_depth(Physics(), 30, 50), 1.0) == 1.0).all()
