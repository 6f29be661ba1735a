"""The acquisition node: image, camera info and transforms in; shots and reports out.

Callbacks put messages into an inbox and hand it to the compute thread, which owns the gate
(``ixgs_ros.acquisition``), decodes, converts and publishes; so no callback computes or waits.

Subscribes: ``image``, ``camera_info``, ``/tf``, ``/tf_static``, and what the reconstructors report
(``reports``, ``attenuation/reports``). Publishes: ``~/shots`` (accepted ones) and ``~/report``
(one for each image message, accepted or not).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
import time
from typing import Any

from rclpy.clock import JumpThreshold
from rclpy.duration import Duration
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from tf2_msgs.msg import TFMessage

from ixgs.msg import Shot as ShotMessage
from ixgs.msg import ShotReport
from ixgs_ros.acquisition import AcquiredShot, Acquisition, Outcome
from ixgs_ros.acquisition.images import Frame
from ixgs_ros.acquisition.numbers import Numbers
from ixgs_ros.nodes.acquisition_config import AcquisitionNodeConfig
from ixgs_ros.ros import adapters, qos
from ixgs_ros.ros.diagnostics import Level
from ixgs_ros.ros.image_message import from_camera_info, from_compressed_image
from ixgs_ros.ros.lifecycle import ManagedNode
from ixgs_ros.ros.messages import to_ns
from ixgs_ros.ros.shot_message import to_report, to_shot_message
from ixgs_ros.ros.worker import Worker
from ixgs_ros.verdict import Code, Verdict

# What arrives is polled for at once; this is for images whose time runs out.
POLL_S = 0.1
# Transforms that wait to be handed over while there is no image.
LOT = 50
FLUSH_S = 10.0
# Shots that the model is without, as if they had never come.
OUT_AGAIN = (Code.REMOVED.value, Code.FAILED.value)


class AcquisitionNode(ManagedNode[AcquisitionNodeConfig]):
    """Pairs images with camera infos and poses; every image message ends in one report."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__('acquisition', AcquisitionNodeConfig, **arguments)
        self._worker: Worker | None = None
        # Numbers go on when the node is cleaned up and configured anew, as for other parameters:
        # the nodes behind it know the earlier ones. Those of an earlier process are known from
        # their reports.
        self._ids = Numbers()

    def configure(self, config: AcquisitionNodeConfig) -> None:
        """Make the gate and the outputs."""
        self._config = config
        self._gate = Acquisition(config, adapters.transform_source(), self._ids)
        self._inbox: list[Callable[[], Any]] = []
        self._images_waiting = 0
        self._reports_wait = False
        self._turn: Future[None] | None = None
        self._shots = self.advertise(ShotMessage, '~/shots', qos.SHOTS)
        self._reports = self.advertise(ShotReport, '~/report', qos.REPORTS)
        self._worker = Worker('acquisition', capacity=4)
        self.get_logger().info(f'reference frame {config.reference_frame}; {adapters.choice()}')

    def activate(self) -> None:
        """Subscribe; the first poll comes with the first message."""
        self.await_listener(self._shots)
        frames = qos.frames_with(self._config.image_reliability)
        if self._config.compressed:
            self.subscribe(CompressedImage, 'image',
                           lambda message: self._take_image(from_compressed_image(message)),
                           frames)
        else:
            self.subscribe(Image, 'image',
                           lambda message: self._take_image(adapters.image_frame(message)), frames)
        self.subscribe(CameraInfo, 'camera_info', self._on_camera_info, frames)
        self.subscribe(TFMessage, '/tf', partial(self._on_transforms, False), qos.TF)
        self.subscribe(TFMessage, '/tf_static', partial(self._on_transforms, True),
                       qos.TF_STATIC_LISTENER)
        for topic in ('reports', 'attenuation/reports'):
            self.subscribe(ShotReport, topic, self._on_report, qos.REPORTS)
        self.every(POLL_S, self._poll_if_due, 'poll')
        backwards = JumpThreshold(min_forward=None, min_backward=Duration(nanoseconds=-1),
                                  on_clock_change=False)
        self._jumps = self.get_clock().create_jump_callback(
            backwards, post_callback=self.guard.wrap(self._on_time_jump, '/clock'))

    def deactivate(self) -> None:
        """Give every waiting image its verdict."""
        assert self._worker is not None
        self._jumps.unregister()
        self._worker.submit(self._work, self._empty_inbox(), True).result(FLUSH_S)

    def cleanup(self) -> None:
        """End the compute thread."""
        if self._worker is not None:
            self._worker.stop()
            self._worker = None

    def observe(self) -> None:
        """Show what came, what waits and what became of it."""
        if self.state == 'active':
            for topic in ('image', 'camera_info', '/tf', '/tf_static'):
                self.diagnostics.put(f'publishers of {topic}', self.count_publishers(
                    self.resolve_topic_name(topic)))

    # -- callbacks: into the inbox ----------------------------------------------------------------

    def _take_image(self, frame: Frame) -> None:
        arrival_ns = time.monotonic_ns()
        if self._images_waiting >= self._config.inbox:
            verdict = Verdict(Code.OVERLOAD, f'{self._images_waiting} images wait to be taken up; '
                              f'expected at most {self._config.inbox} (parameter inbox)')
            self._report(0, frame.stamp_ns, verdict, arrival_ns)
            return
        self._images_waiting += 1
        self._inbox.append(partial(self._gate.add_image, frame, arrival_ns))
        self._poll()

    def _on_camera_info(self, message: CameraInfo) -> None:
        self._inbox.append(partial(self._gate.add_camera_info, from_camera_info(message)))

    def _on_transforms(self, static: bool, message: TFMessage) -> None:
        for item in message.transforms:
            shift, turn = item.transform.translation, item.transform.rotation
            self._inbox.append(partial(
                self._gate.add_transform, item.header.frame_id, item.child_frame_id,
                to_ns(item.header.stamp), (shift.x, shift.y, shift.z),
                (turn.x, turn.y, turn.z, turn.w), static))
        self._poll_if_due()

    def _on_report(self, message: ShotReport) -> None:
        self._inbox.append(partial(self._know, message.id))
        if message.code in OUT_AGAIN:
            self._inbox.append(partial(self._forget, message.id, to_ns(message.header.stamp),
                                       message.code))
        self._reports_wait = True
        self._poll_if_due()

    def _on_time_jump(self, jump: Any) -> None:
        self._inbox.append(partial(self._gate.time_jumped, 'the ROS clock went back'))
        self._poll()

    def _poll_if_due(self) -> None:
        """Poll while an image waits; transforms alone are handed over in lots, to save time."""
        if (self._images_waiting or self._reports_wait or self._gate.waiting
                or len(self._inbox) >= LOT):
            self._poll()

    def _poll(self) -> None:
        """Hand the inbox over, unless the compute thread is still at the last one."""
        assert self._worker is not None
        if self._turn is not None:
            if not self._turn.done():
                return
            error = self._turn.exception()
            if error is not None:
                self.guard.failed('acquisition', error)
        self._turn = self._worker.submit(self._work, self._empty_inbox(), False)

    def _empty_inbox(self) -> list[Callable[[], Any]]:
        batch, self._inbox, self._images_waiting = self._inbox, [], 0
        self._reports_wait = False
        return batch

    # -- the compute thread -----------------------------------------------------------------------

    def _work(self, batch: list[Callable[[], Any]], last: bool) -> None:
        for take in batch:
            take()
        outcomes = self._gate.flush() if last else self._gate.poll(time.monotonic_ns())
        for outcome in outcomes:
            self._publish(outcome)
        for event in self._gate.take_events():
            self.get_logger().warning(event)
            self.diagnostics.put('last event', event)
        for key, number in self._gate.summary().items():
            self.diagnostics.put(key, number)

    def _know(self, shot_id: int) -> None:
        """Let no shot have the number of one that a reconstructor has reported."""
        if self._ids.go_on_after(shot_id):
            self.get_logger().info(f'shot {shot_id} was reported before: numbers go on after it')

    def _forget(self, shot_id: int, stamp_ns: int, code: str) -> None:
        """Let an exposure that is out of the model come again, and say from when on."""
        if self._gate.forget(shot_id, stamp_ns):
            self.get_logger().info(f'shot {shot_id} is out of the model ({code}): '
                                   'its exposure may come again')

    def _publish(self, outcome: Outcome) -> None:
        if isinstance(outcome, AcquiredShot) and self.is_heard(self._shots):
            self._shots.publish(to_shot_message(outcome.shot, self._config.reference_frame))
        self._report(outcome.id, outcome.stamp_ns, outcome.verdict, outcome.arrival_ns)

    def _report(self, shot_id: int, stamp_ns: int, verdict: Verdict, arrival_ns: int) -> None:
        self._reports.publish(to_report(shot_id, stamp_ns, self._config.reference_frame, verdict,
                                        steady_ns=arrival_ns))
        line = f'shot {shot_id}: {verdict.code.value}: {verdict.message}'
        if verdict.accepted:
            self.get_logger().info(line)
            self.diagnostics.clear('refused')
        else:
            self.get_logger().warning(line)
            self.diagnostics.hold('refused', Level.WARN, line)
