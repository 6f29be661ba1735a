"""Hounsfield units to densities of materials: what a body is made of, voxel by voxel.

Every voxel is split into two neighbours of a short ladder, by what its attenuation at the
reference energy (water 20/m) asks for: air and water below 0 HU, water and hydroxyapatite in bone,
water and iodine in contrast medium, metal alone above. So the recombined attenuation at the
reference energy is that of the CT, and at other energies each material follows its own law.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ixgs_ros.simulation.attenuation import attenuation, WATER_PER_M
from ixgs_ros.simulation.bone_target import Anatomy, bone_share, find_anatomy, METAL_HU
from ixgs_ros.simulation.ct import Ct
from ixgs_ros.simulation.material_shot import MATERIALS

WATER_DENSITY = 1000.0              # kg/m³
# Mass attenuation, m²/kg, at 64.56 keV, where water's is 0.02000 and hence water's attenuation the
# project's 20/m. From NIST XCOM (Hubbell and Seltzer, NISTIR 5632, tables 3 and 4), log-log
# between 60 and 80 keV; hydroxyapatite Ca10(PO4)6(OH)2 by its mass fractions (Ca 0.399, P 0.185,
# O 0.414, H 0.002); metal is titanium.
MASS_ATTENUATION = {'water': 0.02000, 'mineral': 0.03535, 'iodine': 0.62290, 'metal': 0.06513}
# A voxel of a soft tissue or of marrow is water up to this attenuation, of density to match; what
# is beyond is mineral (within the bone mask) or iodine (within the contrast mask).
SOFT_HU = 70.0
# Mineral displaces water: hydroxyapatite's density.
MINERAL_DENSITY = 3160.0


@dataclass(frozen=True, eq=False)
class Body:
    """Densities on a grid.

    Args:
        densities: (4, z, y, x) float32, kg/m³ of each of
            :data:`~ixgs_ros.simulation.material_shot.MATERIALS`.
        bone: (z, y, x) float32, 1/m: the bone target.
        lps_from_index: (4, 4) from voxel indices (x, y, z; centres are integers) to LPS metres.
        metal: 'titanium' or 'steel'; of what the fourth density is.

    Raises:
        ValueError: shapes differ, or a value is negative or not finite.
    """

    densities: np.ndarray
    bone: np.ndarray
    lps_from_index: np.ndarray
    metal: str = 'titanium'

    def __post_init__(self) -> None:
        for name in ('densities', 'bone'):
            array = np.ascontiguousarray(getattr(self, name), dtype=np.float32)
            object.__setattr__(self, name, array)
            if not np.isfinite(array).all() or array.min() < 0.0:
                raise ValueError(f'expected finite {name} of at least 0, got a value that is not')
        if self.bone.ndim != 3 or self.densities.shape != (len(MATERIALS), *self.bone.shape):
            raise ValueError(f'expected bone (z, y, x) and densities (4, z, y, x), got '
                             f'{self.bone.shape} and {self.densities.shape}')

    @property
    def spacing(self) -> np.ndarray:
        """The distances of voxel centres along the indices x, y, z, metres."""
        return np.linalg.norm(np.asarray(self.lps_from_index)[:3, :3], axis=0)


def body_of(ct: Ct, *, anatomy: Anatomy | None = None) -> Body:
    """Return a CT as a body on its own grid, without the table.

    Args:
        ct: the CT.
        anatomy: which voxels are bone and contrast medium; found if omitted.
    """
    anatomy = find_anatomy(ct) if anatomy is None else anatomy
    share = bone_share(ct, anatomy)
    hu = np.where(anatomy.body, ct.hu, np.float32(-1000.0))
    return Body(densities(hu, share > 0.0), share * attenuation(ct.hu), ct.lps_from_index)


def densities(hu: np.ndarray, is_bone: np.ndarray) -> np.ndarray:
    """Return densities (4, z, y, x) float32, kg/m³, whose attenuation is that of the CT numbers.

    Args:
        hu: (z, y, x) Hounsfield units.
        is_bone: (z, y, x) bool: where what is denser than soft tissue is mineral; elsewhere it is
            iodine.
    """
    per_m = attenuation(hu)
    result = np.zeros((len(MATERIALS), *hu.shape), dtype=np.float32)
    water, mineral, iodine, metal = result
    is_metal = hu > METAL_HU
    beyond = np.maximum(per_m - np.float32(WATER_PER_M * (1.0 + SOFT_HU / 1000.0)), 0.0)
    np.divide(per_m - beyond, MASS_ATTENUATION['water'], out=water)
    # A volume of mineral takes the place of the same volume of water.
    displaced = WATER_DENSITY / MINERAL_DENSITY
    gain = MASS_ATTENUATION['mineral'] - MASS_ATTENUATION['water'] * displaced
    mineral[is_bone] = beyond[is_bone] / np.float32(gain)
    water -= mineral * np.float32(displaced)
    iodine[~is_bone] = beyond[~is_bone] / np.float32(MASS_ATTENUATION['iodine'])
    for material in (water, mineral, iodine):
        material[is_metal] = 0.0
    metal[is_metal] = per_m[is_metal] / np.float32(MASS_ATTENUATION['metal'])
    return result


def contrast_attenuation(body: Body) -> np.ndarray:
    """Return how much of a body's attenuation at the reference energy is iodine, (z, y, x) 1/m."""
    iodine = body.densities[MATERIALS.index('iodine')]
    return iodine * np.float32(MASS_ATTENUATION['iodine'])


def reference_attenuation(amounts: np.ndarray) -> np.ndarray:
    """Return the attenuation at the reference energy of densities (4, …), 1/m.

    Of area densities (4, H, W) in kg/m² it is the line integral.
    """
    factors = np.array([MASS_ATTENUATION[name] for name in MATERIALS], dtype=np.float32)
    return np.tensordot(factors, amounts, axes=1)
