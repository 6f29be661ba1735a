"""The boundary of a callback: what it raises is caught, counted and told; its time is kept.

An exception that leaves a callback ends ``spin`` and with it the node. So it is caught here, and
only here, and it shows in the log and in the diagnostics until the node is deactivated.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
import inspect
import time
import traceback
from typing import Any

from rclpy.impl.rcutils_logger import RcutilsLogger

from ixgs_ros.ros.diagnostics import Diagnostics, Level


class CallbackGuard:
    """Wraps the callbacks of one node.

    Args:
        logger: where exceptions are logged.
        diagnostics: where they are counted, and where the slowest callback is shown.

    Attributes:
        slowest_s: the longest time that any callback held the executor, seconds.
        heaviest_s: the most CPU time that any callback took; unlike the former it does not depend
            on what else the host does.
    """

    def __init__(self, logger: RcutilsLogger, diagnostics: Diagnostics) -> None:
        self._logger = logger
        self._diagnostics = diagnostics
        self.slowest_s = 0.0
        self.heaviest_s = 0.0
        diagnostics.put('callback errors', 0)

    def wrap(self, callback: Callable[..., Any], name: str) -> Callable[..., Any]:
        """Return the callback of a subscription or timer, guarded.

        Args:
            callback: a plain function.
            name: what the log calls it, such as its topic.
        """
        def guarded(*arguments: Any) -> Any:
            start = _now()
            try:
                return callback(*arguments)
            except Exception as error:  # the boundary: see the module's text
                self.failed(name, error)
                return None
            finally:
                self._took(name, start)
        return guarded

    def wrap_service(self, callback: Callable[..., Any], name: str) -> Callable[..., Any]:
        """Return the callback of a service, guarded: a failure is also its answer.

        Args:
            callback: ``(request, response) -> response``, plain or ``async``; the service's type
                has ``success`` and ``message``.
            name: what the log calls it.
        """
        if inspect.iscoroutinefunction(callback):
            async def guarded_later(request: Any, response: Any) -> Any:
                try:
                    return await callback(request, response)
                except Exception as error:  # the boundary: see the module's text
                    return self._refuse(name, error, response)
            return guarded_later

        def guarded(request: Any, response: Any) -> Any:
            start = _now()
            try:
                return callback(request, response)
            except Exception as error:  # the boundary: see the module's text
                return self._refuse(name, error, response)
            finally:
                self._took(name, start)
        return guarded

    def watch(self, work: Future[Any], name: str) -> None:
        """Tell what a worker's work raises that nobody else asks for.

        Args:
            work: as the worker's ``submit`` returned it.
            name: what the log calls it.
        """
        def told(done: Future[Any]) -> None:
            error = None if done.cancelled() else done.exception()
            if error is not None:
                self.failed(name, error)
        work.add_done_callback(told)

    def failed(self, name: str, error: BaseException) -> None:
        """Log, count and show an exception that was not foreseen."""
        self._logger.error(f'{name}: {"".join(traceback.format_exception(error)).rstrip()}')
        self._diagnostics.count('callback errors')
        self._diagnostics.hold(f'error/{name}', Level.ERROR,
                               f'{name} failed: {type(error).__name__}: {error}')

    def _refuse(self, name: str, error: Exception, response: Any) -> Any:
        self.failed(name, error)
        response.success = False
        response.message = f'{type(error).__name__}: {error}'
        return response

    def _took(self, name: str, start: tuple[float, float]) -> None:
        """Keep the longest times: held (steady clock) and computed (this thread's CPU)."""
        held_s, computed_s = (after - before for after, before in zip(_now(), start))
        if held_s > self.slowest_s:
            self.slowest_s = held_s
            self._diagnostics.put('slowest callback', f'{name} {held_s * 1e3:.1f} ms')
        if computed_s > self.heaviest_s:
            self.heaviest_s = computed_s
            self._diagnostics.put('heaviest callback', f'{name} {computed_s * 1e3:.1f} ms of CPU')


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.thread_time()
