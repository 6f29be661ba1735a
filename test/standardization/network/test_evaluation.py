"""The figures against their definitions, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from ixgs_ros.standardization.network.evaluation import (
    figures,
    invented,
    lost,
    mean_figures,
    relative_l1,
)

TRUTH = np.array([[0.0, 0.01, 0.1, 0.4], [1.0, 2.0, 0.0, 5.0]])
MASK = np.array([[True, True, True, True], [True, True, True, False]])


def test_relative_l1():
    assert relative_l1(np.zeros_like(TRUTH), TRUTH, MASK) == pytest.approx(1.0)
    assert relative_l1(TRUTH, TRUTH, MASK) == 0.0
    assert relative_l1(2.0 * TRUTH, TRUTH, MASK) == pytest.approx(1.0)


def test_bone_is_invented_where_there_is_none():
    # Three pixels are below 0.02; 0.1 itself is not called bone.
    predicted = np.array([[0.2, 0.1, 9.0, 9.0], [9.0, 9.0, 0.11, 9.0]])
    assert invented(predicted, TRUTH, MASK) == pytest.approx(2.0 / 3.0)


def test_bone_is_lost_where_less_than_half_is_left():
    predicted = np.array([[0.0, 0.0, 0.0, 0.2], [0.49, 0.0, 0.0, 0.0]])
    assert lost(predicted, TRUTH, MASK) == pytest.approx(2.0 / 3.0)


def test_views_without_what_is_asked_do_not_count():
    empty = figures(TRUTH * 0.0, TRUTH * 0.0, MASK)
    assert np.isnan(empty['relative_l1']) and np.isnan(empty['lost'])
    assert empty['invented'] == 0.0
    means = mean_figures([empty, figures(TRUTH, TRUTH, MASK)])
    assert means == {'relative_l1': 0.0, 'invented': 0.0, 'lost': 0.0}
