"""Shots whose answer is known: slabs of material."""

import numpy as np

from ixgs_ros.geometry.orbits import CArm, CArmAngles
from ixgs_ros.simulation.material_shot import MATERIALS, MaterialShot
from ixgs_ros.simulation.physics.exposure import DETECTOR_DISTANCE


def slab(size=64, metal='titanium', pitch=0.3 / 64, **areas):
    """A shot (size, size) of even areas, kg/m², given by material; pixels of ``pitch`` metres."""
    view = CArm(sdd=DETECTOR_DISTANCE, pixel_pitch=pitch, height=size,
                width=size).view(CArmAngles())
    stack = np.zeros((4, size, size), dtype=np.float32)
    for name, value in areas.items():
        stack[MATERIALS.index(name)] = value
    return MaterialShot(view, stack, np.zeros((size, size), dtype=np.float32), metal)
