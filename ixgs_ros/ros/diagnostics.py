"""What a node tells on /diagnostics once a second: counters, values and the conditions that hold.

A condition is something a person may have to act on; it holds until it is cleared. A node that
merely waits for the next shot is OK: fluoroscopy comes when the surgeon steps on the pedal.
"""

from __future__ import annotations

from enum import IntEnum
import threading

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from ixgs_ros.ros.messages import header


class Level(IntEnum):
    """How bad a condition is; the numbers of diagnostic_msgs/DiagnosticStatus."""

    OK = 0
    WARN = 1
    ERROR = 2


class Diagnostics:
    """Counters, values and conditions of one node; any thread may write.

    Args:
        name: the node's full name, the name of its status.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._values: dict[str, object] = {}
        self._conditions: dict[str, tuple[Level, str]] = {}

    def count(self, key: str, amount: int = 1) -> None:
        """Add to a counter."""
        with self._lock:
            present = self._values.get(key, 0)
            assert isinstance(present, int)
            self._values[key] = present + amount

    def put(self, key: str, value: object) -> None:
        """Show a value."""
        with self._lock:
            self._values[key] = value

    def value(self, key: str) -> object:
        """Return a value or counter; 0 if it was never written."""
        with self._lock:
            return self._values.get(key, 0)

    def hold(self, condition: str, level: Level, sentence: str) -> None:
        """Let a condition hold; the same condition again replaces its sentence."""
        with self._lock:
            self._conditions[condition] = (level, sentence)

    def clear(self, condition: str) -> None:
        """Let a condition hold no longer; nothing happens if it did not."""
        with self._lock:
            self._conditions.pop(condition, None)

    def clear_all(self, prefix: str) -> None:
        """Clear all conditions whose name starts with ``prefix``."""
        with self._lock:
            for condition in [name for name in self._conditions if name.startswith(prefix)]:
                del self._conditions[condition]

    def message(self, stamp_ns: int) -> DiagnosticArray:
        """Return the message of now; the worst condition comes first."""
        with self._lock:
            conditions = sorted(self._conditions.values(), key=lambda item: -item[0])
            values = [KeyValue(key=key, value=_text(value)) for key, value in self._values.items()]
        level = conditions[0][0] if conditions else Level.OK
        status = DiagnosticStatus(
            level=bytes([level]), name=self._name, hardware_id='ixgs', values=values,
            message='; '.join(sentence for _, sentence in conditions) or 'working')
        return DiagnosticArray(header=header(stamp_ns, ''), status=[status])


def _text(value: object) -> str:
    return f'{value:.6g}' if isinstance(value, float) else str(value)
