"""Counts to line integrals: exact, never guessed, and refused by name."""

from __future__ import annotations

from bodies import AIR, expose, round_opening, SIZE, trunk
from hypothesis import given, settings, strategies
import numpy as np
import pytest

from ixgs_ros.parameters import build
from ixgs_ros.standardization import counts_to_line_integrals, PhysicsConfig
from ixgs_ros.standardization.beer_lambert import MAX_LINE_INTEGRAL, MIN_SIDE
from ixgs_ros.standardization.weights import WEIGHT_FLOOR
from ixgs_ros.verdict import Code, Refusal

WIDE, NARROW = trunk(0.14), trunk(0.06)


def physics(**values: object) -> PhysicsConfig:
    return build(PhysicsConfig, values)


def test_line_integrals_are_minus_the_logarithm_of_the_transmission() -> None:
    counts = (60_000 * np.exp(-WIDE)).astype(np.float64)
    image = counts_to_line_integrals(counts, physics(air_counts=60_000.0))
    np.testing.assert_allclose(image.line_integrals, WIDE, atol=1e-5)
    np.testing.assert_allclose(image.weights, np.maximum(np.exp(-WIDE), WEIGHT_FLOOR), rtol=1e-4)
    assert image.air_counts == 60_000 and not image.air_visible
    assert image.line_integrals.dtype == image.weights.dtype == np.float32


@settings(max_examples=25, deadline=None)
@given(gain=strategies.floats(0.05, 20.0), air=strategies.floats(100.0, 1e5))
def test_scaling_counts_and_air_together_changes_nothing(gain: float, air: float) -> None:
    """Nothing is normalised by the image's own range."""
    transmission = np.exp(-WIDE)
    one = counts_to_line_integrals(air * transmission, physics(air_counts=air))
    other = counts_to_line_integrals(gain * air * transmission, physics(air_counts=gain * air))
    np.testing.assert_allclose(one.line_integrals, other.line_integrals, atol=1e-5)


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16, np.float32, np.float64])
def test_every_dtype(dtype: type) -> None:
    y = 0.5 * WIDE
    counts = np.rint(200 * np.exp(-y)).astype(dtype)
    image = counts_to_line_integrals(counts, physics(air_counts=200.0))
    half_a_count = 0.5 / (200 * np.exp(-y))
    assert (np.abs(image.line_integrals - y) < 1.2 * half_a_count).all()


def test_air_is_taken_from_the_image_and_so_frees_it_of_the_exposure() -> None:
    for gain in (0.6, 1.0, 1.5):
        image = counts_to_line_integrals(expose(NARROW, 1e5, air=gain * AIR), physics())
        assert image.air_visible
        assert image.air_counts == pytest.approx(gain * AIR, rel=2e-3)
        assert np.median(image.line_integrals - NARROW) == pytest.approx(0, abs=3e-3)


def test_visible_air_overrules_the_parameter_where_it_can_be_air() -> None:
    image = counts_to_line_integrals(expose(NARROW, air=1.3 * AIR), physics(air_counts=AIR))
    assert image.air_visible and image.air_counts == pytest.approx(1.3 * AIR, rel=5e-3)
    behind = counts_to_line_integrals(expose(NARROW + 1.0), physics(air_counts=AIR))
    assert not behind.air_visible and behind.air_counts == AIR  # a plateau of 1/e is a plate


def test_without_air_and_parameter_it_is_refused_with_the_remedy() -> None:
    with pytest.raises(Refusal, match='parameter air_counts') as caught:
        counts_to_line_integrals(expose(WIDE), physics())
    assert caught.value.verdict.code is Code.NO_SIGNAL


def test_pixels_without_signal_are_masked_and_finite() -> None:
    counts = expose(WIDE, 1e6)
    counts[10, 20:25] = 0
    image = counts_to_line_integrals(counts, physics(air_counts=AIR))
    assert (image.weights[10, 20:25] == 0).all()
    assert (image.line_integrals[10, 20:25] == MAX_LINE_INTEGRAL).all()
    assert np.isfinite(image.line_integrals).all()
    floats = counts.astype(np.float32)
    floats[11, 3:6] = [np.nan, np.inf, -5.0]
    image = counts_to_line_integrals(floats, physics(air_counts=AIR))
    assert (image.weights[11, 3:6] == 0).all() and np.isfinite(image.line_integrals).all()


def test_noise_above_air_is_kept_below_zero() -> None:
    """Cutting at 0 would make the air of every shot a little too dense."""
    image = counts_to_line_integrals(expose(NARROW, 1e3), physics(air_counts=AIR))
    air = image.line_integrals[NARROW == 0]
    assert air.min() < -0.05 and np.mean(air) == pytest.approx(0, abs=2e-3)
    assert image.weights.max() <= 1


def test_saturated_pixels_are_masked_and_too_many_refused() -> None:
    counts = expose(NARROW, air=60_000.0).astype(np.float64) * 1.2
    clipped = np.minimum(counts, 65_535).astype(np.uint16)
    share = (clipped == 65_535).mean()
    assert 0.1 < share < 0.5
    image = counts_to_line_integrals(clipped, physics(air_counts=72_000.0, max_saturated=0.6))
    assert ((image.weights == 0) == (clipped == 65_535)).all()
    assert not image.air_visible  # saturated air is no measurement
    with pytest.raises(Refusal, match=f'{share:.1%} of the pixels.*at most 10.0%') as caught:
        counts_to_line_integrals(clipped, physics(air_counts=72_000.0, max_saturated=0.1))
    assert caught.value.verdict.code is Code.SATURATED


