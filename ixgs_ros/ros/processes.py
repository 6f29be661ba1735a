"""Nodes as separate processes: started together, watched, and ended for sure.

Each process leads a group of its own, so that a Ctrl-C in the terminal reaches only the
supervisor, which then ends them in order; what does not end in time is killed with its whole
group. A node whose supervisor is killed ends by itself (``runner.py``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
import os
from pathlib import Path
import signal
import subprocess
import sys
import tempfile
import threading
import time
from types import TracebackType
from typing import Any

import yaml

from ixgs_ros.nodes import runner, table
from ixgs_ros.ros import conductor
from ixgs_ros.ros.domain import (
    claimed_names,
    domain_of_environment,
    NameTaken,
    private_environment,
    taken,
)
from ixgs_ros.ros.shared_memory import remove_orphans
from ixgs_ros.ros.station import Station
from ixgs_ros.session.parameters_file import read_sections, values_of

STOP_S = 10.0
# In this time most nodes of other hosts and users are found: on a busy machine of two cores after
# up to 2.8 s, later if an announcement is lost.
DISCOVERY_S = 3.0
LINES_KEPT = 20


class NodeDied(RuntimeError):
    """A node's process ended although nobody asked; the message holds its last lines."""


def print_line(node: str, line: str) -> None:
    """Print a node's line with its name in front."""
    print(f'{node:<13} | {line}', file=sys.stderr, flush=True)


class NodeGroup:
    """Nodes of the table as processes; a context manager that leaves none behind.

    Args:
        nodes: names of the table.
        parameters: values by dotted name, by node name or ``'/**'`` for all.
        domain: the ROS domain, localhost only; None takes what the environment says.
        files: parameter files; ``parameters`` win over them.
        arguments: further ROS arguments for all nodes, such as ``['-r', 'image:=/other/image']``.
        on_line: gets the node's name and each line it prints.

    Raises:
        ParameterError: a file cannot be read.
        NameTaken: on entering: the domain has a node of the same name. Certain for groups of this
            user on this host; others, looked for with ``domain`` None only, discovery may miss.
    """

    def __init__(self, nodes: Iterable[str], parameters: Mapping[str, Mapping[str, Any]],
                 domain: int | None, *, files: Sequence[Path] = (), arguments: Sequence[str] = (),
                 on_line: Callable[[str, str], None] = print_line) -> None:
        self.nodes = tuple(node.name for node in table.in_order(nodes))
        self.domain = domain
        self._parameters = parameters
        self._sections = [section for file in files for section in read_sections(Path(file))]
        self._arguments = list(arguments)
        self._on_line = on_line
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._readers: list[threading.Thread] = []
        self._last: dict[str, deque[str]] = {}

    def __enter__(self) -> NodeGroup:
        self._folder = tempfile.TemporaryDirectory(prefix='ixgs_nodes_')
        self._claims = ExitStack()
        domain = domain_of_environment() if self.domain is None else self.domain
        try:
            self._claims.enter_context(
                claimed_names(domain, [self.full_name(name) for name in self.nodes]))
            self.station = Station(self.domain, 'ixgs_supervisor')
            if self.domain is None:
                self._look_for_names(domain)
            for name in self.nodes:
                self._start(name)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.stop()

    @property
    def pids(self) -> dict[str, int]:
        """The process id of each node."""
        return {name: process.pid for name, process in self._processes.items()}

    def full_name(self, node: str) -> str:
        """Return a node's name with its namespace."""
        return f'{table.NAMESPACE}/{node}'

    def bring_up(self, timeout: float = 180.0) -> None:
        """Configure and activate all nodes.

        Raises:
            TransitionRefused, NodeDied: with the node's last lines.
            NoAnswer: a node did not answer in time.
        """
        conductor.bring_up(self.station, [self.full_name(name) for name in self.nodes], timeout,
                           self.check)

    def check(self) -> None:
        """Raise if a node's process has ended.

        Raises:
            NodeDied: with its exit code and last lines.
        """
        for name, process in self._processes.items():
            code = process.poll()
            if code is not None:
                for reader in self._readers:
                    reader.join(0.2)
                lines = '\n  '.join(self._last[name])
                raise NodeDied(f'{name} ended with {_meaning(code)}; its last lines:\n  {lines}')

    def stop(self) -> dict[str, int]:
        """End all processes and return their exit codes; calling it again returns the same."""
        # Those that send end first, so that nobody speaks into a room that is being cleared.
        for name in reversed(self.nodes):
            if name in self._processes:
                _signal_group(self._processes[name], signal.SIGTERM)
        end = time.monotonic() + STOP_S
        for process in self._processes.values():
            try:
                process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal_group(process, signal.SIGKILL)
                process.wait()
        for reader in self._readers:
            reader.join(1.0)
        if hasattr(self, 'station'):
            self.station.close()
        self._claims.close()
        self._folder.cleanup()
        # Also after a clean end: a node that fails while it shuts down leaves its segment, too.
        remove_orphans()
        return {name: process.returncode for name, process in self._processes.items()}

    def _look_for_names(self, domain: int) -> None:
        """Raise NameTaken if a node of ours is discovered: both would act on every request."""
        end = time.monotonic() + DISCOVERY_S
        while time.monotonic() < end:
            found = self._found()
            if found:
                raise NameTaken(taken(domain, ', '.join(found)))
            time.sleep(0.05)

    def _found(self) -> list[str]:
        there = self.station.node.get_node_names_and_namespaces()
        names = {f'{space}/{name}' for name, space in there}
        return sorted(names.intersection(self.full_name(name) for name in self.nodes))

    def _start(self, name: str) -> None:
        file = Path(self._folder.name) / f'{name}.yaml'
        file.write_text(yaml.safe_dump(self._values(name)))
        command = [sys.executable, '-m', 'ixgs_ros.nodes.runner', name, '--ros-args',
                   '--disable-external-lib-logs', '--params-file', str(file), *self._arguments]
        environment = {**os.environ, runner.SUPERVISOR: str(os.getpid()), 'PYTHONUNBUFFERED': '1',
                       'RCUTILS_CONSOLE_OUTPUT_FORMAT': '[{severity}] {message}'}
        if self.domain is not None:
            environment.update(private_environment(self.domain))
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   start_new_session=True)
        self._processes[name] = process
        self._last[name] = deque(maxlen=LINES_KEPT)
        reader = threading.Thread(target=self._read, args=(name, process), daemon=True)
        reader.start()
        self._readers.append(reader)

    def _values(self, node: str) -> dict[str, Any]:
        """Return the values of a node as one parameter file.

        rcl orders several files by when a name was first seen in any of them, so that '/**' of a
        later file may lose to a name of an earlier one; here what comes later wins.
        """
        values = values_of(self._sections, node)
        for name in ('/**', node):
            values.update(self._parameters.get(name, {}))
        values = {key: _for_rcl(value) for key, value in values.items()}
        return {'/**': {'ros__parameters': values}} if values else {}

    def _read(self, name: str, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._last[name].append(line.rstrip())
            self._on_line(name, line.rstrip())


def _for_rcl(value: Any) -> Any:
    """Return a value as rcl reads it: tuples as lists, and [0, 0.05] as numbers of one kind."""
    if not isinstance(value, (list, tuple)):
        return value
    if any(isinstance(item, float) for item in value):
        return [float(item) if type(item) is int else item for item in value]
    return list(value)


def _signal_group(process: subprocess.Popen[str], number: int) -> None:
    if process.poll() is None:
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return  # it ended between the two lines


def _meaning(code: int) -> str:
    return f'exit code {code}' if code >= 0 else f'signal {signal.Signals(-code).name}'
