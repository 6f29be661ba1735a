"""The panel: noise of photons and electronics, residuals, defects, saturation."""

import numpy as np
import pytest

from ixgs_ros.simulation.physics.blur import panel_blur
from ixgs_ros.simulation.physics.panel import (
    calibration_residual,
    draw_defects,
    measured_mean,
    normal,
    quantum_noise,
    saturate,
)

SIZE = (200, 200)


@pytest.fixture
def rng():
    return np.random.default_rng(1)


def neighbours_correlation(noise):
    noise = noise - noise.mean()
    return float((noise[:, 1:] * noise[:, :-1]).mean() / (noise ** 2).mean())


def test_normal_numbers_are_normal_and_follow_the_seed(rng):
    numbers, more = normal(SIZE, rng), normal(SIZE, rng)
    assert numbers.mean() == pytest.approx(0.0, abs=0.02)
    assert numbers.std() == pytest.approx(1.0, abs=0.02)
    assert abs(np.corrcoef(numbers.ravel(), more.ravel())[0, 1]) < 0.02
    assert abs(neighbours_correlation(numbers)) < 0.02
    assert np.array_equal(numbers, normal(SIZE, np.random.default_rng(1)))


@pytest.mark.parametrize('photons', [100.0, 1e4])
def test_variance_is_the_mean_over_swank(photons, rng):
    counts = quantum_noise(np.full(SIZE, photons, np.float32), 0.8, rng)
    assert counts.mean() == pytest.approx(photons, rel=0.005)
    assert counts.var() == pytest.approx(photons / 0.8, rel=0.05)


def test_blur_after_the_photons_makes_noise_smaller_and_correlated(rng):
    counts = quantum_noise(np.full(SIZE, 1000.0, np.float32), 1.0, rng)
    blurred = panel_blur(counts, 0.4)
    assert abs(neighbours_correlation(counts)) < 0.02
    assert neighbours_correlation(blurred) > 0.2
    assert blurred.var() < 0.7 * counts.var()


def test_calibration_leaves_pixels_columns_and_an_offset(rng):
    counts = np.full(SIZE, 1000.0, np.float32)
    assert calibration_residual(counts, 0.01, 0.0, 5.0, rng).std() == pytest.approx(10, rel=0.05)
    columns = calibration_residual(counts, 0.0, 0.01, 5.0, rng)
    assert columns.std(axis=0).max() == pytest.approx(0.0, abs=0.01)
    assert columns.std() == pytest.approx(10.0, rel=0.2)
    assert columns.mean() == pytest.approx(1005.0, abs=3.0)


def test_defects_are_as_many_as_said(rng):
    assert draw_defects(SIZE, 0.01, 0.0, rng).mean() == pytest.approx(0.01, rel=0.2)
    lines = draw_defects(SIZE, 0.0, 2.0, rng)
    assert lines.all(axis=0).sum() + lines.all(axis=1).sum() == 2


def test_saturation_clips_and_defects_do_not_measure(rng):
    counts = np.full(SIZE, 50.0, np.float32)
    counts[:10] = 500.0
    defective = np.zeros(SIZE, dtype=bool)
    defective[100] = True
    signal = saturate(counts, 300.0, defective, rng)
    assert signal.counts.max() == 300.0
    assert signal.saturated[:10].all() and not signal.saturated[10:].any()
    assert set(np.unique(signal.counts[100])) == {0.0, 300.0}


def test_automatic_exposure_measures_the_middle():
    light = np.ones(SIZE, np.float32)
    light[80:120, 80:120] = 0.5
    assert 0.5 < measured_mean(light) < 0.9
    light[:50] = 100.0
    assert measured_mean(light) < 0.9
