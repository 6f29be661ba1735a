"""The navigator node: slices and a rendering of the newest volume, about a cross-hair or a tool.

Subscribes: ``volume`` (latched), ``~/crosshair`` (PointStamped); with a tool also ``/tf`` and
``/tf_static``. Publishes, latched, with the stamp and frame of the volume: ``~/slice/NAME``
(mono8 in the window) and ``~/slice/NAME/data`` (32FC1, 1/m) for axial, coronal, sagittal and, with
a tool, oblique; ``~/rendering`` (mono8); ``~/planes`` (outlines as markers).

Callbacks keep the newest input and wake the compute thread, which shows what is newest by then.
"""

from __future__ import annotations

from concurrent.futures import Future
from functools import partial
import time
from typing import Any

from geometry_msgs.msg import PointStamped
import numpy as np
from sensor_msgs.msg import Image
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import MarkerArray

from ixgs.msg import VoxelVolume
from ixgs_ros.geometry import RigidTransform
from ixgs_ros.nodes import navigation
from ixgs_ros.nodes.navigator_config import NavigatorConfig
from ixgs_ros.nodes.tool_tracker import ToolLost, ToolTracker
from ixgs_ros.parameters import ParameterError, parameters_of
from ixgs_ros.ros import adapters, qos
from ixgs_ros.ros.diagnostics import Level
from ixgs_ros.ros.images_out import image_message
from ixgs_ros.ros.lifecycle import ACTIVE, ManagedNode
from ixgs_ros.ros.markers import plane_markers
from ixgs_ros.ros.messages import from_transform, to_ns
from ixgs_ros.ros.volume_message import message_to_volume
from ixgs_ros.ros.worker import Worker, WorkerFull
from ixgs_ros.volume import Plane, VoxelGrid
from ixgs_ros.volume.mpr import windowed

TOOL_PERIOD_S = 0.1
# Read at configure time only: which frames are meant, and how files and slices are oriented.
FIXED = ('reference_frame', 'lps_from_reference.')


