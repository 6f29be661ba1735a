"""Records a live rig's topics as a bag, as raw bytes."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path
import threading
import time
from types import TracebackType
from typing import Any

from ixgs_ros.ros import qos
from ixgs_ros.ros.player import message_class
from ixgs_ros.ros.station import Station
from ixgs_ros.session.bag import BagWriter, Topics


class Recorder:
    """Writes what comes on the rig's four topics; a context manager.

    Leaving it closes the bag; leaving it by an error removes the bag. So does a message that could
    not be written, as to a full disk: it is raised on leaving, since it came up in another thread.

    Args:
        station: where to listen from; it must live longer.
        path: the bag's folder, which must not exist.
        topics: the names to listen to; by default those of docs/contracts.md.
        storage: 'mcap' or 'sqlite3'.
    """

    def __init__(self, station: Station, path: str | Path, topics: Topics | None = None,
                 storage: str = 'mcap') -> None:
        topics = topics or Topics()
        self.counts: dict[str, int] = dict.fromkeys(astuple(topics), 0)
        self._station = station
        self._writer = BagWriter(path, storage)
        self._topics = topics
        self._lock = threading.Lock()
        self._open = False
        self._failure: OSError | None = None

    def __enter__(self) -> Recorder:
        """Open the bag and listen from now on."""
        self._writer.__enter__()
        self._open = True
        for topic, types in self._topics.types().items():
            latched = topic == self._topics.tf_static
            profile = qos.PLAYBACK_STATIC if latched else qos.PLAYBACK
            self._station.node.create_subscription(
                message_class(types[0]), topic, self._writing(topic, types[0], latched), profile,
                raw=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """Close the bag; what arrives from now on is not written."""
        with self._lock:
            self._open = False
            failure = self._failure if error is None else None
            if failure is not None:
                kind, error = type(failure), failure
            self._writer.__exit__(kind, error, trace)
        if failure is not None:
            raise failure

    def _writing(self, topic: str, msgtype: str, latched: bool) -> Any:
        def write(data: bytes) -> None:
            with self._lock:
                if not self._open:
                    return
                try:
                    self._writer.write(topic, msgtype, time.time_ns(), data, latched)
                    self.counts[topic] += 1
                except OSError as failure:
                    self._failure, self._open = failure, False
        return write
