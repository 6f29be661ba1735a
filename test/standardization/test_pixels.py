"""Dead and hot pixels and lines are found; bones, screws, edges and noise are not taken for
them.
"""

from __future__ import annotations

from bodies import expose, round_opening, screw, SIZE, trunk
import numpy as np
import pytest

from ixgs_ros.standardization.pixels import find_defects, local_noise

PATIENT = trunk(0.13) + screw()


def logarithm(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    usable = counts > 0
    return np.where(usable, -np.log(np.maximum(counts, 1) / 4e4), 14).astype(np.float32), usable


def line_integrals(photons: float, seed: int = 0) -> np.ndarray:
    return logarithm(expose(PATIENT, photons, seed=seed))[0]


@pytest.mark.parametrize('photons', [1e4, 1e5, 1e7])
def test_a_healthy_detector_has_no_defects(photons: float) -> None:
    """Among them two screws and the edges of the vertebrae."""
    found = [find_defects(*logarithm(expose(PATIENT, photons, seed=seed))).mean()
             for seed in range(3)]
    assert max(found) < 5e-4


@pytest.mark.parametrize('factor', [0.2, 0.6, 1.7, 5.0])
def test_single_and_paired_pixels(factor: float) -> None:
    counts = expose(PATIENT, 1e6).astype(np.float64)
    places = [(5, 9), (40, 100), (41, 100), (120, 60), (0, 50), (191, 191), (77, 0)]
    for place in places:
        counts[place] *= factor
    found = find_defects(*logarithm(np.maximum(np.rint(counts), 1)))
    assert all(found[place] for place in places)
    assert found.sum() < len(places) + 10


@pytest.mark.parametrize('factor', [0.8, 1.3])
def test_rows_columns_and_parts_of_them(factor: float) -> None:
    counts = expose(PATIENT, 1e6).astype(np.float64)
    counts[60] *= factor
    counts[:, 150] *= factor
    counts[96:, 30] *= factor
    found = find_defects(*logarithm(np.rint(counts)))
    assert found[60].mean() > 0.99 and found[:, 150].mean() > 0.99
    assert found[96:, 30].mean() > 0.95 and found[:96, 30].mean() < 0.05
    assert found.mean() < 3 / SIZE


def test_the_edge_of_the_field_is_no_line_of_defects() -> None:
    opening = np.zeros((SIZE, SIZE))
    opening[30:160, 25:170] = 1.0
    y, usable = logarithm(expose(PATIENT, 1e6, opening=opening))
    assert find_defects(y, usable).mean() < 5e-4
    y, usable = logarithm(expose(PATIENT, 1e6, opening=0.01 + round_opening(95, 95, 80)))
    assert find_defects(y, usable).mean() < 5e-4


def test_masked_pixels_are_neither_judged_nor_neighbours() -> None:
    y = line_integrals(1e6)
    usable = np.ones(y.shape, dtype=bool)
    usable[50:60, 50:60] = False
    y[50:60, 50:60] = 14.0
    found = find_defects(y, usable)
    assert not found[45:65, 45:65].any()


def test_noise_estimate_is_that_of_the_photons() -> None:
    """The deviation of -ln(N) is 1 / sqrt(N)."""
    y = np.add.outer(np.zeros(200), np.linspace(1, 3, 200))
    noisy = logarithm(expose(y, 1e5))[0]
    expected = 1 / np.sqrt(1e5 * np.exp(-y))
    np.testing.assert_allclose(local_noise(noisy).mean(axis=0)[10:-10],
                               expected[0, 10:-10], rtol=0.06)
