"""The standardizer node: shots in, shots with their final masks and weights out.

Subscribes: ``shots``. Publishes: ``~/shots``, and ``~/report`` for the shots that it refuses.
"""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from ixgs.msg import Shot as ShotMessage
from ixgs.msg import ShotReport
from ixgs_ros.nodes.standardizer_config import StandardizerConfig
from ixgs_ros.ros import qos
from ixgs_ros.ros.diagnostics import Level
from ixgs_ros.ros.lifecycle import ManagedNode
from ixgs_ros.ros.messages import to_ns
from ixgs_ros.ros.shot_message import from_shot_message, to_report, to_shot_message
from ixgs_ros.ros.worker import Worker, WorkerFull
from ixgs_ros.standardization import Standardizer
from ixgs_ros.verdict import Code, Refusal, Verdict


class StandardizerNode(ManagedNode[StandardizerConfig]):
    """Standardizes in the compute thread; a shot is passed on, or refused with a report."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__('standardizer', StandardizerConfig, **arguments)
        self._worker: Worker | None = None

    def configure(self, config: StandardizerConfig) -> None:
        """Make the standardizer and the outputs."""
        self._standardizer = Standardizer(config)
        self._shots = self.advertise(ShotMessage, '~/shots', qos.SHOTS)
        self._reports = self.advertise(ShotReport, '~/report', qos.REPORTS)
        self._worker = Worker('standardizer', capacity=config.inbox)

    def activate(self) -> None:
        """Listen to shots."""
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
            self._worker.submit(self._work, message).add_done_callback(self._done)
        except WorkerFull as error:
            self._refuse(message, Verdict(Code.OVERLOAD,
                                          f'{error}; expected fewer (parameter inbox)'))

    # -- the compute thread -----------------------------------------------------------------------

    def _work(self, message: ShotMessage) -> None:
        try:
            shot = self._standardizer.standardize(from_shot_message(message))
        except Refusal as refusal:
            self._refuse(message, refusal.verdict)
            return
        if self.is_heard(self._shots):
            self._shots.publish(to_shot_message(shot, message.header.frame_id))
        self.diagnostics.count('passed on')
        self.diagnostics.clear('refused')

    def _done(self, turn: Future[None]) -> None:
        error = None if turn.cancelled() else turn.exception()
        if error is not None:
            self.guard.failed('shots', error)

    def _refuse(self, message: ShotMessage, verdict: Verdict) -> None:
        self._reports.publish(to_report(message.id, to_ns(message.header.stamp),
                                        message.header.frame_id, verdict))
        line = f'shot {message.id}: {verdict.code.value}: {verdict.message}'
        self.get_logger().warning(line)
        self.diagnostics.count(verdict.code.value)
        self.diagnostics.hold('refused', Level.WARN, line)
