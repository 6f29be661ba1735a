"""Weights from the residuals."""

import dataclasses

import numpy as np
import pytest
from reconstruction_scene import BODY, CARM, configure, take

from ixgs_ros.geometry.orbits import random_stations
from ixgs_ros.reconstruction.measurement import measure
from ixgs_ros.reconstruction.noise import Noise, noise_of, weighted


@pytest.fixture
def measurement():
    shots = take(BODY, [CARM.view(station) for station in random_stations(1, 0)])
    m = measure(shots[0], np.zeros(3), configure())
    photons = np.random.default_rng(0).uniform(0.02, 1.0, m.values.shape).astype(np.float32)
    return dataclasses.replace(m, photons=photons)


@pytest.mark.parametrize('model, photon', [(0.04, 0.0), (0.0, 0.01), (0.02, 0.004)])
def test_the_two_parts_are_read_off_the_residuals(measurement, model, photon):
    deviation = np.sqrt(model + photon / measurement.photons)
    residual = np.random.default_rng(1).normal(0.0, deviation).astype(np.float32)
    found = noise_of([measurement], [residual])
    assert found.model + found.photon == pytest.approx(model + photon, rel=0.3, abs=0.004)
    assert (found.model > found.photon) == (model > photon)


def test_what_the_model_lacks_weighs_all_pixels_alike_and_photons_by_their_number(measurement):
    fitted = measurement.weights > 0
    flat = weighted(measurement, Noise(1.0, 0.0)).weights
    np.testing.assert_allclose(flat[fitted], 1.0, rtol=1e-5)
    assert (flat[~fitted] == 0).all()
    counted = weighted(measurement, Noise(0.0, 1.0)).weights[fitted]
    share = measurement.photons[fitted]
    np.testing.assert_allclose(counted, share / share.mean(), rtol=1e-4)
