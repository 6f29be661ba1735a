"""What the reconstructor publishes: the messages of its topics from its session's results."""

from __future__ import annotations

from collections.abc import Callable

from geometry_msgs.msg import PoseArray
import numpy as np
from rclpy.serialization import serialize_message
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Float32
from visualization_msgs.msg import MarkerArray

from ixgs.msg import ReconstructionStatus, ShotReport, VoxelVolume
from ixgs_ros.gaussians.model import GaussianModel
from ixgs_ros.geometry import View
from ixgs_ros.nodes.reconstruction_results import Status
from ixgs_ros.nodes.reconstructor_config import ReconstructorConfig
from ixgs_ros.ros import qos
from ixgs_ros.ros.diagnostics import Level
from ixgs_ros.ros.lifecycle import ManagedNode
from ixgs_ros.ros.markers import DrawnShot, scene_markers
from ixgs_ros.ros.messages import header, to_bytes, to_pose, to_vector
from ixgs_ros.ros.point_cloud import gaussians_to_cloud
from ixgs_ros.ros.shot_message import Fit, to_report
from ixgs_ros.ros.volume_message import PUBLISHED_BYTES, volume_to_message, VolumeInfo
from ixgs_ros.verdict import Code, Verdict
from ixgs_ros.volume.grid import Region, VoxelGrid


class ReconstructionOutputs:
    """The publishers of the reconstructor node; implements the session's ``Sinks``.

    Args:
        node: advertises and diagnoses.
        config: of the node.
        waiting: returns how many shots wait.
    """

    def __init__(self, node: ManagedNode[ReconstructorConfig], config: ReconstructorConfig,
                 waiting: Callable[[], int]) -> None:
        self._node = node
        self._config = config
        self._waiting = waiting
        self._spacing_said = 0.0
        self._contradicted = False
        self._volume = node.advertise(VoxelVolume, '~/volume', qos.LATCHED)
        self._deviation = node.advertise(VoxelVolume, '~/deviation', qos.LATCHED)
        self._gaussians = node.advertise(PointCloud2, '~/gaussians', qos.LATCHED)
        self._status = node.advertise(ReconstructionStatus, '~/status', qos.LATCHED)
        self._report = node.advertise(ShotReport, '~/report', qos.REPORTS)
        self._markers = node.advertise(MarkerArray, '~/markers', qos.LATCHED)
        self._next_view = node.advertise(PoseArray, '~/next_view', qos.LATCHED)
        self._coverage = node.advertise(Float32, '~/coverage', qos.LATCHED)

    def warm_up(self) -> None:
        """Serialise messages of the largest size once, on the thread that will publish.

        The first large message of a thread costs up to a tenth of a second in fresh memory pages,
        and rclpy holds the GIL for it: no callback would run.
        """
        volume = np.zeros(PUBLISHED_BYTES, np.uint8)
        serialize_message(VoxelVolume(data=to_bytes(volume)))
        cloud = gaussians_to_cloud(GaussianModel.empty(self._config.publish.max_points), 0, '')
        serialize_message(cloud)

    def volume(self, volume: np.ndarray, grid: VoxelGrid, info: VolumeInfo) -> None:
        """Publish a volume."""
        spacing = float(grid.spacing[0])
        if spacing > self._config.volume.spacing and spacing != self._spacing_said:
            self._spacing_said = spacing
            self._node.get_logger().warning(
                f'the volume is published with {1e3 * spacing:.2f} mm instead of '
                f'{1e3 * self._config.volume.spacing:.2f} mm, so that it stays under 8 MiB; '
                '~/get_volume and ~/save give it in full')
        self._volume.publish(volume_to_message(volume, grid, info))
        self._node.diagnostics.count('volumes published')

    def wants_deviation(self) -> bool:
        """Return whether anybody subscribes to the deviation."""
        return bool(self._deviation.get_subscription_count())

    def deviation(self, volume: np.ndarray, grid: VoxelGrid, info: VolumeInfo) -> None:
        """Publish the deviation of voxels."""
        self._deviation.publish(volume_to_message(volume, grid, info))

    def gaussians(self, model: GaussianModel, stamp_ns: int) -> None:
        """Publish the Gaussians as points."""
        self._gaussians.publish(gaussians_to_cloud(model, stamp_ns, self._config.reference_frame,
                                                   self._config.publish.max_points))

    def report(self, shot_id: int, stamp_ns: int, verdict: Verdict, fit: Fit | None = None,
               steady_ns: int = 0, before: Code | None = None) -> None:
        """Publish, count and log what became of a shot, which counts under its last code only."""
        self._report.publish(to_report(shot_id, stamp_ns, self._config.reference_frame, verdict,
                                       fit=fit, steady_ns=steady_ns))
        self._node.diagnostics.count(f'shots {verdict.code.value}')
        if before is not None:
            self._node.diagnostics.count(f'shots {before.value}', -1)
        if not verdict.accepted:
            self._node.get_logger().warning(
                f'shot {shot_id}: {verdict.code.value}: {verdict.message}')

    def scene(self, shots: list[DrawnShot], region: Region | None, proposed: View | None,
              stamp_ns: int) -> None:
        """Publish C-arms, region and the proposed view as markers, and the proposal as a pose."""
        frame = self._config.reference_frame
        self._markers.publish(scene_markers(shots, region, self._config.sdd, stamp_ns, frame,
                                            proposed))
        poses = [] if proposed is None else [to_pose(proposed.reference_from_source)]
        self._next_view.publish(PoseArray(header=header(stamp_ns, frame), poses=poses))

    def coverage(self, share: float) -> None:
        """Publish and diagnose the angular coverage."""
        self._coverage.publish(Float32(data=share))
        self._node.diagnostics.put('model coverage', share)

    def status(self, status: Status) -> None:
        """Publish the status."""
        message = ReconstructionStatus(
            header=header(status.stamp_ns, self._config.reference_frame), state=status.state,
            views=status.views, refused=status.refused, queue_length=self._waiting(),
            gaussians=status.gaussians, steps=status.steps, revision=status.revision,
            held_out_residual=status.held_out_residual, converged=status.converged,
            last_latency=status.last_latency)
        if status.region is not None:
            center = message.region_center
            center.x, center.y, center.z = (float(value) for value in status.region.center)
            message.region_size = to_vector(status.region.size)
        self._status.publish(message)
        for key in ('state', 'views', 'refused', 'gaussians', 'steps', 'revision',
                    'held_out_residual'):
            self._node.diagnostics.put(f'model {key}', getattr(status, key))
        self._warn_of(status.contradiction)

    def _warn_of(self, contradiction: str) -> None:
        """Let the diagnostics say that the shots contradict each other; log it as it begins."""
        if not contradiction:
            self._node.diagnostics.clear('contradiction')
        else:
            self._node.diagnostics.hold('contradiction', Level.WARN, contradiction)
            if not self._contradicted:
                self._node.get_logger().warning(contradiction)
        self._contradicted = bool(contradiction)

    def failed(self, what: str, error: Exception) -> None:
        """Log, count and show an exception that was not foreseen."""
        self._node.guard.failed(what, error)
