"""The collimator's field is found, and the patient is never cut."""

from __future__ import annotations

from bodies import expose, rectangular_opening, round_opening, screw, SIZE, trunk
import numpy as np
import pytest

from ixgs_ros.standardization.collimator import find_field

BODIES = {'narrow': trunk(0.05), 'wide': trunk(0.14), 'with screws': trunk(0.14) + screw()}
ROUND = [(95.5, 95.5, 80.0), (88.0, 101.0, 93.0), (100.0, 90.0, 110.0)]
RECTANGULAR = [(95.5, 95.5, (80.0, 60.0), 0.0), (90.0, 99.0, (70.0, 84.0), 0.2),
               (95.5, 95.5, (60.0, 300.0), 0.0)]


def overlap(mask: np.ndarray, truth: np.ndarray) -> float:
    return (mask & truth).sum() / (mask | truth).sum()


@pytest.mark.parametrize('body', BODIES)
@pytest.mark.parametrize('circle', ROUND)
def test_round(body: str, circle: tuple) -> None:
    opening = round_opening(*circle)
    field = find_field(expose(BODIES[body], opening=opening).astype(np.float32))
    assert field.shape == 'round'
    assert overlap(field.mask, opening > 0.5) > 0.97


@pytest.mark.parametrize('body', BODIES)
@pytest.mark.parametrize('rectangle', RECTANGULAR)
def test_rectangular(body: str, rectangle: tuple) -> None:
    opening = rectangular_opening(*rectangle)
    field = find_field(expose(BODIES[body], opening=opening).astype(np.float32))
    assert 'rectangular' in field.shape
    assert overlap(field.mask, opening > 0.5) > 0.95


@pytest.mark.parametrize('body', BODIES)
def test_round_with_shutters(body: str) -> None:
    opening = (round_opening(95.5, 95.5, 88)
               * rectangular_opening(95.5, 95.5, (62.0, 300.0)))
    field = find_field(expose(BODIES[body], opening=opening).astype(np.float32))
    assert overlap(field.mask, opening > 0.5) > 0.95


@pytest.mark.parametrize('photons', [2e3, 2e4, 1e6])
@pytest.mark.parametrize('body', BODIES)
def test_nothing_is_cut_without_a_collimator(body: str, photons: float) -> None:
    field = find_field(expose(BODIES[body], photons).astype(np.float32))
    assert field.shape == 'none'
    assert field.mask.all()


def test_dark_organs_and_metal_at_the_rim_stay_inside() -> None:
    """A hip's thickness at the border and a plate across it: dark, but part of the field."""
    y = trunk(0.14)
    y[130:, :60] += 5.0
    y[20:60, 150:] += 6.0
    field = find_field(expose(y).astype(np.float32))
    assert field.mask.all()
    opening = round_opening(95.5, 95.5, 85)
    field = find_field(expose(y, opening=opening).astype(np.float32))
    assert (field.mask & (opening == 1)).sum() > 0.97 * (opening == 1).sum()


def test_light_leaking_through_the_blades_is_masked_too() -> None:
    opening = 0.003 + 0.997 * round_opening(95.5, 95.5, 80)
    field = find_field(expose(trunk(0.12), opening=opening).astype(np.float32))
    assert overlap(field.mask, opening > 0.5) > 0.95


def test_blank_images_have_no_collimator() -> None:
    for level in (0.0, 1000.0):
        assert find_field(np.full((SIZE, SIZE), level, dtype=np.float32)).mask.all()


def test_a_large_image_is_masked_as_precisely() -> None:
    y = np.kron(trunk(0.1), np.ones((4, 4)))
    opening = round_opening(370.0, 400.0, 330.0, 4 * SIZE)
    field = find_field(expose(y, opening=opening).astype(np.float32))
    assert overlap(field.mask, opening > 0.5) > 0.97


def test_the_same_image_gives_the_same_field() -> None:
    image = expose(trunk(0.1), opening=round_opening(95.5, 95.5, 80)).astype(np.float32)
    np.testing.assert_array_equal(find_field(image).mask, find_field(image.copy()).mask)


@pytest.mark.parametrize('shape', [(1, 1), (1, 200), (600, 2), (3, 3000), (3, 3)])
def test_a_strip_without_a_shape_is_not_cut(shape: tuple[int, int]) -> None:
    strip = np.ones(shape, dtype=np.float32)
    strip[:, :shape[1] // 3] = 1e-3
    field = find_field(strip)
    assert field.shape == 'none' and field.mask.shape == shape and field.mask.all()
