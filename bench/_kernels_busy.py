"""Are all threads ever slower than one? With a process spinning on every core.

Each way is called again and again for BLOCK seconds, in turn: a thread that has just waited is
given a core sooner, so of single calls in turn the one that never waits gains what the other lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import os
import statistics
import subprocess
import sys
import time
from typing import NamedTuple

from _kernels_rows import image_calls, volume_calls
from _kernels_scene import scene
from _timing import Call

BLOCK, BLOCKS = 0.25, 10   # seconds, and how many of them of each way
# It ends by itself when its parent has: nothing may go on spinning after a benchmark was killed.
SPIN = """
import os, sys
while os.getppid() == int(sys.argv[1]):
    for _ in range(1_000_000):
        pass
"""


class BusyRow(NamedTuple):
    """Median and mean time on the clock, milliseconds."""

    kernel: str
    one_median: float
    all_median: float
    one_mean: float
    all_mean: float


@contextmanager
def busy_cores() -> Iterator[None]:
    """Keep every core busy meanwhile."""
    spinning = [subprocess.Popen([sys.executable, '-c', SPIN, str(os.getpid())])
                for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for process in spinning:
            process.kill()
            process.wait()


def walls_in_blocks(calls: dict[str, Call]) -> dict[str, list[float]]:
    """Return the times on the clock of all calls by name, milliseconds."""
    walls: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(BLOCKS):
        for name, call in calls.items():
            start = now = time.perf_counter()
            while now < start + BLOCK:
                call()
                before, now = now, time.perf_counter()
                walls[name].append(1e3 * (now - before))
    return walls


def busy_rows(count: int, size: int, voxels: int) -> list[BusyRow]:
    """Return the times of the large kernels on busy cores, one thread and all in turn."""
    model = scene(count)
    one = image_calls(model, size, 1) | volume_calls(model, voxels, 1)
    all_ = image_calls(model, size, None) | volume_calls(model, voxels, None)
    rows = []
    with busy_cores():
        for name in ('project', 'render', 'gradient', 'voxelize', 'voxelize_gradient',
                     'total_variation'):
            walls = walls_in_blocks({'one': one[name], 'all': all_[name]}).values()
            rows.append(BusyRow(name, *map(statistics.median, walls),
                                *map(statistics.fmean, walls)))
    return rows
