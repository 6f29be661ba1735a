"""The way from station to station: still around the exposures, smooth between."""

from hypothesis import given
from hypothesis import strategies as st
import pytest

from ixgs_ros.simulation.trajectories import leg_at, OrbitConfig, TimingConfig

STAMPS = [10_000, 20_000, 40_000]
DWELL = 2_000


@pytest.mark.parametrize(('stamp', 'station'), [(0, 0), (10_000, 0), (11_000, 0), (19_000, 1),
                                                (20_999, 1), (39_001, 2), (90_000, 2)])
def test_it_stands_around_each_exposure_and_beyond_the_ends(stamp, station):
    leg = leg_at(STAMPS, DWELL, stamp)
    place = leg.start if leg.fraction == 0.0 else leg.end
    assert leg.fraction in (0.0, 1.0) and place == station


def test_it_starts_and_arrives_at_rest_and_is_half_way_at_half_time():
    assert leg_at(STAMPS, DWELL, 15_000).fraction == pytest.approx(0.5)
    assert leg_at(STAMPS, DWELL, 11_080).fraction < 0.0004
    assert leg_at(STAMPS, DWELL, 18_920).fraction > 0.9996


@given(st.integers(0, 50_000))
def test_it_only_goes_forward_and_never_jumps(stamp):
    def travelled(t):
        leg = leg_at(STAMPS, DWELL, t)
        return leg.start + (leg.end - leg.start) * leg.fraction

    step = travelled(stamp + 1) - travelled(stamp)
    assert 0.0 <= step <= 1.5 / 8_000 + 1e-12      # the top speed of 3 f² - 2 f³


def test_an_arc_goes_from_right_to_left():
    stations = OrbitConfig(kind='arc', angle_deg=90.0).stations(3, seed=0)
    assert [s.lao for s in stations] == pytest.approx([-1.5707963, 0.0, 1.5707963])
    assert all(s.cran == 0.0 for s in stations)


def test_standing_longer_than_the_interval_is_refused():
    with pytest.raises(ValueError, match=r'dwell below timing.interval, got 2.0 s and 1.0 s'):
        TimingConfig(interval=1.0, dwell=2.0)
