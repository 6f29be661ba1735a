"""The boundary of the work on a shot that comes as a message."""

from __future__ import annotations

from collections.abc import Callable

from ixgs_ros import verdict
from ixgs_ros.ros.messages import MessageError
from ixgs_ros.verdict import Code, Refusal, Verdict


def judged(work: Callable[[], None], failed: Callable[[Exception], None]) -> Verdict | None:
    """Do as ``ixgs_ros.verdict.judged``; ``work`` begins with the shot's message.

    A message that contradicts itself is INCONSISTENT.
    """
    def from_the_message_on() -> None:
        try:
            work()
        except MessageError as error:
            raise Refusal(Code.INCONSISTENT,
                          f'the message contradicts itself: {error}') from error
    return verdict.judged(from_the_message_on, failed)
