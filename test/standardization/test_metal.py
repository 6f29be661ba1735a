"""Metal is found and masked; bones, organs, noise and the collimator's edge are not."""

from __future__ import annotations

from bodies import AIR, ellipsoid, expose, round_opening, screw, SIZE, trunk, view
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
from ixgs_ros.standardization.metal import find_metal

BODY = trunk(0.13)
EVERYWHERE = np.ones(BODY.shape, dtype=bool)


def wire() -> np.ndarray:
    """A steel K-wire of 2 mm, 20 cm long, oblique: 600/m over at most 2 mm."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    distance = np.abs(0.8 * (columns - 95.5) - 0.6 * (rows - 95.5)) * 0.2 / SIZE
    return 600 * 2 * np.sqrt(np.maximum(0.001 ** 2 - distance ** 2, 0))


def retractor() -> np.ndarray:
    """A steel blade, 20 mm wide and 3 mm thick, that reaches in from the border."""
    y = np.zeros(BODY.shape)
    y[:90, 40:60] = 1.8
    return y


def line_integrals(y: np.ndarray, photons: float = 1e5) -> np.ndarray:
    counts = expose(y, photons)
    return counts_to_line_integrals(counts, build(PhysicsConfig, {'air_counts': AIR})
                                    ).line_integrals


@pytest.mark.parametrize('metal', [screw(), wire(), retractor()], ids=['screws', 'wire', 'blade'])
def test_metal_is_found(metal):
    found = find_metal(line_integrals(BODY + metal), EVERYWHERE)
    thick = metal > 0.6 * metal.max()
    assert found[thick].mean() > 0.9
    assert found[metal == 0].mean() < 0.02


@pytest.mark.parametrize('photons', [1e3, 1e4, 1e6])
def test_a_body_without_metal_has_none(photons):
    bone = BODY + ellipsoid((-0.05, 0, 0), (0.006, 0.08, 0.006), 40.0)   # a dense rib
    assert find_metal(line_integrals(bone, photons), EVERYWHERE).mean() < 2e-3


def test_the_collimator_is_no_metal():
    opening = round_opening(95.5, 95.5, 70)
    found = find_metal(line_integrals(BODY + 6 * (1 - opening)), opening == 1)
    assert not found.any()


def test_masked_metal_has_no_weight_and_kept_metal_has():
    y = line_integrals(BODY + screw()).astype(np.float32)
    shot = Shot(1, 1, view(), y, np.exp(-np.maximum(y, 0)))
    thick = screw() > 0.5
    assert (Standardizer().standardize(shot).weights[thick] > 0).all()
    masked = Standardizer(StandardizerConfig(metal='mask')).standardize(shot).weights
    assert (masked[thick] == 0).mean() > 0.9
    assert (masked[screw() == 0] > 0).mean() > 0.97
