"""The boundary of the work on one shot: whatever it raises ends in a verdict, so in a report.

A shot without a report would keep everybody who waits for one waiting.
"""

from __future__ import annotations

from collections.abc import Callable

from ixgs_ros.ros.messages import MessageError
from ixgs_ros.verdict import Code, failure, Refusal, Verdict


def judged(work: Callable[[], None], failed: Callable[[Exception], None]) -> Verdict | None:
    """Do the work on a shot; return why the shot cannot be used, None if it can.

    Args:
        work: on the shot, from its message on.
        failed: gets what was not foreseen; the verdict is then FAILED.
    """
    try:
        work()
    except MessageError as error:
        return Verdict(Code.INCONSISTENT, f'the message contradicts itself: {error}')
    except Refusal as refusal:
        return refusal.verdict
    except Exception as error:  # one shot must not end the session
        failed(error)
        return failure(error)
    return None