def test_a_detector_of_12_bits_saturates_at_its_own_full_scale() -> None:
    counts = np.minimum(expose(NARROW, air=5000.0), 4095).astype(np.uint16)
    values = physics(air_counts=5000.0, full_scale=4095.0, max_saturated=1.0)
    image = counts_to_line_integrals(counts, values)
    assert ((image.weights == 0) == (counts >= 4095)).all()


@pytest.mark.parametrize(('full_scale', 'stored'), [(0.0, 65_535), (4095.0, 4095)])
def test_inverted_images(full_scale: float, stored: int) -> None:
    counts = expose(WIDE, air=4000.0)
    plain = counts_to_line_integrals(counts, physics(air_counts=4000.0))
    flipped = counts_to_line_integrals((stored - counts).astype(np.uint16), physics(
        air_counts=4000.0, inverted=True, full_scale=full_scale))
    np.testing.assert_allclose(flipped.line_integrals, plain.line_integrals, atol=1e-5)
    np.testing.assert_array_equal(flipped.weights, plain.weights)


def test_inverted_floats_need_the_full_scale() -> None:
    floats = 1.0 - np.exp(-WIDE)
    with pytest.raises(Refusal, match='full_scale') as caught:
        counts_to_line_integrals(floats, physics(air_counts=1.0, inverted=True))
    assert caught.value.verdict.code is Code.UNSUPPORTED_ENCODING
    image = counts_to_line_integrals(floats, physics(air_counts=1.0, inverted=True,
                                                     full_scale=1.0))
    np.testing.assert_allclose(image.line_integrals, WIDE, atol=1e-3)


def test_logarithmic_images_are_taken_as_they_are() -> None:
    image = counts_to_line_integrals(WIDE.astype(np.float32), physics(already_log=True))
    np.testing.assert_allclose(image.line_integrals, WIDE, rtol=1e-6)
    assert image.air_counts == 0 and not image.air_visible
    stored = np.rint(WIDE * 5000).astype(np.uint16)
    image = counts_to_line_integrals(stored, physics(already_log=True, log_scale=1 / 5000))
    np.testing.assert_allclose(image.line_integrals, WIDE, atol=2e-4)


def test_visible_air_of_a_logarithmic_image_becomes_zero() -> None:
    y = -np.log(np.maximum(expose(NARROW, 1e5), 1) / AIR)
    image = counts_to_line_integrals((y - 0.2).astype(np.float32), physics(already_log=True))
    assert image.air_visible
    assert np.median(image.line_integrals[NARROW == 0]) == pytest.approx(0, abs=2e-3)


@pytest.mark.parametrize(('counts', 'sentence'), [
    (np.zeros((SIZE, SIZE), dtype=np.uint16), 'no pixel of 36864 is positive'),
    (np.full((SIZE, SIZE), 1234, dtype=np.uint16), 'all pixels are 1234'),
    (expose(np.full((SIZE, SIZE), 9.5), 1e6), 'brightest hundredth'),
    (expose(WIDE, opening=round_opening(9, 9, 8)), 'brightest hundredth'),
])
def test_images_without_content_are_refused(counts: np.ndarray, sentence: str) -> None:
    with pytest.raises(Refusal, match=sentence) as caught:
        counts_to_line_integrals(counts, physics(air_counts=AIR))
    assert caught.value.verdict.code is Code.NO_SIGNAL


def test_a_dark_but_usable_image_is_accepted() -> None:
    """A lateral view of a large abdomen: line integrals of 6.1 to 7.5 everywhere."""
    image = counts_to_line_integrals(expose(WIDE * 0.5 + 4.5, 1e6), physics(air_counts=AIR))
    assert (image.weights > 0).mean() > 0.98


def test_an_image_of_black_and_saturated_pixels_alone_is_refused() -> None:
    """Few enough are saturated, yet none is left that measures."""
    counts = np.zeros((SIZE, SIZE), dtype=np.uint16)
    counts[:SIZE // 5] = 65535
    with pytest.raises(Refusal, match='all 7296 pixels with a signal are at the full scale of '
                                      '65535 counts') as caught:
        counts_to_line_integrals(counts, physics(air_counts=AIR))
    assert caught.value.verdict.code is Code.SATURATED


@pytest.mark.parametrize(('height', 'width'), [(1, 128), (128, 1), (31, 512), (0, 64)])
def test_an_image_too_small_to_be_a_shot_is_refused_by_its_size(height: int, width: int) -> None:
    with pytest.raises(Refusal, match=f'{height} rows by {width} columns; expected at least '
                                      '32 of each') as caught:
        counts_to_line_integrals(np.full((height, width), 900, np.uint16), physics())
    assert caught.value.verdict.code is Code.SIZE_MISMATCH


def test_the_smallest_shot_is_accepted() -> None:
    least = expose(WIDE[:MIN_SIDE, :MIN_SIDE], 1e6)
    image = counts_to_line_integrals(least, physics(air_counts=AIR))
    assert image.line_integrals.shape == (MIN_SIDE, MIN_SIDE)
