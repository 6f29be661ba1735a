"""The ranges of training images: how much wider than these they are."""

import pytest

from ixgs_ros.standardization.network.domain import Domain, NAMES


def samples(**ranges):
    """Two images that are alike but for what is named."""
    ends = [{name: ranges.get(name, (0.5, 0.5))[end] for name in NAMES} for end in (0, 1)]
    return ends * 300


def test_pairs_of_one_rig_do_not_bind_the_network_to_its_size():
    """All images 96 pixels wide: those a quarter wider or narrower pass, not half as wide ones."""
    low, high = Domain.of(samples(width=(96.0, 96.0), field=(0.9, 0.9))).ranges['width']
    assert (low, high) == pytest.approx((72.0, 120.0), abs=0.01)
    low, high = Domain.of(samples(field=(0.9, 0.9))).ranges['field']
    assert low < 0.7 and high > 1.0


def test_a_range_is_a_quarter_wider_on_either_side_and_what_was_positive_stays_so():
    ranges = Domain.of(samples(level=(2.0, 4.0), crests=(-1.0, 1.0), detail=(0.1, 2.0))).ranges
    assert ranges['level'] == pytest.approx((1.5, 4.5), abs=0.01)
    assert ranges['crests'] == pytest.approx((-1.5, 1.5), abs=0.01)
    assert ranges['detail'] == pytest.approx((0.05, 2.475), abs=0.01)
