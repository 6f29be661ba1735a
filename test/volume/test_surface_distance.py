"""Overlap and surface distance of shapes whose answers are known in closed form."""

import math

import numpy as np
import pytest

from ixgs_ros.volume.surface_distance import dice, surface_distance

SPACING = 0.5
AXIS = SPACING * (np.arange(121) - 60)
Z, Y, X = np.meshgrid(AXIS, AXIS, AXIS, indexing='ij')


def ball(radius, x=0.0):
    return (X - x) ** 2 + Y ** 2 + Z ** 2 <= radius ** 2


def test_a_shape_is_itself():
    assert dice(ball(10), ball(10)) == 1.0
    found = surface_distance(ball(10), ball(10), SPACING)
    assert found.mean == 0.0 and found.p95 == 0.0


def test_the_overlap_of_shifted_balls_is_that_of_their_lens():
    radius, shift = 20.0, 8.0
    # Volume of the lens of two balls of radius r at distance d: π (4 r + d) (2 r - d)² / 12.
    lens = math.pi * (4 * radius + shift) * (2 * radius - shift) ** 2 / 12
    expected = lens / (4 / 3 * math.pi * radius ** 3)
    assert dice(ball(radius), ball(radius, shift)) == pytest.approx(expected, abs=0.005)


def test_concentric_balls_are_as_far_apart_as_their_radii_differ():
    found = surface_distance(ball(12), ball(15), SPACING)
    assert found.mean == pytest.approx(3.0, abs=0.3 * SPACING)
    assert found.p95 == pytest.approx(3.0, abs=SPACING)


def test_shifted_balls_are_half_the_shift_apart_on_average():
    # From the surface point at angle t to the axis the other ball is |d cos t| away to first order
    # in d / r; the mean of |cos t| over the ball is a half, its 95 % point 0.95.
    found = surface_distance(ball(20), ball(20, 4.0), SPACING)
    assert found.mean == pytest.approx(2.0, rel=0.1)
    assert found.p95 == pytest.approx(3.8, rel=0.1)


def test_only_surfaces_in_the_part_that_counts_count():
    plate = ball(15) | ((X > 20) & (X < 24))
    assert surface_distance(plate, ball(15), SPACING).p95 > 3
    assert surface_distance(plate, ball(15), SPACING, where=X < 18).mean == 0.0


def test_the_border_of_the_array_is_no_surface():
    found = surface_distance(X < 5, X < 7, SPACING)
    assert found.mean == pytest.approx(2.0) and found.p95 == pytest.approx(2.0)


def test_nothing_is_infinitely_far():
    nothing = np.zeros_like(ball(5))
    assert dice(ball(5), nothing) == 0.0 and dice(nothing, nothing) == 1.0
    assert surface_distance(ball(5), nothing, SPACING).mean == math.inf
