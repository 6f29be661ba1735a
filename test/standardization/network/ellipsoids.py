"""Material shots that cost nothing: ellipsoids of tissue and bone, their chords known in a line.

Rays are taken as parallel; a learner does not mind.
"""

from __future__ import annotations

import numpy as np

from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.geometry.view import View
from ixgs_ros.simulation.material_shot import MaterialShot

FIELD = 0.18       # metres across at the isocentre
FOCAL_EDGES = 3.4  # focal length over the image's width: SDD 1.02 m, detector 0.3 m
TISSUE, BONE_WATER, BONE_MINERAL = 1000.0, 900.0, 400.0  # kg/m³
# Line integral per kg/m² at the reference energy.
WATER_PER, MINERAL_PER = 0.020, 0.045


def chord(size, center, radii, depth):
    """Lengths (size, size) in metres through an ellipsoid that is 2 * depth thick."""
    at = FIELD * ((np.arange(size) + 0.5) / size - 0.5)
    x, y = np.meshgrid(at, at)
    inside = 1.0 - ((x - center[0]) / radii[0]) ** 2 - ((y - center[1]) / radii[1]) ** 2
    return 2.0 * depth * np.sqrt(np.maximum(inside, 0.0))


def material_shot(rng, size=64):
    """A thick body with a few bones in it, and air at its side now and then."""
    tissue = chord(size, rng.normal(0.0, 0.03, 2), rng.uniform(0.08, 0.16, 2),
                   rng.uniform(0.06, 0.13))
    bone = np.zeros((size, size))
    for _ in range(int(rng.integers(2, 6))):
        radii = rng.uniform(0.01, 0.03, 2)
        bone += chord(size, rng.uniform(-0.07, 0.07, 2), radii, float(radii.min()))
    bone = np.minimum(bone, tissue)
    water = TISSUE * (tissue - bone) + BONE_WATER * bone
    areas = np.stack([water, BONE_MINERAL * bone, 0.0 * bone, 0.0 * bone])
    target = (BONE_WATER * WATER_PER + BONE_MINERAL * MINERAL_PER) * bone
    focal = FOCAL_EDGES * size
    middle = 0.5 * (size - 1)
    view = View(np.array([[focal, 0.0, middle], [0.0, focal, middle], [0.0, 0.0, 1.0]]),
                RigidTransform(), size, size)
    return MaterialShot(view, areas, target)


def exposed(shot, rng):
    """Beer-Lambert with a wrong exposure, noise and a masked border: enough to learn from."""
    true = WATER_PER * shot.areas[0] + MINERAL_PER * shot.areas[1]
    photons = np.maximum(rng.poisson(2e4 * np.exp(-true)), 1.0)
    offset = rng.normal(0.0, 0.1)
    mask = np.ones(true.shape, dtype=bool)
    border = int(rng.integers(0, 4))
    if border:
        mask[:border], mask[-border:] = False, False
    return (offset - np.log(photons / 2e4)).astype(np.float32), mask
