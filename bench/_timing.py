"""Times of calls: the least of several, taken in turn so that a disturbance meets all alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
import time
from typing import NamedTuple

Call = Callable[[], object]


class Times(NamedTuple):
    """Of one call: CPU time of all threads, and what passed on the clock, milliseconds."""

    cpu_ms: float
    wall_ms: float


def time_of(call: Call) -> Times:
    """Return the times of one call."""
    cpu, wall = time.process_time(), time.perf_counter()
    call()
    return Times(1e3 * (time.process_time() - cpu), 1e3 * (time.perf_counter() - wall))


def in_turn(calls: Mapping[str, Call], repeats: int) -> dict[str, list[Times]]:
    """Return the times of all calls by name, after one call of each that does not count."""
    for call in calls.values():
        call()
    times: dict[str, list[Times]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            times[name].append(time_of(call))
    return times


def least(calls: Mapping[str, Call], repeats: int) -> dict[str, Times]:
    """Return the least CPU time and the least time on the clock of each call by name."""
    return {name: Times(min(t.cpu_ms for t in times), min(t.wall_ms for t in times))
            for name, times in in_turn(calls, repeats).items()}
