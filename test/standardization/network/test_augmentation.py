"""Changed shots are still shots of a body: what the bone gains is what the line integral gains."""

from __future__ import annotations

from ellipsoids import chord
import numpy as np
import pytest

from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.geometry.view import View
from ixgs_ros.simulation.material_shot import MaterialShot
from ixgs_ros.simulation.materials import (
    MASS_ATTENUATION,
    MINERAL_DENSITY,
    reference_attenuation,
    WATER_DENSITY,
)
from ixgs_ros.standardization.network.augmentation import with_bone_of

# Bone of 400 kg/m³ of mineral, the rest water.
MINERAL = 400.0
WATER = WATER_DENSITY * (1.0 - MINERAL / MINERAL_DENSITY)


def body(center=(0.0, 0.0), size=32):
    """A rod of bone in water."""
    tissue = chord(size, (0.0, 0.0), (0.07, 0.07), 0.1)
    bone = np.minimum(chord(size, center, (0.02, 0.02), 0.02), tissue)
    areas = np.zeros((4, size, size))
    areas[0] = WATER_DENSITY * (tissue - bone) + WATER * bone
    areas[1] = MINERAL * bone
    per_m = WATER * MASS_ATTENUATION['water'] + MINERAL * MASS_ATTENUATION['mineral']
    view = View(np.array([[100.0, 0.0, 15.5], [0.0, 100.0, 15.5], [0.0, 0.0, 1.0]]),
                RigidTransform(), size, size)
    return MaterialShot(view, areas, per_m * bone)


def test_the_bone_of_another_takes_the_place_of_tissue():
    first, second = body(), body((0.03, 0.0))
    both = with_bone_of(first, second)
    np.testing.assert_allclose(both.bone, first.bone + second.bone, atol=1e-6)
    # A litre of bone for a litre of water: the volume is that of the first body.
    volume = [shot.areas[0] / WATER_DENSITY + shot.areas[1] / MINERAL_DENSITY
              for shot in (first, both)]
    np.testing.assert_allclose(volume[1], volume[0], atol=1e-7)


def test_no_bone_is_laid_over_air():
    both = with_bone_of(body(), body((0.09, 0.0)))
    assert (both.bone[reference_attenuation(both.areas) == 0.0] == 0.0).all()
    assert both.bone.sum() < body().bone.sum() + body((0.05, 0.0)).bone.sum()


def test_sizes_that_differ_are_named():
    with pytest.raises(ValueError, match=r'one size, got \(32, 32\) and \(16, 16\)'):
        with_bone_of(body(), body(size=16))
