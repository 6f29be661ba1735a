"""Write ixgs_ros/simulation/physics/spectra.npz: spectra of a tungsten tube, and attenuation.

    pip install spekpy==2.5.4      # MIT; only this tool needs it, so it is no requirement of ours
    python tools/make_spectra.py OUT.npz

Spectra: spekpy, model "kqp" (Poludniowski, Omar, Bujila & Andreo, Med. Phys. 48(7), 2021), anode
of tungsten at 12 degrees, behind 1 mm of aluminium. Attenuation: the table "nist" of spekpy, which
is NIST's XAAMDI (Hubbell & Seltzer, NISTIR 5632; total, with coherent scattering), mixed by mass.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import spekpy

ENERGIES_KEV = np.arange(15.0, 142.0, 2.0)       # middles of bins of 2 keV
KVP = np.arange(50.0, 141.0, 5.0)                # wider than the generator's range
ANODE_DEG, INHERENT_AL_MM = 12.0, 1.0
# Atomic number: share by mass.
MATERIALS = {
    'water': {1: 2 * 1.008, 8: 15.999},
    'mineral': {20: 10 * 40.078, 15: 6 * 30.974, 8: 26 * 15.999, 1: 2 * 1.008},
    'iodine': {53: 1.0},
    'titanium': {22: 1.0},
    'steel': {26: 1.0},
    'aluminium': {13: 1.0},
    'copper': {29: 1.0},
    'csi': {55: 132.905, 53: 126.904},
}


def mass_attenuation(elements: dict[int, float]) -> np.ndarray:
    """Return the mass attenuation (n,) m²/kg of a mixture given by mass, in any unit."""
    table = spekpy.Spek(mu_data_source='nist').mu_data
    total = sum(elements.values())
    per_gram = sum(share / total * table.get_mu_over_rho(number, ENERGIES_KEV)
                   for number, share in elements.items())
    return 0.1 * np.asarray(per_gram, dtype=np.float64)


def spectrum(kvp: float) -> np.ndarray:
    """Return photons per bin (n,), normalised to a sum of 1."""
    fine = spekpy.Spek(kvp=kvp, th=ANODE_DEG, dk=0.5, physics='kqp',
                       mu_data_source='nist')
    fine.filter('Al', INHERENT_AL_MM)
    energies, fluence = fine.get_spectrum()
    edges = np.append(ENERGIES_KEV - 1.0, ENERGIES_KEV[-1] + 1.0)
    photons, _ = np.histogram(energies, edges, weights=fluence)
    return photons / photons.sum()


def main() -> None:
    """Write the file named on the command line."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    content: dict[str, Any] = {f'{name}_m2_per_kg': mass_attenuation(elements)
                               for name, elements in MATERIALS.items()}
    content['spectra'] = np.array([spectrum(kvp) for kvp in KVP]).astype(np.float32)
    np.savez_compressed(sys.argv[1], energies_kev=ENERGIES_KEV, kvp=KVP, **content)


if __name__ == '__main__':
    main()
