"""What is being reconstructed: fine Gaussians in the region and the coarse shell around it.

The shell is smooth, so it is rendered at half the resolution and interpolated: its wide
footprints would otherwise cost as much as all the fine ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ixgs_ros.gaussians.cpu import CpuSplatter
from ixgs_ros.gaussians.footprints import Footprints
from ixgs_ros.gaussians.model import GaussianModel
from ixgs_ros.reconstruction.measurement import Measurement
from ixgs_ros.reconstruction.work import Pieces
from ixgs_ros.volume.grid import Region, VoxelGrid

TAKE_OVER_SPACING = 0.0025   # m
LEAST_DENSITY = 0.5          # 1/m
# No density is multiplied or divided by more than this to match what is wanted at its site.
MOST_RATIO = 2.0


@dataclass(eq=False)
class Body:
    """The two parts; their densities add up.

    Args:
        fine: Gaussians of the region, all parameters refined.
        shell: Gaussians around it, possibly none; only their densities are fitted.
    """

    fine: GaussianModel
    shell: GaussianModel

    def __len__(self) -> int:
        """Return the number of Gaussians, shell included."""
        return len(self.fine) + len(self.shell)

    def whole(self) -> GaussianModel:
        """Return all Gaussians as one model, the fine ones first."""
        return GaussianModel.concatenate([self.fine, self.shell])

    def take_over(self, projector: Projector, other: Body, box: Region) -> None:
        """Give the fine Gaussians within a box the densities that another body has there.

        Meant for a fresh lattice: a body's density at a lattice site is what the Gaussian of that
        site was made from, so the ratio of the two densities carries over.

        Args:
            projector: evaluates both.
            other: its fine part must fill the box.
            box: where to take over.
        """
        inside = ((self.fine.means > box.lower) & (self.fine.means < box.upper)).all(1)
        grid = VoxelGrid.covering(box, TAKE_OVER_SPACING)
        sites = grid.nearest(self.fine.means[inside])
        wanted = projector.fine.voxelize(other.whole(), grid)[sites]
        self.fine.densities[inside] *= self._ratio(projector, grid, sites, wanted)

    def match(self, projector: Projector, grid: VoxelGrid, wanted: np.ndarray,
              most: float) -> None:
        """Bring the density at the sites of fine Gaussians nearer to what is wanted there.

        Their sum is what they were made from and blurred, by more than a voxel; two calls undo
        most of it. All densities move at once, so each by no more than ``MOST_RATIO``.

        Args:
            projector: evaluates the body.
            grid: of the sites; others are taken at its border.
            wanted: (z, y, x) densities, 1/m.
            most: what is wanted to be denser stays as it is, 1/m.
        """
        sites = grid.nearest(self.fine.means)
        ratio = self._ratio(projector, grid, sites, wanted[sites])
        ratio[wanted[sites] > most] = 1.0
        self.fine.densities *= np.clip(ratio, 1.0 / MOST_RATIO, MOST_RATIO)

    def _ratio(self, projector: Projector, grid: VoxelGrid, sites: tuple[np.ndarray, ...],
               wanted: np.ndarray) -> np.ndarray:
        """Return wanted densities over those at sites; 1 where there is next to nothing."""
        own = projector.fine.voxelize(self.whole(), grid)[sites]
        return np.where(own > LEAST_DENSITY, wanted / np.maximum(own, LEAST_DENSITY),
                        1.0).astype(np.float32)


class Projector:
    """Renders a body at a measurement's resolution, and backprojects to the densities.

    Holds the footprints of the last body and view it was given; their arrays serve the next.
    """

    def __init__(self) -> None:
        """Make the splatters; one for each part, as each owns the arrays of its footprints."""
        self.fine = CpuSplatter()
        self.shell = CpuSplatter()
        self._kept: Footprints | None = None
        self._kept_shell: Footprints | None = None

    def render(self, body: Body, m: Measurement) -> np.ndarray:
        """Return the line integrals (h, w) through the body; keeps the footprints."""
        self._body, self._shape = body, m.values.shape
        self.footprints = self._kept = self.fine.project(body.fine, m.view, self._kept)
        image = self.fine.render(self.footprints)
        if len(body.shell):
            self.shell_footprints = self._kept_shell = self.shell.project(
                body.shell, m.half_view, self._kept_shell)
            image = image + doubled(self.shell.render(self.shell_footprints), self._shape)
        return image

    def render_all(self, body: Body,
                   measurements: Iterable[Measurement]) -> Pieces[list[np.ndarray]]:
        """Return the line integrals of several views, a view a piece."""
        images = []
        for m in measurements:
            images.append(self.render(body, m))
            yield
        return images

    def render_ones(self) -> np.ndarray:
        """Return the image (h, w) of the same footprints with all densities 1/m."""
        body = self._body
        image = self.fine.render(self.footprints, np.ones(len(body.fine), np.float32))
        if len(body.shell):
            half = self.shell.render(self.shell_footprints, np.ones(len(body.shell), np.float32))
            image = image + doubled(half, self._shape)
        return image

    def backproject_fine(self, image: np.ndarray) -> np.ndarray:
        """Return d (image · line integrals) / d densities of the fine part, (N,) metres."""
        return self.fine.moments(self.footprints, image)

    def backproject_shell(self, image: np.ndarray) -> np.ndarray:
        """Return the same of the shell, (M,) metres."""
        if not len(self._body.shell):
            return np.zeros(0, np.float32)
        return self.shell.moments(self.shell_footprints, halved(image))


def doubled(half: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Interpolate an image of half resolution bilinearly; integer centres, the border repeated.

    Args:
        half: (h // 2, w // 2) float32.
        shape: (h, w) of the result.
    """
    for axis in (0, 1):
        count = half.shape[axis]
        before = half.take([0, *range(count - 1)], axis)
        after = half.take([*range(1, count), count - 1], axis)
        # Centres of the fine pixels lie a quarter of a coarse pixel off the coarse centres.
        pair = np.stack([np.float32(0.75) * half + np.float32(0.25) * before,
                         np.float32(0.75) * half + np.float32(0.25) * after], axis + 1)
        full = pair.reshape(*half.shape[:axis], 2 * count, *half.shape[axis + 1:])
        half = full.take(np.minimum(np.arange(shape[axis]), 2 * count - 1), axis)
    return half


def halved(image: np.ndarray) -> np.ndarray:
    """Return the sums of 2 × 2 pixels, (h // 2, w // 2) float32; an odd row is dropped."""
    height, width = image.shape[0] // 2, image.shape[1] // 2
    cut = image[:2 * height, :2 * width]
    return np.ascontiguousarray(cut[0::2, 0::2] + cut[1::2, 0::2] + cut[0::2, 1::2]
                                + cut[1::2, 1::2])
