"""Runs one node as a process: ``python -m ixgs_ros.nodes.runner NODE [--ros-args …]``.

SIGINT and SIGTERM end it cleanly: the node is deactivated and destroyed and the middleware
closed, so that nothing stays in shared memory. Started by a supervisor (``IXGS_SUPERVISOR`` holds
its process id), it also ends when that process is gone.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.signals import SignalHandlerOptions

from ixgs_ros.nodes import table
from ixgs_ros.ros.lifecycle import ManagedNode

SUPERVISOR = 'IXGS_SUPERVISOR'
# How long a signal may wait: rclpy's wait is not interrupted by Python's signal handlers.
POLL_S = 0.1


class _Stop:
    """Whether somebody asked to end."""

    def __init__(self) -> None:
        self._asked = False
        supervisor = os.environ.get(SUPERVISOR)
        self._supervisor = int(supervisor) if supervisor else None
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self._asked = True

    def asked(self) -> bool:
        orphaned = self._supervisor is not None and os.getppid() != self._supervisor
        return self._asked or orphaned


def run(name: str, arguments: list[str]) -> int:
    """Run a node until it is asked to stop.

    Args:
        name: the node's name in the table.
        arguments: ROS arguments.

    Returns:
        The exit code: 0, or 2 if ``autostart`` was set and the node refused.
    """
    entry = table.find(name)
    stop = _Stop()
    rclpy.init(args=[*arguments, *_defaults(entry)],
               signal_handler_options=SignalHandlerOptions.NO)
    node = entry.load_class()(known_elsewhere=table.known_parameters)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        if node.autostart and not start(node):
            return 2
        while not stop.asked():
            executor.spin_once(timeout_sec=POLL_S)
        return 0
    finally:
        executor.remove_node(node)
        node.destroy_node()
        executor.shutdown()
        rclpy.try_shutdown()


def start(node: ManagedNode[Any]) -> bool:
    """Configure and activate a lifecycle node; returns whether both succeeded."""
    success = TransitionCallbackReturn.SUCCESS
    return node.trigger_configure() == success and node.trigger_activate() == success


def _defaults(entry: table.Node) -> list[str]:
    """Return the table's names and remaps; ROS takes the first rule, so the user's win."""
    rules = [f'__ns:={table.NAMESPACE}', f'__node:={entry.name}',
             *(f'{old}:={new}' for old, new in entry.remaps)]
    return ['--ros-args', *(argument for rule in rules for argument in ('-r', rule))]


def main(arguments: list[str] | None = None) -> int:
    """Run the node named by the first argument; the rest goes to ROS."""
    given = sys.argv[1:] if arguments is None else arguments
    if not given or given[0] not in table.all_names():
        print(f'expected one of {", ".join(table.all_names())} as the first argument, '
              f'got {given[:1]}', file=sys.stderr)
        return 2
    return run(given[0], given)


if __name__ == '__main__':
    sys.exit(main())
