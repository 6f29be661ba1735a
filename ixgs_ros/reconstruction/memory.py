"""How much memory a reconstruction takes at most, stated before it is begun.

Counted are the arrays, by the shapes that the code gives them: not Python and its libraries (they
are there already when this is asked), nor images that wait elsewhere, nor files being written.
Two large things come at different times: the voxels of a new start, and the refinement of what
came of it while the model it may replace is still there. A volume may be asked for during either.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from ixgs_ros.gaussians import splatting
from ixgs_ros.gaussians.box import BOX_COLUMNS
from ixgs_ros.geometry.region import LARGEST_FIELD
from ixgs_ros.reconstruction.body import TAKE_OVER_SPACING
from ixgs_ros.reconstruction.coarse import OUTER_VOXELS, REGION_VOXELS
from ixgs_ros.reconstruction.config import ReconstructionConfig
from ixgs_ros.reconstruction.measurement import PIXEL_PER_VOXEL
from ixgs_ros.reconstruction.refinement import TV_VOXELS
from ixgs_ros.reconstruction.start import fine_region
from ixgs_ros.reconstruction.voxel_body import VOXELS
from ixgs_ros.volume.grid import Region, VoxelGrid

FLOAT = 4  # bytes
# Numbers of a Gaussian: 3 of the centre, 3 scales, 4 of the quaternion, 1 density.
PARAMETERS = 11
# Numbers of a Gaussian held by an optimiser: two running means, an age, 3 of work space.
ADAM = 2 * PARAMETERS + 4
# ... and by a splatter: the table of footprints, scales and moments in an image and in a box
# (there the table twice, and an order).
SPLATTER = (splatting.COLUMNS + 3 + 6) + (2 * BOX_COLUMNS + 1 + 3 + 10)
# Images of one view at work, and bytes a pixel of a shot while it is checked and binned.
IMAGES, BINNING_BYTES = 16, 34
# Bytes a voxel of the coarse start: a layer's volume, the one before, dual field and support; the
# same with what a sweep needs beside; the coordinates, float64, by which the layer around the
# region is made.
LAYER_BYTES, SWEEP_BYTES, POINTS_BYTES = 21, 35, 60


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes at most, by what they hold.

    Args:
        shots: the images as they came, and one of them while it is binned.
        views: binned values and weights, and an image of each view.
        majorisers: of the shell's density steps, one number a Gaussian and view.
        model: the Gaussians, the old and the new ones and a copy.
        gradients: of the images and of the smoothing.
        adam: the optimiser's state.
        footprints: tables and moments of Gaussians in an image and in a box.
        images: partial and padded images, and those of one step.
        smoothing: the voxels of the total variation.
        poses: the voxels by which poses are fitted.
        voxelizer: the padded form of the largest volume so far.
        layers: what the coarse voxels of the last start held.
        coarse: while a new start is under way, its voxels.
        sweep: what a piece of that work needs beside.
        renewal: after it, what a second model's refinement needs; the fine part's majorisers too.
        volume: while one is asked for, its voxels and their deviation, and the padded form that it
            outgrows.
    """

    shots: int
    views: int
    majorisers: int
    model: int
    gradients: int
    adam: int
    footprints: int
    images: int
    smoothing: int
    poses: int
    voxelizer: int
    layers: int
    coarse: int
    sweep: int
    renewal: int
    volume: int

    @property
    def total(self) -> int:
        """The sum of what may be there at one time.

        Volumes are made between two pieces of work; a start's voxels go before the refinement.
        """
        apart = self.coarse, self.sweep, self.renewal, self.volume
        return sum(dataclasses.astuple(self)) - sum(apart) + max(
            self.coarse + max(self.sweep, self.volume), self.renewal + self.volume)

    def __str__(self) -> str:
        """Return the total and the parts in MB."""
        parts = ', '.join(f'{name} {1e-6 * count:.0f}'
                          for name, count in dataclasses.asdict(self).items())
        return f'{1e-6 * self.total:.0f} MB ({parts})'


