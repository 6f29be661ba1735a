"""A CT on a voxel grid in the patient reference: the truth that a volume is held against."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import affine_transform

from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.simulation.attenuation import attenuation
from ixgs_ros.simulation.ct import AIR_HU, Ct
from ixgs_ros.volume.grid import VoxelGrid


def attenuation_on_grid(ct: Ct, grid: VoxelGrid, lps_from_reference: RigidTransform) -> np.ndarray:
    """Return a CT's attenuation at the voxel centres, (z, y, x) float32 in 1/m.

    Trilinear in Hounsfield units; air outside the CT. No low-pass is applied: a grid much coarser
    than the CT aliases, so take a fine grid and average it.

    Args:
        ct: the CT.
        grid: voxels in the patient reference.
        lps_from_reference: where that reference lies in the CT.
    """
    reference_from_voxel = np.eye(4)
    reference_from_voxel[:3, :3] = np.diag(grid.spacing)
    reference_from_voxel[:3, 3] = grid.origin
    index_from_voxel = (np.linalg.inv(ct.lps_from_index) @ lps_from_reference.matrix()
                        @ reference_from_voxel)
    # The arrays' axes are z, y, x: turn both sides of the map round.
    matrix, offset = index_from_voxel[:3, :3][::-1, ::-1], index_from_voxel[:3, 3][::-1]
    hu = affine_transform(ct.hu, matrix, offset, grid.shape, order=1, mode='constant',
                          cval=AIR_HU, prefilter=False)
    return attenuation(hu)
