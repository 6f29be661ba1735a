"""Which stations are used and which are held out."""

import numpy as np
import pytest

from ixgs_ros.evaluation.trajectories import held_out, MOST_VIEWS, stations, used


@pytest.mark.parametrize('trajectory', ['arbitrary', 'orbit'])
def test_no_held_out_view_is_ever_used(trajectory):
    assert len(held_out(trajectory)) == 6
    for views in (2, 5, 30):
        chosen = used(trajectory, views)
        assert len(set(chosen)) == views and not set(chosen) & set(held_out(trajectory))


def test_fewer_arbitrary_views_are_the_first_of_more():
    assert used('arbitrary', 10) == used('arbitrary', 30)[:10]
    few, again = stations('arbitrary', 4), stations('arbitrary', 4)
    assert [s.lao for s in few] == [s.lao for s in again]
    assert stations('arbitrary', 5)[0].lao != few[0].lao


def test_an_orbit_spreads_few_views_over_the_whole_of_it():
    angles = np.rad2deg([stations('orbit', 0)[k].lao for k in used('orbit', 5)])
    assert angles[0] == pytest.approx(-90) and angles[-1] == pytest.approx(90)
    assert np.diff(angles) == pytest.approx(45, abs=6)


@pytest.mark.parametrize('views', [1, MOST_VIEWS + 1])
def test_a_number_of_views_that_there_is_not_is_refused(views):
    with pytest.raises(ValueError, match='expected 2 to 30 views'):
        used('orbit', views)


def test_an_unknown_trajectory_is_refused():
    with pytest.raises(ValueError, match='arbitrary'):
        stations('spiral', 0)
