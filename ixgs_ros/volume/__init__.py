"""Voxel grids, MPR planes, metrics and volume files."""

from ixgs_ros.volume.grid import Region, VoxelGrid

__all__ = ['Region', 'VoxelGrid']
