"""CPU and wall time of the work alone: imports, compilation and I/O are outside."""

from __future__ import annotations

import resource
import time
from types import TracebackType


def cpu_seconds() -> float:
    """Return user and system time of this process, its threads and its ended children."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


class WorkClock:
    """Runs inside ``with clock:`` and stands still outside."""

    def __init__(self) -> None:
        """Start at zero, standing still."""
        self._cpu = self._wall = 0.0
        self._started: tuple[float, float] | None = None

    def __enter__(self) -> WorkClock:
        """Run."""
        if self._started is not None:
            raise RuntimeError('expected a clock that stands still, got one that runs')
        self._started = cpu_seconds(), time.monotonic()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """Stand still."""
        self._cpu, self._wall = self.cpu_s, self.wall_s
        self._started = None

    @property
    def cpu_s(self) -> float:
        """CPU seconds of the work so far."""
        return self._cpu + (0.0 if self._started is None else cpu_seconds() - self._started[0])

    @property
    def wall_s(self) -> float:
        """Wall seconds of the work so far."""
        return self._wall + (0.0 if self._started is None else time.monotonic() - self._started[1])


class PartClock:
    """What one of several models took: its own work, and its part of what they share.

    Args:
        own: runs while work is done for this model alone.
        common: runs while work is done for all.
        models: how many there are.
    """

    def __init__(self, own: WorkClock, common: WorkClock, models: int) -> None:
        """Look at the two clocks."""
        self._own, self._common, self._models = own, common, models

    @property
    def cpu_s(self) -> float:
        """CPU seconds so far."""
        return self._own.cpu_s + self._common.cpu_s / self._models
