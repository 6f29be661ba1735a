"""Axis-aligned voxel grids and regions in the patient reference frame.

A volume is a float32 array (size_z, size_y, size_x), so that x runs fastest; voxel (i, j, k) in
x, y, z has its **centre** at ``origin + spacing * (i, j, k)``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ixgs_ros.geometry.checks import checked_count, checked_vector


@dataclass(frozen=True, eq=False)
class Region:
    """A box in the reference frame: centre and full edge lengths, (3,) metres each."""

    center: np.ndarray
    size: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, 'center', checked_vector('region.center', self.center))
        object.__setattr__(self, 'size', checked_vector('region.size', self.size))
        if (self.size <= 0).any():
            raise ValueError(f'expected positive region.size, got {self.size.tolist()} m')

    @property
    def lower(self) -> np.ndarray:
        """The corner of smallest coordinates, (3,) metres."""
        return self.center - 0.5 * self.size

    @property
    def upper(self) -> np.ndarray:
        """The corner of largest coordinates, (3,) metres."""
        return self.center + 0.5 * self.size


@dataclass(frozen=True, eq=False)
class VoxelGrid:
    """A grid of voxels.

    Args:
        origin: centre of the first voxel, (3,) x, y, z in metres.
        spacing: distance of voxel centres, (3,) x, y, z in metres.
        size: voxels along x, y, z.

    Raises:
        TypeError: a size is no whole number.
        ValueError: a value is not finite, or a spacing or size is not positive.
    """

    origin: np.ndarray
    spacing: np.ndarray
    size: tuple[int, int, int]

    def __post_init__(self) -> None:
        object.__setattr__(self, 'origin', checked_vector('origin', self.origin))
        object.__setattr__(self, 'spacing', checked_vector('spacing', self.spacing))
        if (self.spacing <= 0).any():
            raise ValueError(f'expected a positive spacing, got {self.spacing.tolist()} m')
        if len(self.size) != 3:
            raise ValueError(f'expected three sizes along x, y, z, got {self.size}')
        object.__setattr__(self, 'size', tuple(
            checked_count(f'size along {axis}', n) for axis, n in zip('xyz', self.size)))

    @staticmethod
    def covering(region: Region, spacing: float) -> VoxelGrid:
        """Return the grid of cubic voxels, centred on the region, that fills it.

        The number of voxels along each axis is ``round(size / spacing)``, at least one.

        Raises:
            ValueError: the spacing is not positive.
        """
        if not 0.0 < spacing < np.inf:
            raise ValueError(f'expected a positive spacing, got {spacing!r} m')
        size = np.maximum(1, np.round(region.size / spacing).astype(int))
        origin = region.center - 0.5 * (size - 1) * spacing
        return VoxelGrid(origin, np.full(3, spacing), (int(size[0]), int(size[1]), int(size[2])))

    @property
    def shape(self) -> tuple[int, int, int]:
        """The array's shape: (size_z, size_y, size_x)."""
        return self.size[2], self.size[1], self.size[0]

    @property
    def region(self) -> Region:
        """The box that the voxels fill, half a voxel beyond the outer centres."""
        extent = self.spacing * np.array(self.size)
        return Region(self.origin - 0.5 * self.spacing + 0.5 * extent, extent)

    def affine(self) -> np.ndarray:
        """Return the map (4, 4) from voxel indices (x, y, z) to the reference frame, metres."""
        reference_from_index = np.diag([*self.spacing, 1.0])
        reference_from_index[:3, 3] = self.origin
        return reference_from_index

    def axes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the coordinates of the voxel centres along x, y and z, metres."""
        x, y, z = (self.origin[a] + self.spacing[a] * np.arange(self.size[a]) for a in range(3))
        return x, y, z

    def points(self) -> np.ndarray:
        """Return all voxel centres, (size_z, size_y, size_x, 3) metres, last axis x, y, z."""
        x, y, z = self.axes()
        grid = np.meshgrid(z, y, x, indexing='ij')
        return np.stack(grid[::-1], axis=-1)

    def indices(self, points: np.ndarray) -> np.ndarray:
        """Return fractional voxel indices (..., 3) in x, y, z of points (..., 3) in metres."""
        return (np.asarray(points) - self.origin) / self.spacing

    def nearest(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the indices z, y, x of the voxels nearest to points (M, 3) in metres, (M,) each.

        Volumes can be indexed by them; points outside get the voxel of the border.
        """
        index = np.clip(np.rint(self.indices(points)), 0, np.array(self.size) - 1).astype(int)
        return index[:, 2], index[:, 1], index[:, 0]