def estimate_memory(config: ReconstructionConfig, detector: tuple[int, int] = (1024, 1024),
                    views: int | None = None, field: float = LARGEST_FIELD,
                    most_voxels: int | None = None) -> MemoryEstimate:
    """Return how much memory a reconstruction takes at most.

    Args:
        config: all settings.
        detector: rows and columns of the images; unknown before the first, so by default those of
            a common flat panel.
        views: shots taken in; by default as many as may be stored.
        field: width of what the detector sees at the region, metres: the side of an automatic
            region, and with the spacing it says how much is binned. By default the widest there
            is.
        most_voxels: no volume of more is asked for; None: that of the configuration is.
    """
    views = config.max_shots if views is None else views
    box = _region(config, field)
    start = fine_region(box)
    asked = int(np.prod(VoxelGrid.covering(box, config.volume.spacing).size))
    pixels = int(np.prod(detector))
    binned = _binned(detector, config.volume.spacing, field)
    image = int(np.prod(binned))
    padded = int(np.prod(splatting.padded_shape(binned)))
    count = config.model.max_gaussians
    beyond = int(np.ceil(config.model.shell_share * count))
    inner, outer = _cells(start, REGION_VOXELS), OUTER_VOXELS**3 if beyond else 0
    smooth = _cells(box, TV_VOXELS)
    moved = int(np.prod(VoxelGrid.covering(start, TAKE_OVER_SPACING).size))
    before = max(moved, smooth, VOXELS**3)
    voxels = max(asked if most_voxels is None else min(asked, most_voxels), before)
    return MemoryEstimate(
        shots=2 * FLOAT * pixels * views + BINNING_BYTES * pixels,
        views=FLOAT * image * views * (2 * 4 + 1),
        majorisers=FLOAT * 2 * views * beyond,
        model=FLOAT * PARAMETERS * count * 3,
        gradients=FLOAT * PARAMETERS * count * 2,
        adam=FLOAT * ADAM * count,
        footprints=FLOAT * SPLATTER * count,
        images=FLOAT * ((splatting.PARTS + 1) * padded * 5 // 4 + IMAGES * image),
        smoothing=FLOAT * 3 * smooth,
        poses=FLOAT * VOXELS**3 * (2 if beyond else 1),
        voxelizer=FLOAT * _padded(voxels),
        layers=FLOAT * (inner + outer),
        coarse=LAYER_BYTES * (inner + outer),
        sweep=max((SWEEP_BYTES - LAYER_BYTES) * (inner + outer),
                  (POINTS_BYTES - LAYER_BYTES) * outer),
        renewal=FLOAT * ((views + ADAM + PARAMETERS) * count + 3 * smooth),
        volume=FLOAT * (voxels + min(asked, voxels) + _padded(before)))


def _region(config: ReconstructionConfig, field: float) -> Region:
    """Return the configured box, or the largest that an automatic one can be."""
    size = np.array(config.region.size)
    return Region(np.array(config.region.center), size if size.any() else np.full(3, field))


def _binned(detector: tuple[int, int], spacing: float, field: float) -> tuple[int, int]:
    """Return the most rows and columns that binning leaves.

    A pixel that could be binned once more is wider than half of ``PIXEL_PER_VOXEL`` voxels.
    """
    finest = 0.5 * PIXEL_PER_VOXEL * spacing
    factor = 1
    while max(detector) / factor > field / finest and min(detector) // (4 * factor) >= 16:
        factor *= 2
    return detector[0] // factor, detector[1] // factor


def _padded(voxels: int) -> int:
    """Return the voxels of a padded cube of so many; of a box of another shape, about."""
    side = round(voxels ** (1 / 3)) + 1
    return int(np.prod(splatting.padded_shape((side, side, side))))


def _cells(box: Region, longest: int) -> int:
    """Return how many voxels fill a box, ``longest`` of them along its longest side."""
    return int(np.prod(np.ceil(longest * box.size / box.size.max())))
