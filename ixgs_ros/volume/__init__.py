"""Voxel grids, MPR planes, rendering, metrics and volume files.

The modules with kernels (``mpr``, ``rendering``) are imported by name, so that a grid costs no
JIT.
"""

from ixgs_ros.volume.grid import Region, VoxelGrid
from ixgs_ros.volume.plane import Plane

__all__ = ['Plane', 'Region', 'VoxelGrid']
