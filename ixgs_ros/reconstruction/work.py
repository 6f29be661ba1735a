"""Work in pieces: what takes seconds must not hold up a shot that comes meanwhile.

Such work is a generator: it yields after each piece of some hundredths of a second, and returns
its result. Between two pieces anything else may be done, so a piece leaves nothing half done that
others use (the projector's footprints above all).
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeAlias, TypeVar

T = TypeVar('T')
Pieces: TypeAlias = Generator[None, None, T]


def finish(work: Pieces[T]) -> T:
    """Do all pieces that are left and return the result."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: T = end.value
            return result
