"""The standardizer node: shots in, shots with their final masks and weights out.

Subscribes: ``shots``. Publishes: ``~/shots`` (of bone in the modes 'network' and 'both'), in mode
'both' also ``~/attenuation/shots``; ``~/standardized``, the line integrals to look at; and
``~/report`` for the shots that it refuses.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from sensor_msgs.msg import Image

from ixgs.msg import Shot as ShotMessage
from ixgs.msg import ShotReport
from ixgs_ros.nodes.standardizer_config import StandardizerConfig
from ixgs_ros.ros import qos
from ixgs_ros.ros.diagnostics import Level
from ixgs_ros.ros.images_out import image_message
from ixgs_ros.ros.judging import judged
from ixgs_ros.ros.lifecycle import ManagedNode
from ixgs_ros.ros.messages import to_ns
from ixgs_ros.ros.shot_message import from_shot_message, to_report, to_shot_message
from ixgs_ros.ros.worker import Worker, WorkerFull
from ixgs_ros.shot import Shot
from ixgs_ros.standardization import Standardizer
from ixgs_ros.verdict import Code, Verdict


class StandardizerNode(ManagedNode[StandardizerConfig]):
    """Standardizes in the compute thread; a shot is passed on, or refused with a report."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__('standardizer', StandardizerConfig, **arguments)
        self._worker: Worker | None = None

    def configure(self, config: StandardizerConfig) -> None:
        """Make the standardizer, with its network if the mode asks for it, and the outputs."""
        self._standardizer = Standardizer(config)
        self._standardizer.warm_up()
        self._shots = self.advertise(ShotMessage, '~/shots', qos.SHOTS)
        self._attenuation_shots: Any = None
        if config.mode == 'both':
            self._attenuation_shots = self.advertise(ShotMessage, '~/attenuation/shots', qos.SHOTS)
        self._pictures = self.advertise(Image, '~/standardized', qos.LATCHED)
        self._reports = self.advertise(ShotReport, '~/report', qos.REPORTS)
        self._worker = Worker('standardizer', capacity=config.inbox)

    def activate(self) -> None:
        """Listen to shots."""
        self.await_listener(self._shots)
        if self._attenuation_shots is not None:
            self.await_listener(self._attenuation_shots)
        self.subscribe(ShotMessage, 'shots', self._on_shot, qos.SHOTS)

    def cleanup(self) -> None:
        """End the compute thread."""
        if self._worker is not None:
            self._worker.stop()
            self._worker = None

    def _on_shot(self, message: ShotMessage) -> None:
        assert self._worker is not None
        self.diagnostics.count('received')
        try:
            self.guard.watch(self._worker.submit(self._work, message), 'shots')
        except WorkerFull as error:
            self._refuse(message, Verdict(Code.OVERLOAD,
                                          f'{error}; expected fewer (parameter inbox)'))

    # -- the compute thread -----------------------------------------------------------------------

    def _work(self, message: ShotMessage) -> None:
        verdict = judged(partial(self._pass_on, message), partial(self.guard.failed, 'shots'))
        if verdict is not None:
            self._refuse(message, verdict)

    def _pass_on(self, message: ShotMessage) -> None:
        frame = message.header.frame_id
        shot, attenuation = self._standardized(from_shot_message(message))
        if self.is_heard(self._shots):
            self._shots.publish(to_shot_message(shot, frame))
        if attenuation is not None and self.is_heard(self._attenuation_shots):
            self._attenuation_shots.publish(to_shot_message(attenuation, frame))
        self._pictures.publish(image_message(_picture(shot), shot.stamp_ns, frame))
        self.diagnostics.count('passed on')
        self.diagnostics.clear('refused')

    def _standardized(self, shot: Shot) -> tuple[Shot, Shot | None]:
        """Return the shot for ``~/shots`` and, in mode 'both', the one for the other topic."""
        if self._attenuation_shots is not None:
            return self._standardizer.standardize_both(shot)
        return self._standardizer.standardize(shot), None

    def _refuse(self, message: ShotMessage, verdict: Verdict) -> None:
        self._reports.publish(to_report(message.id, to_ns(message.header.stamp),
                                        message.header.frame_id, verdict))
        line = f'shot {message.id}: {verdict.code.value}: {verdict.message}'
        self.get_logger().warning(line)
        self.diagnostics.count(verdict.code.value)
        self.diagnostics.hold('refused', Level.WARN, line)


def _picture(shot: Shot) -> np.ndarray:
    """Return the line integrals (H, W) float32 to look at: NaN where nothing takes part."""
    return np.where(shot.weights > 0, shot.line_integrals, np.float32(np.nan))
