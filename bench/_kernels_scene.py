"""What the kernels are timed on: a spine-like box seen by a C-arm.

Source to centre 0.65 m, SDD 1 m, a detector of 0.3 m. Random numbers are seeded: the same scene at
every run.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from ixgs_ros.gaussians.model import GaussianModel
from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.geometry.view import View
from ixgs_ros.volume.grid import VoxelGrid
from ixgs_ros.volume.plane import Plane

HALF = np.array([0.057, 0.057, 0.0816])
DISTANCE, SDD, DETECTOR = 0.65, 1.0, 0.3
EDGE = 0.192   # of the volume and of the plane, m


def scene(count: int) -> GaussianModel:
    """Return Gaussians of 1.5 to 3.75 mm: about 3.5 px wide on 256² pixels."""
    rng = np.random.default_rng(0)
    quaternions = rng.normal(size=(count, 4))
    quaternions /= np.linalg.norm(quaternions, axis=1, keepdims=True)
    return GaussianModel((rng.uniform(-1, 1, (count, 3)) * HALF).astype(np.float32),
                         np.log(rng.uniform(1.5e-3, 3.75e-3, (count, 3))).astype(np.float32),
                         quaternions.astype(np.float32),
                         rng.uniform(0, 20, count).astype(np.float32))


def view_of(size: int) -> View:
    """Return an oblique view of ``size`` × ``size`` pixels."""
    focal, center = SDD * size / DETECTOR, (size - 1) / 2
    rotation = Rotation.from_euler('zx', [0.3, 1.5]).as_matrix()
    k = np.array([[focal, 0, center], [0, focal, center], [0, 0, 1]])
    return View(k, RigidTransform(rotation, -DISTANCE * rotation[:, 2]), size, size)


def grid_of(voxels: int) -> VoxelGrid:
    """Return the grid of ``voxels``³ around the scene."""
    spacing = EDGE / voxels
    return VoxelGrid(np.full(3, -0.5 * (voxels - 1) * spacing), np.full(3, spacing), (voxels,) * 3)


def plane_of(size: int) -> Plane:
    """Return an oblique plane of ``size`` × ``size`` pixels through the middle of the scene."""
    u, v = Rotation.from_euler('xyz', [0.2, 0.3, 0.4]).as_matrix()[:2]
    spacing = EDGE / size
    return Plane(-0.5 * (size - 1) * spacing * (u + v), u, v, spacing, size, size)


def cotangent(shape: tuple[int, ...]) -> np.ndarray:
    """Return a random d loss / d image or volume, float32."""
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)
