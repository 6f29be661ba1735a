"""An empty body that shapes are painted into, material by material."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from ixgs_ros.simulation.attenuation import attenuation
from ixgs_ros.simulation.bone_target import ramp
from ixgs_ros.simulation.materials import Body, densities
from ixgs_ros.simulation.shapes import Points


def soft(hu: float, iodine: float = 0.0) -> np.ndarray:
    """Return the channels of soft tissue, fat or gas; ``iodine`` in kg/m³."""
    return np.array([max(1000.0 + hu, 0.0), 0.0, iodine, 0.0, 0.0], dtype=np.float32)


def bony(hu: float) -> np.ndarray:
    """Return the channels of bone, with the target as :mod:`bone_target` defines it."""
    values = np.full((1, 1, 1), hu, dtype=np.float32)
    materials = densities(values, np.ones((1, 1, 1), dtype=bool)).reshape(4)
    return np.append(materials, ramp(values) * attenuation(values)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Patch:
    """Some voxels of a canvas: a view of them (z, y, x, 5), and where they lie, mm."""

    voxels: np.ndarray
    points: Points


class Canvas:
    """Materials and bone target on cubes about the origin of LPS; millimetres, as atlases count.

    Args:
        half: (3,) half the box along x, y, z, mm.
        voxel: edge of a voxel, mm.
    """

    def __init__(self, half: np.ndarray, voxel: float) -> None:
        self.voxel = voxel
        self.axes = [np.arange(-h + 0.5 * voxel, h, voxel, dtype=np.float32) for h in half]
        x, y, z = self.axes
        self.channels = np.zeros((len(z), len(y), len(x), 5), dtype=np.float32)

    def patch(self, center: np.ndarray, half: np.ndarray) -> Patch:
        """Return the voxels within ``half`` of ``center``, (3,) mm each; there may be none."""
        cuts = [slice(*np.searchsorted(axis, [c - h, c + h]))
                for axis, c, h in zip(self.axes, center, half, strict=True)]
        x, y, z = (axis[cut] for axis, cut in zip(self.axes, cuts, strict=True))
        return Patch(self.channels[cuts[2], cuts[1], cuts[0]],
                     (x[None, None, :], y[None, :, None], z[:, None, None]))

    def paint(self, patch: Patch, distance: np.ndarray, channels: np.ndarray) -> None:
        """Fill a shape, given by the distance to it in mm; its edge voxels are mixed."""
        _blend(patch.voxels, np.broadcast_to(distance, patch.voxels.shape[:3]),
               np.float32(1.0 / self.voxel), channels)

    def body(self, metal: str = 'titanium') -> Body:
        """Return what has been painted."""
        affine = np.diag([*3 * [0.001 * self.voxel], 1.0])
        affine[:3, 3] = [0.001 * axis[0] for axis in self.axes]
        planes = np.moveaxis(self.channels, -1, 0)
        return Body(planes[:4], planes[4], affine, metal)


@numba.njit(nogil=True, cache=True)
def _blend(voxels: np.ndarray, distance: np.ndarray, per_voxel: float,
           channels: np.ndarray) -> None:
    """Mix ``channels`` into voxels (z, y, x, 5) by how much of them a shape covers."""
    for k in range(voxels.shape[0]):
        for j in range(voxels.shape[1]):
            for i in range(voxels.shape[2]):
                share = min(0.5 - distance[k, j, i] * per_voxel, 1.0)
                if share > 0.0:
                    for c in range(5):
                        voxels[k, j, i, c] += share * (channels[c] - voxels[k, j, i, c])
