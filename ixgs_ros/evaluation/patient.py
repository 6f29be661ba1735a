"""The patient of the experiment: what is shot, and what is true.

The reference frame has the axes of LPS and its origin in the spine, at the CT's target. All
figures are about a sphere there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import affine_transform

from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.geometry.view import View
from ixgs_ros.simulation.attenuation import attenuation
from ixgs_ros.simulation.bone_target import bone_volume
from ixgs_ros.simulation.ct import Ct
from ixgs_ros.simulation.ray_caster import RayCaster
from ixgs_ros.simulation.target import spine_target
from ixgs_ros.volume.grid import Region, VoxelGrid

RADIUS = 0.060
# A margin about the sphere, so that surfaces just beyond it are there to be the nearest.
GRID = VoxelGrid.covering(Region(np.zeros(3), np.full(3, 0.140)), 0.00125)
FINE = VoxelGrid.covering(GRID.region, 0.5 * GRID.spacing[0])
INSIDE = np.linalg.norm(GRID.points(), axis=-1) < RADIUS


@dataclass(frozen=True, eq=False)
class Patient:
    """A CT about its spine.

    Args:
        per_m: (z, y, x) float32 attenuation in 1/m, of everything.
        bone: (z, y, x) float32 in 1/m, the bone target.
        reference_from_index: (4, 4) from voxel indices (x, y, z) of both to metres.
        ct: where they come from.
        lps_from_reference: where the target is.
    """

    per_m: np.ndarray
    bone: np.ndarray
    reference_from_index: np.ndarray
    ct: Ct
    lps_from_reference: RigidTransform

    @classmethod
    def of(cls, ct: Ct) -> Patient:
        """Place the reference at the CT's target, or in the spine half way up."""
        target = spine_target(ct) if ct.target is None else ct.target
        lps_from_reference = RigidTransform(np.eye(3), target)
        return cls(attenuation(ct.hu), bone_volume(ct),
                   lps_from_reference.inverse().matrix() @ ct.lps_from_index, ct,
                   lps_from_reference)

    def truth(self) -> np.ndarray:
        """Return the bone target on :data:`GRID`, (z, y, x) float32 in 1/m.

        Means of 2³ trilinear values each, as the CT may be finer than the grid.
        """
        index_from_voxel = np.linalg.inv(self.reference_from_index) @ FINE.affine()
        # The arrays' axes are z, y, x: turn both sides of the map round.
        matrix, offset = index_from_voxel[:3, :3][::-1, ::-1], index_from_voxel[:3, 3][::-1]
        fine = affine_transform(self.bone, matrix, offset, FINE.shape, order=1, mode='constant',
                                cval=0.0, prefilter=False)
        n = GRID.size[0]
        return fine.reshape(n, 2, n, 2, n, 2).mean((1, 3, 5))

    def bone_images(self, views: list[View]) -> list[np.ndarray]:
        """Return the line integrals (H, W) of the bone target: what a standardizer should say."""
        caster = RayCaster.from_affine(self.bone, self.reference_from_index)
        return [caster.project(view) for view in views]


def shadow(view: View) -> np.ndarray:
    """Return which pixels' rays meet the sphere, (H, W) bool."""
    nearest = np.linalg.norm(np.cross(view.ray_directions(), view.source), axis=-1)
    return nearest < RADIUS
