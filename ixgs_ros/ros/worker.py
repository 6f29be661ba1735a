"""The one compute thread of a process, fed by a bounded queue.

numba's workqueue layer aborts the process when two threads enter it, so every numba call of a node
runs here. Callbacks only put work in and come back at once; kernels release the GIL, so they stay
quick while it computes.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
import queue
import threading
from typing import Any


class WorkerFull(RuntimeError):
    """The queue holds as much as it may."""


class WorkerStopped(RuntimeError):
    """The worker takes no more work."""


class Worker:
    """A thread that runs what it is given, one after the other, in order.

    Args:
        name: the thread's name.
        capacity: how much work may wait.
        idle: called over and over while nothing waits; returns whether there is more to do. When
            it says no (or there is none), the thread sleeps until the next piece of work. It must
            return within the time that a service may wait.
        on_idle_error: gets what ``idle`` raised; the thread then sleeps until the next piece of
            work.
    """

    def __init__(self, name: str, capacity: int, idle: Callable[[], bool] | None = None,
                 on_idle_error: Callable[[Exception], None] | None = None) -> None:
        self._queue: queue.Queue[tuple[Future[Any], Callable[..., Any], tuple[Any, ...]] | None]
        self._queue = queue.Queue(maxsize=capacity)
        self._idle = idle
        self._on_idle_error = on_idle_error
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How much work waits, the running piece apart."""
        return self._queue.qsize()

    def submit(self, work: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Queue work; returns at once.

        Raises:
            WorkerFull: the queue is full; nothing was queued.
            WorkerStopped: the worker was stopped.
        """
        if self._stopping.is_set():
            raise WorkerStopped(f'{self._thread.name} was stopped')
        future: Future[Any] = Future()
        try:
            self._queue.put_nowait((future, work, arguments))
        except queue.Full:
            raise WorkerFull(f'{self._queue.maxsize} pieces of work wait already') from None
        return future

    def stop(self, timeout: float = 10.0) -> bool:
        """Finish the running piece, cancel what waits and end the thread.

        Args:
            timeout: how long to wait for the running piece, seconds.

        Returns:
            Whether the thread ended in time.
        """
        self._stopping.set()
        self._cancel_waiting()
        with suppress(queue.Full):  # full: the thread does not wait for anything
            self._queue.put_nowait(None)  # wakes the thread where it waits
        self._thread.join(timeout)
        self._cancel_waiting()  # what came in between
        return not self._thread.is_alive()

    def _cancel_waiting(self) -> None:
        while True:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return
            if item is not None:
                item[0].cancel()

    def _run(self) -> None:
        more = self._idle is not None
        while not self._stopping.is_set():
            try:
                item = self._queue.get(block=not more)
            except queue.Empty:
                more = self._do_idle()
                continue
            if item is None:
                return
            self._do(*item)
            more = self._idle is not None

    def _do(self, future: Future[Any], work: Callable[..., Any],
            arguments: tuple[Any, ...]) -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            result = work(*arguments)
        except Exception as error:  # belongs to whoever asked: the future carries it
            future.set_exception(error)
        else:
            future.set_result(result)

    def _do_idle(self) -> bool:
        assert self._idle is not None
        try:
            return self._idle()
        except Exception as error:  # one failed piece must not end the thread
            if self._on_idle_error is None:
                raise
            self._on_idle_error(error)
            return False
