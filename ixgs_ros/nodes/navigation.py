"""What the navigator shows of a volume: slices through a point or a tool, and a rendering."""

from __future__ import annotations

import numpy as np

from ixgs_ros.geometry import RigidTransform
from ixgs_ros.nodes.navigator_config import NavigatorConfig
from ixgs_ros.volume import Plane, VoxelGrid
from ixgs_ros.volume.mpr import reslice, windowed
from ixgs_ros.volume.plane import axial, coronal, sagittal, through
from ixgs_ros.volume.rendering import orbit_view, render

SLICES = ('axial', 'coronal', 'sagittal', 'oblique')
# No image is larger, however large the volume and small the spacing.
MAX_PIXELS = 2048


def slice_planes(grid: VoxelGrid, point: np.ndarray, config: NavigatorConfig,
                 tool: RigidTransform | None = None) -> dict[str, Plane]:
    """Return the planes to show, by name.

    Args:
        grid: of the volume.
        point: (3,) where the planes meet, reference frame, metres.
        config: pixel spacing, and how the reference frame lies in the patient.
        tool: ``reference_from_tool``; with it there is also an oblique plane, along the tool's x
            axis (to the right) and z axis (down).
    """
    spacing = pixel_spacing(grid, config.slice.spacing)
    lps = config.lps_from_reference.transform()
    planes = {name: make(grid, point, spacing, lps)
              for name, make in (('axial', axial), ('coronal', coronal), ('sagittal', sagittal))}
    if tool is not None:
        planes['oblique'] = through(grid, point, tool.rotation[:, 0], tool.rotation[:, 2], spacing)
    return planes


def pixel_spacing(grid: VoxelGrid, wanted: float) -> float:
    """Return the distance of pixel centres: as wanted (0: the grid's), but not too fine.

    Args:
        grid: of the volume.
        wanted: metres; 0 takes the grid's smallest spacing.
    """
    finest = float(np.linalg.norm(grid.region.size)) / MAX_PIXELS
    return max(wanted if wanted > 0 else float(grid.spacing.min()), finest)


def slices(volume: np.ndarray, grid: VoxelGrid, planes: dict[str, Plane]) -> dict[str, np.ndarray]:
    """Return the image of each plane, float32 in 1/m; 0 outside the volume."""
    return {name: reslice(volume, grid, plane) for name, plane in planes.items()}


def rendering(volume: np.ndarray, grid: VoxelGrid, config: NavigatorConfig) -> np.ndarray:
    """Return the picture that ``config.rendering`` describes, uint8 (size, size)."""
    chosen = config.rendering
    view = orbit_view(grid, np.deg2rad(chosen.azimuth_deg), np.deg2rad(chosen.elevation_deg),
                      chosen.size, config.lps_from_reference.transform())
    image = render(volume, grid, view, chosen.mode, chosen.level)
    windows = {'integral': (0.0, chosen.integral_high), 'surface': (0.0, 1.0),
               'maximum': (config.window.low, config.window.high)}
    return windowed(image, *windows[chosen.mode])


def warm_up(config: NavigatorConfig) -> None:
    """Compile what slices and renderings need, on a volume of a few voxels."""
    grid = VoxelGrid(np.zeros(3), np.full(3, 0.01), (4, 4, 4))
    volume = np.full(grid.shape, 20.0, np.float32)
    slices(volume, grid, slice_planes(grid, np.zeros(3), config, RigidTransform()))
    rendering(volume, grid, config)
