"""The standardizer: masks where there is nothing to measure, weights that are photons, no more."""

from __future__ import annotations

from bodies import AIR, expose, round_opening, SIZE, trunk, view
import numpy as np
import pytest

from ixgs_ros.parameters import build
from ixgs_ros.shot import Shot
from ixgs_ros.standardization import (
    counts_to_line_integrals,
    PhysicsConfig,
    Standardizer,
    StandardizerConfig,
)
from ixgs_ros.standardization.weights import photon_weights, WEIGHT_FLOOR
from ixgs_ros.verdict import Code, Refusal

BODY = trunk(0.13)
OPENING = round_opening(95.5, 95.5, 85)


def shot(counts: np.ndarray) -> Shot:
    image = counts_to_line_integrals(counts, build(PhysicsConfig, {'air_counts': AIR}))
    return Shot(7, 123, view(), image.line_integrals, image.weights, exposure_offset=0.25)


def counts_with_defects() -> np.ndarray:
    counts = expose(BODY, 1e6, OPENING)
    counts[90, 100] = 60_000
    counts[70] //= 2
    return counts


def test_masks_the_collimator_and_the_defects_and_nothing_else() -> None:
    result = Standardizer().standardize(shot(counts_with_defects()))
    masked = result.weights == 0
    assert masked[OPENING == 0].all()
    assert masked[90, 100] and masked[70].all()
    inside = OPENING == 1
    inside[70], inside[90, 100] = False, False
    assert masked[inside].mean() < 0.03


def test_weights_are_the_photons_relative_to_air() -> None:
    result = Standardizer().standardize(shot(expose(BODY, 1e7)))
    np.testing.assert_allclose(result.weights, np.maximum(np.exp(-BODY), WEIGHT_FLOOR), rtol=0.2)
    assert result.weights.max() <= 1


def test_everything_but_the_weights_stays() -> None:
    before = shot(counts_with_defects())
    after = Standardizer().standardize(before)
    np.testing.assert_array_equal(after.line_integrals, before.line_integrals)
    assert (after.id, after.stamp_ns, after.view) == (before.id, before.stamp_ns, before.view)
    assert after.exposure_offset == 0.25 and after.quantity == 'attenuation'


def test_twice_is_as_once() -> None:
    once = Standardizer().standardize(shot(counts_with_defects()))
    twice = Standardizer().standardize(once)
    assert ((twice.weights == 0) != (once.weights == 0)).mean() < 1e-3


def test_what_was_masked_stays_masked() -> None:
    before = shot(expose(BODY, 1e6))
    before.weights[20:30, 40:50] = 0
    assert (Standardizer().standardize(before).weights[20:30, 40:50] == 0).all()


def test_masks_can_be_switched_off() -> None:
    config = StandardizerConfig(collimator='none', dead_pixels=False)
    before = shot(counts_with_defects())
    after = Standardizer(config).standardize(before)
    np.testing.assert_array_equal(after.weights == 0, before.weights == 0)


def test_a_shot_of_which_nothing_remains_is_refused() -> None:
    before = shot(expose(BODY, 1e6))
    before.weights[:] = 0
    before.weights[:3, :3] = 1
    with pytest.raises(Refusal, match='of the pixels remain') as caught:
        Standardizer().standardize(before)
    assert caught.value.verdict.code is Code.NO_SIGNAL


def test_photon_weights_are_floored_and_bounded() -> None:
    y = np.array([[-1.0, 0.0, 1.0, 12.0]])
    found = photon_weights(y, np.array([[True, True, True, True]]))
    np.testing.assert_allclose(found, [[1, 1, np.exp(-1), WEIGHT_FLOOR]], rtol=1e-6)
    assert photon_weights(y, np.zeros((1, 4), dtype=bool)).max() == 0


def test_shape_of_the_view_is_kept() -> None:
    result = Standardizer().standardize(shot(expose(BODY)))
    assert result.weights.shape == (SIZE, SIZE) and result.weights.dtype == np.float32
