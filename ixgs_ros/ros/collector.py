"""Gathers what the nodes report of each shot, as it comes and in the end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
import queue
import threading
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray

from ixgs.msg import ReconstructionStatus, ShotReport, VoxelVolume
from ixgs_ros.nodes import table
from ixgs_ros.ros import qos
from ixgs_ros.ros.lifecycle import CPU_SECONDS
from ixgs_ros.ros.messages import to_ns
from ixgs_ros.ros.shot_message import Fit, from_report
from ixgs_ros.ros.station import Station
from ixgs_ros.verdict import Verdict


@dataclass(frozen=True)
class Event:
    """Something that came: a node's report of a shot, or the reconstruction's status.

    Args:
        node: who sent it.
        message: ``ixgs/msg/ShotReport`` or ``ixgs/msg/ReconstructionStatus``.
    """

    node: str
    message: Any


@dataclass(frozen=True)
class ShotOutcome:
    """What became of one image message in the end.

    Args:
        id: number of the shot, 0 if it was refused before it got one.
        stamp_ns: middle of the exposure.
        verdict: of the last node that judged it.
        node: that node.
        fit: what the reconstruction found.
        latency_s: from the arrival of the image message to the first volume that contains it,
            steady clock; None if there is none.
    """

    id: int
    stamp_ns: int
    verdict: Verdict
    node: str
    fit: Fit
    latency_s: float | None


class Collector:
    """Listens to reports, status, volume and diagnostics.

    Args:
        station: where to listen from.
        volume: whether to keep the newest published volume too.
        reconstructor: which one is listened to; it has the last word on a shot.
    """

    def __init__(self, station: Station, volume: bool = False,
                 reconstructor: str = 'reconstructor') -> None:
        self.status: ReconstructionStatus | None = None
        self.volume: VoxelVolume | None = None
        self._lock = threading.Lock()
        self._events: queue.Queue[Event] = queue.Queue()
        self.reconstructor = reconstructor
        self._reporters = ('acquisition', 'standardizer', reconstructor)
        self._reports: dict[str, list[ShotReport]] = {name: [] for name in self._reporters}
        self._cpu_s: dict[str, float] = {}
        node = station.node
        for name in self._reporters:
            node.create_subscription(
                ShotReport, f'{table.NAMESPACE}/{name}/report',
                lambda message, name=name: self._on_report(name, message), qos.REPORTS)
        node.create_subscription(ReconstructionStatus, f'{table.NAMESPACE}/{reconstructor}/status',
                                 self._on_status, qos.LATCHED)
        if volume:
            node.create_subscription(VoxelVolume, f'{table.NAMESPACE}/{reconstructor}/volume',
                                     self._on_volume, qos.LATCHED)
        node.create_subscription(DiagnosticArray, '/diagnostics', self._on_diagnostics,
                                 qos.DIAGNOSTICS)

    def events(self, timeout: float) -> Iterator[Event]:
        """Yield what came and what comes; end when nothing came for ``timeout`` seconds."""
        while True:
            try:
                yield self._events.get(timeout=timeout)
            except queue.Empty:
                return

    def next_event(self, timeout: float) -> Event | None:
        """Return the next event, or None if none comes within ``timeout`` seconds."""
        try:
            return self._events.get(timeout=timeout)
        except queue.Empty:
            return None

    def received(self) -> int:
        """Return how many image messages the acquisition has reported."""
        with self._lock:
            return len(self._reports['acquisition'])

    def waiting(self) -> int:
        """Return how many accepted shots the later nodes have not judged yet."""
        return sum(outcome.node == 'acquisition' and outcome.verdict.accepted
                   for outcome in self.outcomes())

    def outcomes(self) -> list[ShotOutcome]:
        """Return what is known of every image message, in order of arrival."""
        with self._lock:
            later = {report.id: (name, report) for name in self._reporters[1:]
                     for report in self._reports[name] if report.id}
            found = [_outcome(report, *later.get(report.id, ('acquisition', report)),
                              self.reconstructor)
                     for report in self._reports['acquisition']]
        return sorted(found, key=lambda outcome: (outcome.id, outcome.stamp_ns))

    def latencies_s(self) -> list[float]:
        """Return the latency of every shot that a volume contains, seconds."""
        return [outcome.latency_s for outcome in self.outcomes() if outcome.latency_s is not None]

    def cpu_s(self) -> float:
        """Return the CPU seconds of all nodes' threads since their activation (user + system)."""
        with self._lock:
            return sum(self._cpu_s.values())

    def _on_report(self, name: str, message: ShotReport) -> None:
        with self._lock:
            self._reports[name].append(message)
        self._events.put(Event(name, message))

    def _on_status(self, message: ReconstructionStatus) -> None:
        self.status = message
        self._events.put(Event(self.reconstructor, message))

    def _on_volume(self, message: VoxelVolume) -> None:
        self.volume = message

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        with self._lock:
            for status in message.status:
                for item in status.values:
                    if item.key == CPU_SECONDS:
                        self._cpu_s[status.name] = float(item.value)


def _outcome(arrival: ShotReport, node: str, last: ShotReport,
             reconstructor: str) -> ShotOutcome:
    """Join the acquisition's report of a shot with the last one of it."""
    verdict, fit = from_report(last)
    latency = None
    if node == reconstructor and last.steady_ns and arrival.steady_ns:
        latency = (last.steady_ns - arrival.steady_ns) / 1e9
    return ShotOutcome(arrival.id, to_ns(arrival.header.stamp), verdict, node, fit, latency)


def quiet_for(collector: Collector, seconds: float, timeout: float) -> bool:
    """Drain events until none came for ``seconds``; return False if ``timeout`` passed first."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if collector.next_event(seconds) is None:
            return True
    return False
