"""Air is found where it is to be seen, and nowhere else."""

from __future__ import annotations

from bodies import AIR, ellipsoid, expose, rectangular_opening, round_opening, SIZE, trunk, WATER
import numpy as np
import pytest

from ixgs_ros.standardization.air import find_air


def air_of(counts: np.ndarray) -> float | None:
    return find_air(counts.astype(np.float32), counts > 0)


@pytest.mark.parametrize('photons', [3e3, 2e4, 1e6])
@pytest.mark.parametrize('width', [0.05, 0.08])
def test_air_beside_a_narrow_body_is_measured(width: float, photons: float) -> None:
    for seed in range(3):
        found = air_of(expose(trunk(width), photons, seed=seed))
        assert found is not None
        assert found == pytest.approx(AIR, rel=5e-3)


@pytest.mark.parametrize('photons', [3e3, 2e4, 1e6])
@pytest.mark.parametrize('width', [0.125, 0.16, 0.25])
def test_no_air_where_the_body_covers_the_field(width: float, photons: float) -> None:
    """The lungs' gas is the brightest there, 3 to 30 times darker than air."""
    for seed in range(3):
        assert air_of(expose(trunk(width), photons, seed=seed)) is None


def test_no_air_in_the_tissue_of_a_wide_body_however_bright() -> None:
    """Without bone, thin and smooth: the brightest part is an edge's slope, not a spike."""
    thin = ellipsoid((0.02, 0, 0), (0.2, 0.3, 0.02), WATER)
    assert air_of(expose(thin, 1e6)) is None


def test_a_bubble_of_gas_is_not_air() -> None:
    """A flat-walled bubble is even, but it does not reach the border."""
    y = np.full((SIZE, SIZE), 3.0)
    y += np.linspace(0, 1, SIZE)
    y[60:120, 60:120] = 1.0
    assert air_of(expose(y)) is None
    y[60:120, :120] = 1.0  # the same, open to the side, cannot be told from air: it is air
    assert air_of(expose(y)) == pytest.approx(AIR * np.exp(-1.0), rel=5e-3)


def test_a_table_seen_along_its_edge_is_not_air() -> None:
    """Bright, at the border, and even to some percent only, as the couch of a real CT is."""
    y = trunk(0.16)
    column = np.linspace(0, 1, 25)
    y[:, -25:] = 0.35 + 0.06 * column + 0.03 * np.sin(12 * column)
    assert air_of(expose(y, 1e5)) is None


def test_empty_images_prove_nothing() -> None:
    assert air_of(expose(np.zeros((SIZE, SIZE)))) is None
    assert air_of(expose(np.full((SIZE, SIZE), 2.0))) is None


def test_nothing_but_a_collimator_proves_nothing() -> None:
    opening = round_opening(95, 95, 80)
    assert air_of(expose(np.zeros((SIZE, SIZE)), opening=opening)) is None


@pytest.mark.parametrize('opening', [
    round_opening(92, 99, 85), rectangular_opening(96, 90, (85, 70))])
def test_air_is_found_inside_a_collimator(opening: np.ndarray) -> None:
    assert air_of(expose(trunk(0.05), opening=opening)) == pytest.approx(AIR, rel=5e-3)


@pytest.mark.parametrize('opening', [
    round_opening(92, 99, 85), rectangular_opening(96, 90, (85, 70))])
def test_no_air_inside_a_collimator_full_of_body(opening: np.ndarray) -> None:
    assert air_of(expose(trunk(0.16), opening=opening)) is None


def test_half_a_percent_of_hot_pixels_does_not_hide_it() -> None:
    counts = expose(trunk(0.06))
    rng = np.random.default_rng(0)
    counts[tuple(rng.integers(0, SIZE, (2, 60)))] = 65535
    usable = (counts > 0) & (counts < 65535)
    assert find_air(counts.astype(np.float32), usable) == pytest.approx(AIR, rel=5e-3)


@pytest.mark.parametrize('size', [64, 100, 512])
def test_works_at_any_size(size: int) -> None:
    assert air_of(expose(trunk(0.06, size), 1e5)) == pytest.approx(AIR, rel=5e-3)
    assert air_of(expose(trunk(0.16, size), 1e5)) is None


def test_too_small_an_image_shows_nothing() -> None:
    assert air_of(expose(trunk(0.06, 12))) is None
