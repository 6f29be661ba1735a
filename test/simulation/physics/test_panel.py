"""The panel: noise of photons and electronics, residuals, defects, saturation."""

import numpy as np
import pytest

from ixgs_ros.simulation.physics.blur import panel_blur
from ixgs_ros.simulation.physics.panel import (
    calibration_residual,
    draw_defects,
    electronic_noise,
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


def noise_power(noise):
    """Return the noise power (H = W) near frequency 0 and at the Nyquist frequency of rows."""
    power = np.abs(np.fft.fft2(noise - noise.mean())) ** 2 / noise.size
    middle = len(noise) // 2
    near_zero = power[0:6, 0:6].ravel()[1:].mean()
    return near_zero, power[middle - 3:middle + 4, 0:4].mean()


def test_the_noise_power_of_photons_falls_with_the_square_of_the_panels_transfer(rng):
    """White before the panel's blur; after it, as it was at low and MTF² at Nyquist frequency."""
    mtf, photons = 0.4, 1000.0
    fields = [quantum_noise(np.full((128, 128), photons, np.float32), 1.0, rng)
              for _ in range(30)]
    white = np.mean([noise_power(field) for field in fields], axis=0)
    blurred = np.mean([noise_power(panel_blur(field, mtf)) for field in fields], axis=0)
    assert white == pytest.approx([photons, photons], rel=0.1)
    assert blurred == pytest.approx([photons, mtf ** 2 * photons], rel=0.1)
    side = (1.0 - mtf) / 4.0                        # of the taps (side, 1 - 2 side, side)
    middle = 1.0 - 2.0 * side
    squares = middle ** 2 + 2.0 * side ** 2
    found = panel_blur(fields[0], mtf)
    assert found.var() / fields[0].var() == pytest.approx(squares ** 2, rel=0.1)
    assert neighbours_correlation(found) == pytest.approx(2.0 * side * middle / squares, abs=0.05)


def test_electronic_noise_is_white_and_the_same_for_any_signal(rng):
    for level in (0.0, 1e4):
        noise = electronic_noise(np.full(SIZE, level, np.float32), 7.0, rng) - level
        assert noise.std() == pytest.approx(7.0, rel=0.03)
        assert noise.mean() == pytest.approx(0.0, abs=0.2)
        assert abs(neighbours_correlation(noise)) < 0.02


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
