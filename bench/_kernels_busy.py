"""Are all threads ever slower than one? With a process spinning on every core."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import os
import statistics
import subprocess
import sys
from typing import NamedTuple

from _kernels_rows import image_calls, volume_calls
from _kernels_scene import scene
from _timing import in_turn

BUSY_REPEATS = 40
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


def busy_rows(count: int, size: int, voxels: int) -> list[BusyRow]:
    """Return the times of the large kernels on busy cores, one thread and all in turn."""
    model = scene(count)
    one = image_calls(model, size, 1) | volume_calls(model, voxels, 1)
    all_ = image_calls(model, size, None) | volume_calls(model, voxels, None)
    rows = []
    with busy_cores():
        for name in ('project', 'render', 'gradient', 'voxelize', 'voxelize_gradient',
                     'total_variation'):
            times = in_turn({'one': one[name], 'all': all_[name]}, BUSY_REPEATS)
            walls = [[t.wall_ms for t in times[key]] for key in ('one', 'all')]
            rows.append(BusyRow(name, *map(statistics.median, walls),
                                *map(statistics.fmean, walls)))
    return rows
