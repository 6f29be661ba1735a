"""Counts: a bright, linear detector with Poisson noise; and Hounsfield units."""

from dataclasses import replace

import numpy as np
import pytest

from ixgs_ros.simulation.attenuation import attenuation, hounsfield
from ixgs_ros.simulation.counts import collimator_opening, DetectorConfig, expose

CLEAN = DetectorConfig(photons=0.0)
RNG = np.random.default_rng(0)


def test_water_is_20_per_metre_and_air_nothing():
    assert attenuation(np.array([0, -1000, 1000, -2048, 500], np.int16)) == pytest.approx(
        [20.0, 0.0, 40.0, 0.0, 30.0])
    assert attenuation(np.zeros((2, 2, 2))).dtype == np.float32
    assert hounsfield(attenuation(np.array([-500.0, 0.0, 3071.0]))) == pytest.approx(
        [-500, 0, 3071], abs=1e-3)


def test_clean_counts_follow_beer_and_lambert():
    y = np.linspace(0, 6, 200).reshape(10, 20)
    counts = expose(y, CLEAN, 1.0, RNG)
    assert counts.dtype == np.uint16
    assert counts[0, 0] == 50_000
    assert np.abs(counts - 50_000 * np.exp(-y)).max() <= 0.5


def test_a_wrong_exposure_shifts_the_line_integrals():
    y = np.full((8, 8), 2.0)
    counts = expose(y, CLEAN, 1.3, RNG)
    assert -np.log(counts / 50_000) == pytest.approx(2.0 - np.log(1.3), abs=1e-3)


def test_noise_is_that_of_the_photons():
    y = np.full((400, 400), 1.5)
    photons = 2000.0
    counts = expose(y, DetectorConfig(photons=photons), 1.0, np.random.default_rng(1))
    expected = photons * np.exp(-1.5)
    assert counts.mean() == pytest.approx(50_000 * np.exp(-1.5), rel=0.001)
    assert (counts.mean() / counts.std()) ** 2 == pytest.approx(expected, rel=0.02)


def test_a_saturated_detector_clips_and_does_not_wrap():
    counts = expose(np.zeros((4, 4)), CLEAN, 5.0, RNG)
    assert (counts == 65_535).all()
    assert (expose(np.zeros((4, 4)), replace(CLEAN, full_scale=4095), 1.0, RNG) == 4095).all()


def test_where_nothing_passes_the_detector_stays_dark():
    assert (expose(np.full((4, 4), np.inf), DetectorConfig(), 1.0, RNG) == 0).all()


def test_the_collimator_is_a_round_opening():
    opening = collimator_opening((101, 101), 0.8)
    y, x = np.indices(opening.shape) - 50
    assert (opening[np.hypot(x, y) < 39] == 1).all()
    assert (opening[np.hypot(x, y) > 42] == 0).all()
    assert opening.sum() == pytest.approx(np.pi * 40.4 ** 2, rel=0.01)
    counts = expose(np.zeros((101, 101)), replace(CLEAN, collimator=0.8), 1.0, RNG)
    assert counts[0, 0] == 0 and counts[50, 50] == 50_000
