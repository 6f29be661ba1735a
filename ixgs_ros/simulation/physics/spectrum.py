"""The beam of the tube, as few energies as do."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

import cv2
import numpy as np

# A scintillator of caesium iodide, about 0.55 mm at three quarters of its density.
CSI_KG_PER_M2 = 2.0
ALUMINIUM_KG_PER_M3, COPPER_KG_PER_M3 = 2699.0, 8960.0
ENERGIES = 14          # of the reduced beam
REFERENCE_WATER = 75.0  # kg/m²: behind it, the reduced energies share the signal evenly

CHUNK = 4096           # pixels at a time stay in the cache


@dataclass(frozen=True, eq=False)
class Beam:
    """What the panel measures of a beam, energy by energy.

    Args:
        weights: (n,) float32, share of the signal in air; their sum is 1.
        attenuation: (4, n) float32, m²/kg of water, mineral, iodine and metal.
    """

    weights: np.ndarray
    attenuation: np.ndarray


@cache
def tables() -> dict[str, np.ndarray]:
    """Return the content of spectra.npz (see tools/make_spectra.py), float64."""
    with resources.files(__package__).joinpath('spectra.npz').open('rb') as file:
        with np.load(file) as stored:
            return {name: stored[name].astype(np.float64) for name in stored.files}


def spectrum(kvp: float, aluminium_mm: float = 0.0, copper_mm: float = 0.0) -> np.ndarray:
    """Return photons per energy (n,) behind filters, relative; the energies are the tables'.

    Between two tabulated voltages the spectra are mixed.

    Raises:
        ValueError: the voltage is not tabulated.
    """
    table = tables()
    voltages = table['kvp']
    if not voltages[0] <= kvp <= voltages[-1]:
        raise ValueError(f'expected {voltages[0]:g} to {voltages[-1]:g} kV, got {kvp:g} kV')
    above = max(1, int(np.searchsorted(voltages, kvp)))
    share = (kvp - voltages[above - 1]) / (voltages[above] - voltages[above - 1])
    tube = (1.0 - share) * table['spectra'][above - 1] + share * table['spectra'][above]
    filters = (1e-3 * aluminium_mm * ALUMINIUM_KG_PER_M3 * table['aluminium_m2_per_kg']
               + 1e-3 * copper_mm * COPPER_KG_PER_M3 * table['copper_m2_per_kg'])
    return tube * np.exp(-filters)


def full_beam(kvp: float, aluminium_mm: float, copper_mm: float, metal: str) -> Beam:
    """Return the beam at all tabulated energies.

    The panel integrates energy, so the signal is photons times energy times absorption.
    """
    signal = spectrum(kvp, aluminium_mm, copper_mm) * _response()
    return _beam(signal, _attenuation(metal))


@cache
def _response() -> np.ndarray:
    """Return what the panel measures of a photon of each tabulated energy (n,), keV."""
    table = tables()
    return table['energies_kev'] * -np.expm1(-CSI_KG_PER_M2 * table['csi_m2_per_kg'])


@cache
def _attenuation(metal: str) -> np.ndarray:
    """Return the attenuation (4, n) of water, mineral, iodine and the metal, m²/kg."""
    return np.stack([tables()[f'{name}_m2_per_kg']
                     for name in ('water', 'mineral', 'iodine', metal)])


def reduced_beam(kvp: float, aluminium_mm: float, copper_mm: float, metal: str) -> Beam:
    """Return the beam as :data:`ENERGIES` groups of neighbouring energies.

    The groups share evenly what passes some water, since that is what the panel sees; a group's
    attenuation is the mean over what it shows there.
    """
    full = full_beam(kvp, aluminium_mm, copper_mm, metal)
    passed = full.weights * np.exp(-REFERENCE_WATER * full.attenuation[0])
    before = (np.cumsum(passed) - 0.5 * passed) / passed.sum()
    groups = np.minimum((before * ENERGIES).astype(int), ENERGIES - 1)
    member = (groups == np.arange(ENERGIES)[:, None]).astype(np.float64)
    member = member[member.sum(axis=1) > 0]
    shares = member * passed
    attenuation = full.attenuation @ (shares / shares.sum(axis=1, keepdims=True)).T
    return _beam(member @ full.weights, attenuation)


def _beam(signal: np.ndarray, attenuation: np.ndarray) -> Beam:
    return Beam((signal / signal.sum()).astype(np.float32), attenuation.astype(np.float32))


def transmission(areas: np.ndarray, beam: Beam) -> np.ndarray:
    """Return the share (H, W) float32 of the signal in air that passes.

    ``sum_k w_k exp(-sum_m area_m mu_mk)`` (Beer and Lambert, energy by energy).

    Args:
        areas: (4, H, W) kg/m².
        beam: of how many energies soever.
    """
    flat = areas.reshape(len(areas), -1)
    passed = np.empty(flat.shape[1], dtype=np.float32)
    for start in range(0, flat.shape[1], CHUNK):
        depth = -beam.attenuation.T @ flat[:, start:start + CHUNK]
        passed[start:start + CHUNK] = beam.weights @ cv2.exp(depth, depth)
    return passed.reshape(areas.shape[1:])
