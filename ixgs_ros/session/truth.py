"""The truth that a replay is compared with: a CT in Hounsfield units, or an attenuation in 1/m."""

from __future__ import annotations

from ixgs_ros.simulation.attenuation import attenuation
from ixgs_ros.simulation.sources import load_ct
from ixgs_ros.volume.metrics import Truth

UNITS = ('hu', 'per_m')
# Water is 0 HU and 20/m, air -1000 HU and 0/m: no CT is free of values below this, no attenuation
# has one.
LOWEST_PER_M = -50.0


class TruthError(ValueError):
    """A truth cannot be used; the message says why."""


def load_truth(source: str, unit: str) -> Truth:
    """Load a truth.

    Args:
        source: a NIfTI or NRRD file, the folder of a DICOM series, 'lidc' or 'phantom'.
        unit: 'hu', or 'per_m' for 1/m.

    Raises:
        CtError: there is no such source or it is not usable.
        TruthError: the unit is unknown, or the values cannot be in it.
    """
    if unit not in UNITS:
        raise TruthError(f'expected a unit out of {", ".join(UNITS)}, got {unit!r}')
    ct = load_ct(source)
    low, high = float(ct.hu.min()), float(ct.hu.max())
    if unit == 'per_m' and low < LOWEST_PER_M:
        raise TruthError(f'{source}: values from {low:g} to {high:g} are no attenuation in 1/m; '
                         'is the unit hu?')
    if unit == 'hu' and low >= LOWEST_PER_M:
        raise TruthError(f'{source}: values from {low:g} to {high:g} are no Hounsfield units of a '
                         'body, for there is no fat or air; is the unit per_m?')
    return Truth(attenuation(ct.hu) if unit == 'hu' else ct.hu, ct.lps_from_index)
