"""The simulator node: a tracked C-arm that images a CT, as a real rig would (docs/contracts.md).

Publishes: ``image``, ``camera_info``, ``/tf`` at the tracker's rate, ``/tf_static``. Serves:
``~/expose`` (std_srvs/Trigger), which answers when the next shot was sent. Ray casting runs ahead
in the compute thread.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future as WorkFuture
from dataclasses import replace
import time
from typing import Any

from geometry_msgs.msg import Quaternion, Transform, TransformStamped
import numpy as np
from rclpy.task import Future
from sensor_msgs.msg import CameraInfo, Image
from std_srvs.srv import Trigger
from tf2_msgs.msg import TFMessage

from ixgs_ros.acquisition.camera import CameraModel
from ixgs_ros.nodes.rig_clock import RigClock
from ixgs_ros.nodes.simulator_config import SimulatorConfig
from ixgs_ros.ros import qos
from ixgs_ros.ros.image_message import to_camera_info, to_image
from ixgs_ros.ros.lifecycle import ConfigurationError, ManagedNode
from ixgs_ros.ros.messages import header, to_vector
from ixgs_ros.ros.worker import Worker
from ixgs_ros.simulation import CtError, Fault, load_ct, StampedTransform, VirtualRig
from ixgs_ros.simulation.faults import parse_faults

TICK_S = 0.02
# The tracker reports on for a while after the last shot, so that it can be interpolated.
TAIL_NS = 500_000_000


class SimulatorNode(ManagedNode[SimulatorConfig]):
    """Moves a virtual rig along its plan and publishes what it would."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__('simulator', SimulatorConfig, **arguments)
        self._worker: Worker | None = None
        self._asked: list[Future[tuple[bool, str]]] = []

    def configure(self, config: SimulatorConfig) -> None:
        """Load the CT, plan the shots, compile the ray caster and compute the first image."""
        self._config = config
        try:
            faults = parse_faults(config.faults)
        except ValueError as error:
            raise ConfigurationError(f'faults: {error}') from error
        self._worker = Worker('simulator', capacity=4)
        try:
            self._rig = self._worker.submit(
                lambda: VirtualRig(load_ct(config.ct), config, faults=faults)).result()
        except (CtError, ValueError) as error:
            raise ConfigurationError(str(error)) from error
        self._next = 0
        self._rig_clock = RigClock(self._rig.start_ns, config.speed)
        self._exposure: WorkFuture[np.ndarray] = self._worker.submit(self._rig.expose, 0)
        self._exposure.result()
        self._images = self.advertise(Image, 'image', qos.FRAMES)
        self._cameras = self.advertise(CameraInfo, 'camera_info', qos.FRAMES)
        self._transforms = self.advertise(TFMessage, '/tf', qos.TF)
        self._static = self.advertise(TFMessage, '/tf_static', qos.TF_STATIC)
        self.serve(Trigger, '~/expose', self._on_expose)
        center = ', '.join(f'{value:.4f}' for value in self._rig.lps_from_reference.translation)
        self.get_logger().info(f'{config.ct}: {config.views} shots; '
                               f'lps_from_reference.translation = [{center}] m')

    def activate(self) -> None:
        """Publish the static transform and let time run."""
        self._static.publish(_transforms(self._rig.static_transforms(), 0))
        self.every(TICK_S, self._tick, 'tick')

    def deactivate(self) -> None:
        """Refuse the requests that wait."""
        self._refuse_requests('the simulator was deactivated')

    def cleanup(self) -> None:
        """End the compute thread."""
        if self._worker is not None:
            self._worker.stop()
            self._worker = None

    def observe(self) -> None:
        """Show how far the plan is."""
        if self.state == 'active':
            self.diagnostics.put('shots sent', self._next)
            self.diagnostics.put('shots planned', len(self._rig.shots))
            self.diagnostics.put('listened to', self._is_heard())

    async def _on_expose(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if self.state != 'active' or self._next >= len(self._rig.shots):
            response.success = False
            response.message = (f'all {self._next} shots were taken' if self.state == 'active'
                                else f'the node is {self.state}, expected active')
            return response
        asked: Future[tuple[bool, str]] = Future(executor=self.executor)
        self._asked.append(asked)
        response.success, response.message = await asked
        return response

    # -- the rig's time ---------------------------------------------------------------------------

    def _tick(self) -> None:
        """Advance the rig's time, publish the tracker's samples and, when it is due, the shot."""
        self._rig_clock.run_until(self._limit())
        step = self._rig_clock.tick(time.monotonic_ns())
        samples = self._rig.transforms_between(step.start_ns + 1, step.end_ns + 1)
        if samples:
            self._transforms.publish(_transforms(samples, step.offset_ns))
        if step.stood:
            still = self._rig.transforms_at(self._rig_clock.plan_ns)
            self._transforms.publish(_transforms(still, self._rig_clock.offset_ns))
        if step.end_ns > step.start_ns:
            self._run_offset_ns = step.offset_ns
        if self._next < len(self._rig.shots) and self._exposure.done() \
                and self._rig_clock.plan_ns >= self._rig.shots[self._next].sent_ns:
            self._send()

    def _limit(self) -> int:
        """Return the plan time at which the rig has to wait."""
        shots = self._rig.shots
        if self._next >= len(shots):
            return shots[-1].sent_ns + TAIL_NS
        if self._next == 0 and self._config.wait_for_listeners and not self._is_heard():
            return self._rig_clock.plan_ns
        if self._config.mode == 'request' and not self._asked:
            return self._rig_clock.plan_ns
        return shots[self._next].sent_ns

    def _is_heard(self) -> bool:
        return all(publisher.get_subscription_count() > 0
                   for publisher in (self._images, self._cameras, self._transforms))

    def _send(self) -> None:
        """Publish the shot that is due and compute the next one."""
        assert self._worker is not None
        index, shot = self._next, self._rig.shots[self._next]
        # The rig stands only when a shot is due, so one run led from before its stamp to here.
        if shot.fault is not Fault.DUPLICATE:
            self._stamp_ns = shot.stamp_ns + self._run_offset_ns
        stamp_ns = self._stamp_ns
        camera = self._rig.camera(index)
        if camera is not None:
            self._cameras.publish(to_camera_info(CameraModel(
                stamp_ns, camera.frame_id, camera.height, camera.width, camera.k)))
        image = to_image(self._exposure.result(), stamp_ns, shot.frame_id)
        image.encoding = shot.encoding
        self._images.publish(image)
        self._next += 1
        if self._next < len(self._rig.shots):
            self._exposure = self._worker.submit(self._rig.expose, self._next)
        self.get_logger().info(f'shot {self._next} of {len(self._rig.shots)} sent'
                               + (f' with fault {shot.fault.value}' if shot.fault else ''))
        if self._asked:
            self._asked.pop(0).set_result(
                (True, f'shot {self._next} of {len(self._rig.shots)}, stamp {stamp_ns} ns'))
        if self._next == len(self._rig.shots):
            self._refuse_requests(f'all {self._next} shots were taken')

    def _refuse_requests(self, reason: str) -> None:
        while self._asked:
            self._asked.pop(0).set_result((False, reason))


def _transforms(samples: Iterable[StampedTransform], offset_ns: int) -> TFMessage:
    """Return samples as one message, stamps shifted; faulty quaternions go out as they are."""
    return TFMessage(transforms=[_stamped(replace(sample, stamp_ns=sample.stamp_ns + offset_ns))
                                 for sample in samples])


def _stamped(sample: StampedTransform) -> TransformStamped:
    x, y, z, w = (float(value) for value in sample.quaternion)
    return TransformStamped(
        header=header(sample.stamp_ns, sample.parent), child_frame_id=sample.child,
        transform=Transform(translation=to_vector(sample.translation),
                            rotation=Quaternion(x=x, y=y, z=z, w=w)))
