"""What a projection returns, and derivatives by the view it was made for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ixgs_ros.gaussians import splatting
from ixgs_ros.gaussians.model import GaussianModel
from ixgs_ros.geometry.view import View


def check_cut(made: float, wanted: float) -> None:
    """Raise unless footprints were made with the cut of the splatter that draws them.

    The factors in the table make up for what one cut loses, and the half widths end there.

    Raises:
        ValueError: naming both cuts.
    """
    if made != wanted:
        raise ValueError(f'expected footprints projected with the cut {wanted:g} of this '
                         f'splatter, got them with {made:g}')


@dataclass
class Footprints:
    """The 2-D Gaussians of a model in a view.

    Args:
        model: what was projected; it must not change until the footprints are projected anew.
        view: from where.
        scales: (N, 3) float32 standard deviations, metres.
        table: (N, 10) float32; its columns are in `splatting`.
        cut: Mahalanobis distance at which they end.
    """

    model: GaussianModel
    view: View
    scales: np.ndarray
    table: np.ndarray
    cut: float

    def __len__(self) -> int:
        """Return the number of Gaussians, seen or not."""
        return len(self.table)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the image, pixels."""
        return self.view.height, self.view.width

    @property
    def seen(self) -> np.ndarray:
        """Which Gaussians touch the image, (N,) bool."""
        return self.table[:, splatting.HALF_WIDTH] >= 0

    @property
    def centers(self) -> np.ndarray:
        """The footprints' centres (u, v), (N, 2) pixels; 0 where not seen."""
        return self.table[:, [splatting.U, splatting.V]]

    @property
    def factors(self) -> np.ndarray:
        """Line integral through the centre for a density of 1/m, (N,) metres; 0 if not seen."""
        return self.table[:, splatting.FACTOR]


@dataclass(frozen=True, eq=False)
class ViewGradient:
    """Derivatives of a loss by a view, float64.

    Args:
        pose: (6,) by a small motion of the body in the source frame: a rotation vector about the
            source (1/rad), then a translation (1/m), so that `source_from_reference` becomes
            `RigidTransform.from_rotation_vector(pose[:3], pose[3:]) @ source_from_reference`.
        intrinsics: (4,) by fx, fy, cx, cy, 1/px.
    """

    pose: np.ndarray
    intrinsics: np.ndarray

    def pose_about(self, pivot: np.ndarray) -> np.ndarray:
        """Return the pose's derivative with the rotation about another point.

        Args:
            pivot: (3,) in the source frame, metres. Turning about c by ω moves the point t by
                ω × (t - c): the turn about the source and the translation -ω × c.
        """
        turn, shift = self.pose[:3], self.pose[3:]
        return np.concatenate([turn - np.cross(pivot, shift), shift])
