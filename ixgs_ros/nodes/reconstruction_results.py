"""What a reconstruction session gives out, and to whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.spatial.transform import Rotation

from ixgs_ros.gaussians.model import GaussianModel
from ixgs_ros.geometry import View
from ixgs_ros.reconstruction.fit import ShotFit
from ixgs_ros.ros.markers import DrawnShot
from ixgs_ros.ros.shot_message import Fit
from ixgs_ros.ros.volume_message import VolumeInfo
from ixgs_ros.verdict import Code, Verdict
from ixgs_ros.volume.grid import Region, VoxelGrid


class RequestError(ValueError):
    """A service asks for what cannot be done; the message says what was expected."""


@dataclass(frozen=True)
class Status:
    """The state of the reconstruction; the fields are ``ixgs/msg/ReconstructionStatus``'s.

    But ``contradiction``: what the diagnostics say of the shots as a whole, '' if nothing.
    """

    stamp_ns: int
    state: str
    views: int
    refused: int
    gaussians: int
    steps: int
    revision: int
    held_out_residual: float
    converged: bool
    last_latency: float
    region: Region | None
    contradiction: str


class Sinks(Protocol):
    """Where the results go; called on the compute thread."""

    def volume(self, volume: np.ndarray, grid: VoxelGrid, info: VolumeInfo) -> None:
        """Take a new volume, float32 (z, y, x) in 1/m."""

    def wants_deviation(self) -> bool:
        """Return whether anybody looks at the deviation: it costs about a second."""

    def deviation(self, volume: np.ndarray, grid: VoxelGrid, info: VolumeInfo) -> None:
        """Take the deviation of the voxels of a model that stands, float32 (z, y, x) in 1/m."""

    def gaussians(self, model: GaussianModel, stamp_ns: int) -> None:
        """Take the Gaussians of the volume just published."""

    def report(self, shot_id: int, stamp_ns: int, verdict: Verdict, fit: Fit | None = None,
               steady_ns: int = 0, before: Code | None = None) -> None:
        """Take the report of a shot; ``before`` is what was said of it last, if anything."""

    def scene(self, shots: list[DrawnShot], region: Region | None, proposed: View | None,
              stamp_ns: int) -> None:
        """Take what is drawn beside the volume, the proposed next view too."""

    def coverage(self, share: float) -> None:
        """Take the angular coverage of all accepted shots, 0 to 1."""

    def status(self, status: Status) -> None:
        """Take the status after a change."""

    def failed(self, what: str, error: Exception) -> None:
        """Take an exception that was not foreseen."""


def to_fit(found: ShotFit, reported: View) -> Fit:
    """Return a fit as reports have it: the pose's correction along the reference frame's axes.

    Args:
        found: of the reconstruction; its correction is ``corrected source from reported source``.
        reported: the view as the tracker gave it.
    """
    reference_from_reported = reported.reference_from_source
    moved = found.pose_correction.inverse()
    turn = reference_from_reported.rotation
    return Fit(found.residual, found.exposure_offset, found.scale,
               pose_translation=turn @ moved.translation,
               pose_rotation=turn @ Rotation.from_matrix(moved.rotation).as_rotvec(),
               pose_covariance=found.pose_covariance)
