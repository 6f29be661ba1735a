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
# Gaussians reach so many of their part's median standard deviations beyond their centres' box.
REACH = 3.0


class VoxelBody:
    """The densities of both parts of a body, as they were when it was made.

    Args:
        projector: evaluates the body.
        body: what is put into voxels.
        box: that the fine part's centres fill; one that wandered off must not widen the voxels.
    """

    def __init__(self, projector: Projector, body: Body, box: Region) -> None:
        # Where all is air there is nothing to put into voxels.
        parts = [(body.fine, box.lower, box.upper)] if len(body.fine) else []
        if len(body.shell):
            # The shell's centres never move.
            means = body.shell.means.astype(np.float64)
            parts.append((body.shell, means.min(axis=0), means.max(axis=0)))
        grids = [(part, grid_of(grown(lower, upper, part), VOXELS))
                 for part, lower, upper in parts]
        self._layers = [(projector.fine.voxelize(part, grid), grid) for part, grid in grids]

    def render(self, view: View) -> np.ndarray:
        """Return the line integrals, (H, W) float32."""
        total = np.zeros((view.height, view.width), np.float32)
        image = np.empty_like(total)
        for volume, grid in self._layers:
            joseph.project(volume, grid.origin, grid.spacing[0], view.packed(), image)
            total += image
        return total


def grown(lower: np.ndarray, upper: np.ndarray, part: GaussianModel) -> Region:
    """Return a box, or a point, with what Gaussians centred in it reach beyond it."""
    reach = REACH * float(np.exp(np.median(part.log_scales)))
    return Region(0.5 * (lower + upper), upper - lower + 2 * reach)
