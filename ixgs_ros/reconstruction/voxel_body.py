"""A body in coarse voxels, to see how its images change as it moves a little.

An image of half the resolution takes a tenth of the time that the Gaussians would, for these are
as many, however few the pixels.
"""

from __future__ import annotations

import numpy as np

from ixgs_ros.gaussians.model import GaussianModel
from ixgs_ros.geometry.view import View
from ixgs_ros.reconstruction import joseph
from ixgs_ros.reconstruction.body import Body, Projector
from ixgs_ros.reconstruction.coarse import grid_of
from ixgs_ros.volume.grid import Region

# Along the longest side of what each part of the body fills.
VOXELS = 64
# A part's box reaches so many of its median standard deviations beyond the centres.
REACH = 3.0


class VoxelBody:
    """The densities of both parts of a body, as they were when it was made.

    Args:
        projector: evaluates the body.
        body: what is put into voxels.
    """

    def __init__(self, projector: Projector, body: Body) -> None:
        self._layers = []
        for part in (body.fine, body.shell):
            if len(part):
                grid = grid_of(box_of(part), VOXELS)
                self._layers.append((projector.fine.voxelize(part, grid), grid))

    def render(self, view: View) -> np.ndarray:
        """Return the line integrals, (H, W) float32."""
        total = np.zeros((view.height, view.width), np.float32)
        image = np.empty_like(total)
        for volume, grid in self._layers:
            joseph.project(volume, grid.origin, grid.spacing[0], view.packed(), image)
            total += image
        return total


def box_of(part: GaussianModel) -> Region:
    """Return a box that holds the Gaussians of a part, but for the edge of what is far larger."""
    reach = REACH * float(np.exp(np.median(part.log_scales)))
    lower, upper = part.means.min(axis=0) - reach, part.means.max(axis=0) + reach
    return Region(0.5 * (lower + upper).astype(np.float64), (upper - lower).astype(np.float64))
