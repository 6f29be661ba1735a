"""Bodies that were not cast: the bone of a shot laid over another's.

Areas of materials along rays add up, so what is changed here is still the shot of a body. A
network that knew a few bodies only would learn how much bone goes with which outline; with these
it has to find it in the image.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ixgs_ros.simulation.material_shot import MaterialShot
from ixgs_ros.simulation.materials import MASS_ATTENUATION, MINERAL_DENSITY, WATER_DENSITY

# Mineral takes the place of the same volume of water.
DISPLACED = WATER_DENSITY / MINERAL_DENSITY


def with_bone_of(shot: MaterialShot, other: MaterialShot) -> MaterialShot:
    """Return the shot of a body that holds the bone of another one too, in place of tissue.

    Bone that displaces more tissue than there is, as outside the body, is left out.
    """
    if other.bone.shape != shot.bone.shape:
        raise ValueError(f'expected two shots of one size, got {shot.bone.shape} and '
                         f'{other.bone.shape}')
    # Bone is water and mineral; its water is there already, but for what the mineral displaces.
    inside = shot.areas[0] > 2.0 * MASS_ATTENUATION['water'] ** -1 * other.bone
    mineral = np.where(inside, other.areas[1], 0.0)
    bone = np.where(inside, other.bone, 0.0)
    areas = shot.areas.copy()
    areas[0] -= DISPLACED * mineral
    areas[1] += mineral
    return replace(shot, areas=np.maximum(areas, 0.0), bone=shot.bone + bone)
