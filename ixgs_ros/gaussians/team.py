"""A team of threads for kernels that release the GIL.

A kernel is a compiled function `kernel(begin, end, ...)` that does the items [begin, end) of some
index space (Gaussians, layers, partial images), each item's result being independent of the
others: so the result is the same bits however the space is cut and whoever does the pieces.

Why not numba's own `parallel=True`: it compiles each kernel four times over (35 s for this package
against 12 s), its workqueue aborts the process when two Python threads enter, and its OpenMP layer
spins. Here the caller works too and takes whatever the helpers have not, so a busy machine costs
nothing but the missing help.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
import functools
import threading
from typing import Any

import numba

# More pieces than threads even out unequal work; few, because each piece needs the GIL once.
PIECES_PER_THREAD = 3
# Gaussians in a piece, at least, for kernels that only map parameters (20 ns each): a piece is
# then worth several times what it costs to hand it over, 20 to 40 µs.
GRAIN = 8192


class Team:
    """Runs kernels on a fixed number of threads, the caller's included.

    Args:
        threads: at least 1.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._helpers = ThreadPoolExecutor(threads - 1, 'kernel') if threads > 1 else None

    def run(self, kernel: Callable[..., Any], count: int, *arguments: Any,
            grain: int = 1) -> list[Any]:
        """Call ``kernel(begin, end, *arguments)`` over pieces of range(count).

        Args:
            kernel: see the module's text.
            count: items; 0 is none.
            arguments: passed on.
            grain: items in a piece, at least, unless there are fewer: help that has less to do
                costs more than it brings.

        Returns:
            What the calls returned, in the order of the pieces; empty if count is 0.
        """
        most = 1 if self._helpers is None else PIECES_PER_THREAD * self.threads
        pieces = min(count, max(1, min(count // grain, most)))
        bounds = [count * k // pieces for k in range(pieces + 1)] if pieces else [0]
        results: list[Any] = [None] * pieces
        lock, todo = threading.Lock(), iter(range(pieces))

        def work() -> None:
            while True:
                with lock:
                    k = next(todo, None)
                if k is None:
                    return
                results[k] = kernel(bounds[k], bounds[k + 1], *arguments)

        helpers = min(self.threads, pieces) - 1
        waiting = [self._helpers.submit(work) for _ in range(helpers)] if self._helpers else []
        try:
            work()
        finally:
            # Also after an error no helper may go on writing; one that has not begun has nothing
            # to do.
            wait([future for future in waiting if not future.cancel()])
        for future in waiting:
            if not future.cancelled():
                future.result()
        return results


@functools.cache
def team_of(threads: int | None = None) -> Team:
    """Return the process's team of ``threads`` threads, all of NUMBA_NUM_THREADS if None.

    Raises:
        ValueError: not between 1 and NUMBA_NUM_THREADS.
    """
    available = numba.config.NUMBA_NUM_THREADS
    if threads is not None and not 1 <= threads <= available:
        raise ValueError(f'expected threads between 1 and {available} (NUMBA_NUM_THREADS), got '
                         f'{threads!r}')
    return Team(available if threads is None else threads)
