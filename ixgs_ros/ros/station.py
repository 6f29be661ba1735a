"""A place to listen and talk from: rclpy in this process, on a given domain, in its own thread.

Commands and tests use it beside the nodes' processes. Callbacks run in the station's thread.
"""

from __future__ import annotations

from collections.abc import Callable
import os
import threading
import time
from types import TracebackType
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor

from ixgs_ros.ros.domain import private_environment

POLL_S = 0.01
# How long closing may have to wait for the thread.
SPIN_S = 0.1


class NoAnswer(TimeoutError):
    """What was waited for did not come; the message says what and how long."""


class Station:
    """A node with a thread.

    Args:
        domain: the ROS domain; None takes what the environment says, as any ROS program does.
        name: the node's name.
    """

    def __init__(self, domain: int | None = None, name: str = 'ixgs_station') -> None:
        self.context = rclpy.Context()
        if domain is not None:
            # rcl reads the discovery range when the context is initialised, and has no other way
            # in.
            os.environ.update(private_environment(domain))
        # Without a log file: what matters goes to the user.
        rclpy.init(args=['--ros-args', '--disable-external-lib-logs'], context=self.context,
                   domain_id=domain)
        self.node = rclpy.create_node(name, context=self.context)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)
        self._closing = False
        self._thread = threading.Thread(target=self._spin, name=name, daemon=True)
        self._thread.start()

    def __enter__(self) -> Station:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the thread and leave the domain; calling it again does nothing."""
        if not self.context.ok():
            return
        # The thread first: an executor shut down while its thread is about to wait may never wake.
        self._closing = True
        self._thread.join()
        self._executor.shutdown()
        self.node.destroy_node()
        self.context.try_shutdown()

    def call(self, service_type: type, name: str, request: Any, timeout: float = 10.0,
             check: Callable[[], None] = lambda: None) -> Any:
        """Call a service and wait for its response.

        Args:
            service_type: its type.
            name: its full name.
            request: the request.
            timeout: seconds in all.
            check: called while waiting; may raise to give up early.

        Raises:
            NoAnswer: no such service, or no response in time.
        """
        client = self.node.create_client(service_type, name)
        end = time.monotonic() + timeout
        self.wait(client.service_is_ready, timeout, f'the service {name}', check)
        future = client.call_async(request)
        self.wait(future.done, end - time.monotonic(), f'an answer of {name}', check)
        return future.result()

    def wait(self, condition: Callable[[], Any], timeout: float, what: str,
             check: Callable[[], None] = lambda: None) -> Any:
        """Wait until a condition holds, and return its value.

        Raises:
            NoAnswer: it did not within ``timeout`` seconds.
        """
        end = time.monotonic() + timeout
        while True:
            value = condition()
            if value:
                return value
            check()
            if time.monotonic() >= end:
                raise NoAnswer(f'{what} did not come within {timeout:.1f} s')
            time.sleep(POLL_S)

    def _spin(self) -> None:
        try:
            while not self._closing:
                self._executor.spin_once(timeout_sec=SPIN_S)
        except ExternalShutdownException:
            return
