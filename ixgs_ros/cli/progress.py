"""What a command says while it works: a counter on a terminal, plain lines in a log."""

from __future__ import annotations

import sys
import time
from typing import TextIO

# In a log a counter speaks up this often.
LOG_PERIOD_S = 5.0


class Counter:
    """Counts things that take a while; a context manager.

    On a terminal one line is rewritten; elsewhere a line is written now and then, and the last.

    Args:
        text: what is done, such as 'taking shots'.
        total: how many there are.
        stream: where to; standard error if None.
    """

    def __init__(self, text: str, total: int, stream: TextIO | None = None) -> None:
        self._text, self._total = text, total
        self._stream = sys.stderr if stream is None else stream
        self._terminal = self._stream.isatty()
        self._spoke_at = self._started = time.monotonic()
        self._done = 0

    def __enter__(self) -> Counter:
        """Say that it begins."""
        self._write()
        return self

    def __exit__(self, *error: object) -> None:
        """End the line."""
        if self._terminal:
            self._stream.write('\n')
            self._stream.flush()

    def __call__(self, done: int) -> None:
        """Say how many are done."""
        self._done = done
        now = time.monotonic()
        if self._terminal or done == self._total or now - self._spoke_at >= LOG_PERIOD_S:
            self._spoke_at = now
            self._write()

    def _write(self) -> None:
        seconds = time.monotonic() - self._started
        line = f'{self._text}: {self._done} of {self._total}, {seconds:.1f} s'
        self._stream.write(f'\r{line}' if self._terminal else f'{line}\n')
        self._stream.flush()


def say(text: str) -> None:
    """Write a line to standard output at once."""
    print(text, flush=True)