class NavigatorNode(ManagedNode[NavigatorConfig]):
    """See the module's text."""

    def __init__(self, **arguments: Any) -> None:
        """Make the node unconfigured; arguments as for ``ManagedNode`` without name and class."""
        super().__init__('navigator', NavigatorConfig, **arguments)
        self._worker: Worker | None = None
        for name in parameters_of(NavigatorConfig):
            if not name.startswith(FIXED):
                self.parameters.on_change(name, self._on_parameter)

    def configure(self, config: NavigatorConfig) -> None:
        """Compile the kernels and advertise."""
        _check_window(config)
        config.lps_from_reference.transform()
        self._config = config
        self._message: VoxelVolume | None = None
        self._point: np.ndarray | None = None
        self._tracker = ToolTracker(adapters.transform_source(), time.monotonic_ns)
        self._tool: RigidTransform | None = None
        self._decoded: tuple[VoxelVolume, np.ndarray, VoxelGrid] | None = None
        self._rendered: tuple[VoxelVolume, NavigatorConfig] | None = None
        self._images = {name: self.advertise(Image, f'~/slice/{name}', qos.LATCHED)
                        for name in navigation.SLICES}
        self._data = {name: self.advertise(Image, f'~/slice/{name}/data', qos.LATCHED)
                      for name in navigation.SLICES}
        self._rendering = self.advertise(Image, '~/rendering', qos.LATCHED)
        self._planes = self.advertise(MarkerArray, '~/planes', qos.LATCHED)
        # One piece of work runs and one waits: the one that waits will see the newest input.
        self._worker = Worker('navigation', 1)
        self._worker.submit(navigation.warm_up, config).result()

    def activate(self) -> None:
        """Listen."""
        self.subscribe(VoxelVolume, 'volume', self._on_volume, qos.LATCHED)
        self.subscribe(PointStamped, '~/crosshair', self._on_crosshair, qos.COMMANDS)
        self._hears_transforms = False
        if self._config.crosshair.source == 'tool':
            self._hear_transforms()

    def cleanup(self) -> None:
        """End the compute thread."""
        if self._worker is not None:
            self._worker.stop()
            self._worker = None

    # -- callbacks ------------------------------------------------------------------------------

    def _on_volume(self, message: VoxelVolume) -> None:
        if message.header.frame_id != self._config.reference_frame:
            self.diagnostics.hold('volume', Level.ERROR, f'the volume is given in '
                                  f'{message.header.frame_id!r}, expected '
                                  f'{self._config.reference_frame!r}')
            return
        self.diagnostics.clear('volume')
        self._message = message
        self._show()

    def _on_crosshair(self, message: PointStamped) -> None:
        frame, point = message.header.frame_id, message.point
        position = np.array([point.x, point.y, point.z])
        if frame != self._config.reference_frame or not np.isfinite(position).all():
            sentence = (f'the point {position.tolist()} in {frame!r} is not used, expected finite '
                        f'numbers in {self._config.reference_frame!r}')
            self.get_logger().warning(sentence)
            self.diagnostics.hold('crosshair', Level.WARN, sentence)
            return
        self.diagnostics.clear('crosshair')
        self._point = position
        self._show()

    def _hear_transforms(self) -> None:
        """Subscribe to transforms, once a tool is wanted: hundreds a second cost a node dearly."""
        if self._hears_transforms:
            return
        self._hears_transforms = True
        self.subscribe(TFMessage, '/tf', partial(self._on_transforms, False), qos.TF)
        self.subscribe(TFMessage, '/tf_static', partial(self._on_transforms, True),
                       qos.TF_STATIC_LISTENER)
        self.every(TOOL_PERIOD_S, self._follow_tool, 'tool')

    def _on_transforms(self, static: bool, message: TFMessage) -> None:
        for item in message.transforms:
            try:
                self._tracker.insert(item.header.frame_id, item.child_frame_id,
                                     to_ns(item.header.stamp), from_transform(item.transform),
                                     static)
            except ValueError as error:
                self.diagnostics.count('transforms refused')
                self.diagnostics.hold('tf', Level.WARN, f'transform of {item.child_frame_id!r} in '
                                      f'{item.header.frame_id!r}: {error}')

    def _follow_tool(self) -> None:
        if self._config.crosshair.source == 'tool':
            self._show()

    def _on_parameter(self, value: Any) -> None:
        """Take up changed parameters; a node that is not configured reads them later anyway."""
        if self._worker is None:
            return
        config = self.parameters.build()
        try:
            _check_window(config)
        except ParameterError as error:
            self.get_logger().error(str(error))
            self.diagnostics.hold('window', Level.ERROR, str(error))
            return
        self.diagnostics.clear('window')
        self._config = config
        if self.state == ACTIVE and config.crosshair.source == 'tool':
            self._hear_transforms()
        self._show()

    def _show(self) -> None:
        """Wake the compute thread with the newest input."""
        if self._worker is None or self._message is None:
            return
        self._tool = self._locate_tool()
        try:
            self._worker.submit(self._publish).add_done_callback(self._published)
        except WorkerFull:
            self.diagnostics.count('updates joined')  # the one that waits shows the newest input

    def _locate_tool(self) -> RigidTransform | None:
        chosen = self._config.crosshair
        if chosen.source != 'tool':
            self.diagnostics.clear('tool')
            return None
        try:
            found = self._tracker.locate(self._config.reference_frame, chosen.tool_frame,
                                         chosen.max_age)
        except ToolLost as error:
            self.diagnostics.hold('tool', Level.WARN, f'no slices are shown: {error}')
            return None
        self.diagnostics.clear('tool')
        return found.reference_from_tool

    # -- the compute thread ---------------------------------------------------------------------

    def _publish(self) -> None:
        """Publish slices and planes, and the rendering where volume or settings are new."""
        message, config, tool = self._message, self._config, self._tool
        assert message is not None
        if self._decoded is None or self._decoded[0] is not message:
            self._decoded = (message, *message_to_volume(message))
        _, volume, grid = self._decoded
        stamp_ns, frame = to_ns(message.header.stamp), message.header.frame_id
        planes: dict[str, Plane] = {}
        if config.crosshair.source != 'tool' or tool is not None:
            planes = navigation.slice_planes(grid, self._meeting_point(grid, config, tool), config,
                                             tool)
        for name, image in navigation.slices(volume, grid, planes).items():
            grey = windowed(image, config.window.low, config.window.high)
            self._images[name].publish(image_message(grey, stamp_ns, frame))
            self._data[name].publish(image_message(image, stamp_ns, frame))
        self._planes.publish(plane_markers(planes, stamp_ns, frame))
        rendered = self._rendered
        if rendered is None or rendered[0] is not message or rendered[1] is not config:
            picture = navigation.rendering(volume, grid, config)
            self._rendering.publish(image_message(picture, stamp_ns, frame))
            self._rendered = (message, config)

    def _meeting_point(self, grid: VoxelGrid, config: NavigatorConfig,
                       tool: RigidTransform | None) -> np.ndarray:
        if tool is not None:
            return tool.translation
        if config.crosshair.source == 'point':
            return np.array(config.crosshair.point)
        return grid.region.center if self._point is None else self._point

    def _published(self, work: Future[None]) -> None:
        if work.cancelled():
            return
        error = work.exception()
        if isinstance(error, Exception):
            self.guard.failed('slices', error)


def _check_window(config: NavigatorConfig) -> None:
    """Raise ParameterError unless the window ends above its start."""
    low, high = config.window.low, config.window.high
    if not low < high:
        raise ParameterError(f'window.low, window.high: expected low < high, got {low} and {high}')
