"""Axis-aligned voxel grids and regions in the patient reference frame.

A volume is a float32 array (size_z, size_y, size_x), so that x runs fastest; voxel (i, j, k) in
x, y, z has its **centre** at ``origin + spacing * (i, j, k)``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


def _vector(values: object, name: str) -> np.ndarray:
    vector = np.array(values, dtype=np.float64)
    if vector.shape != (3,) or not np.isfinite(vector).all():
        raise ValueError(f'expected {name} as three finite numbers, got {values!r}')
    vector.setflags(write=False)
    return vector


@dataclass(frozen=True, eq=False)
class Region:
    """A box in the reference frame: centre and full edge lengths, (3,) metres each."""

    center: np.ndarray
    size: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, 'center', _vector(self.center, 'region.center'))
        object.__setattr__(self, 'size', _vector(self.size, 'region.size'))
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
    """

    origin: np.ndarray
    spacing: np.ndarray
    size: tuple[int, int, int]

    def __post_init__(self) -> None:
        object.__setattr__(self, 'origin', _vector(self.origin, 'origin'))
        object.__setattr__(self, 'spacing', _vector(self.spacing, 'spacing'))
        object.__setattr__(self, 'size', tuple(int(n) for n in self.size))
        if (self.spacing <= 0).any():
            raise ValueError(f'expected a positive spacing, got {self.spacing.tolist()} m')
        if len(self.size) != 3 or min(self.size) < 1:
            raise ValueError(f'expected three positive sizes, got {self.size}')

    @staticmethod
    def covering(region: Region, spacing: float) -> VoxelGrid:
        """Return the grid of cubic voxels, centred on the region, that fills it.

        The number of voxels along each axis is ``round(size / spacing)``, at least one.
        """
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
