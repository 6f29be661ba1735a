"""The numbers of shots: each is given once, also after those that an earlier process gave."""

from __future__ import annotations

from collections.abc import Iterator


class Numbers(Iterator[int]):
    """1, 2, 3, …; may be told to go on after a number that somebody else has given."""

    def __init__(self) -> None:
        self._next = 1

    def __next__(self) -> int:
        """Return the next number."""
        self._next += 1
        return self._next - 1

    def go_on_after(self, number: int) -> bool:
        """Give no number up to this one from now on; return whether that changes anything."""
        changes = number >= self._next
        self._next = max(self._next, number + 1)
        return changes
