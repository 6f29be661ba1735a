"""An empty body that shapes are painted into, material by material."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import ArrayLike

from ixgs_ros.simulation.attenuation import attenuation, WATER_PER_M
from ixgs_ros.simulation.bone_target import ramp
from ixgs_ros.simulation.materials import Body, densities, MASS_ATTENUATION
from ixgs_ros.simulation.shapes import ellipsoid, Points


def soft(hu: float, iodine: float = 0.0) -> np.ndarray:
    """Return the channels of soft tissue, fat or gas; ``iodine`` in kg/m³."""
    return np.array([max(1000.0 + hu, 0.0), 0.0, iodine, 0.0, 0.0], dtype=np.float32)


def bony(hu: float) -> np.ndarray:
    """Return the channels of bone, with the target as :mod:`bone_target` defines it."""
    values = np.full((1, 1, 1), hu, dtype=np.float32)
    materials = densities(values, np.ones((1, 1, 1), dtype=bool)).reshape(4)
    return np.append(materials, ramp(values) * attenuation(values)).astype(np.float32)


def filled(hu: float) -> np.ndarray:
    """Return the channels of blood, urine or bowel with contrast medium up to ``hu``."""
    plain = min(hu, 45.0)
    return soft(plain, max(hu - plain, 0.0) * 1e-3 * WATER_PER_M / MASS_ATTENUATION['iodine'])


def chalk(hu: float, *, is_bone: bool) -> np.ndarray:
    """Return the channels of a calcification; whether the target counts it depends on its place.

    By the target's definition hard spots are bone, but for those that hug contrast medium.
    """
    channels = bony(hu)
    if not is_bone:
        channels[4] = 0.0
    return channels


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

    def paint_density(self, patch: Patch, distance: np.ndarray, density: np.ndarray) -> None:
        """Fill a shape with water of the given densities (z, y, x), kg/m³."""
        _blend_density(patch.voxels, distance, np.float32(1.0 / self.voxel), density)

    def paint_ball(self, center: ArrayLike, radii: ArrayLike, channels: np.ndarray,
                   axes: np.ndarray | None = None) -> None:
        """Fill an ellipsoid.

        Args:
            center: (3,) mm.
            radii: (3,) mm along its axes.
            channels: what it is filled with.
            axes: (3, 3), its axes as columns in LPS; those of LPS if omitted.
        """
        radii = np.asarray(radii, dtype=np.float64)
        reach = radii if axes is None else np.sqrt((axes ** 2) @ radii ** 2)
        patch = self.patch(np.asarray(center), reach + self.voxel)
        if not patch.voxels.size:
            return
        x, y, z = (p - np.float32(c)
                   for p, c in zip(patch.points, np.asarray(center), strict=True))
        local = x, y, z
        if axes is not None:
            turned = axes.astype(np.float32)
            u, v, w = (x * turned[0, a] + y * turned[1, a] + z * turned[2, a]
                       for a in range(3))
            local = u, v, w
        a, b, c = radii
        self.paint(patch, ellipsoid(local, (0.0, 0.0, 0.0), (a, b, c)), channels)

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


@numba.njit(nogil=True, cache=True)
def _blend_density(voxels: np.ndarray, distance: np.ndarray, per_voxel: float,
                   density: np.ndarray) -> None:
    """Mix water of ``density`` (z, y, x) into voxels by how much of them a shape covers."""
    for k in range(voxels.shape[0]):
        for j in range(voxels.shape[1]):
            for i in range(voxels.shape[2]):
                share = min(0.5 - distance[k, j, i] * per_voxel, 1.0)
                if share > 0.0:
                    voxels[k, j, i, 0] += share * (density[k, j, i] - voxels[k, j, i, 0])
                    for c in range(1, 5):
                        voxels[k, j, i, c] *= 1.0 - share
