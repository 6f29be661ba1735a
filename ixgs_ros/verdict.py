"""What becomes of a shot: one code and one sentence (docs/contracts.md, 'Verdicts')."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum


class Code(str, Enum):
    """The verdicts; the value is the text of ``ShotReport.code`` and ``report.json``."""

    ACCEPTED = 'ACCEPTED'
    ACCEPTED_CORRECTED = 'ACCEPTED_CORRECTED'
    QUARANTINED = 'QUARANTINED'
    REMOVED = 'REMOVED'
    NO_TRANSFORM = 'NO_TRANSFORM'
    TRANSFORM_GAP = 'TRANSFORM_GAP'
    TRANSFORM_STALE = 'TRANSFORM_STALE'
    UNCALIBRATED = 'UNCALIBRATED'
    SIZE_MISMATCH = 'SIZE_MISMATCH'
    UNSUPPORTED_ENCODING = 'UNSUPPORTED_ENCODING'
    INVALID_POSE = 'INVALID_POSE'
    NO_SIGNAL = 'NO_SIGNAL'
    SATURATED = 'SATURATED'
    DUPLICATE = 'DUPLICATE'
    MOVING = 'MOVING'
    OUT_OF_VIEW = 'OUT_OF_VIEW'
    INCONSISTENT = 'INCONSISTENT'
    OUT_OF_DOMAIN = 'OUT_OF_DOMAIN'
    OVERLOAD = 'OVERLOAD'
    FAILED = 'FAILED'

    @property
    def accepted(self) -> bool:
        """Whether the shot takes part in the reconstruction."""
        return self in (Code.ACCEPTED, Code.ACCEPTED_CORRECTED)


@dataclass(frozen=True)
class Verdict:
    """A code with the sentence that holds the value seen and the value wanted."""

    code: Code
    message: str

    @property
    def accepted(self) -> bool:
        """Whether the shot takes part in the reconstruction."""
        return self.code.accepted


def failure(error: Exception) -> Verdict:
    """Return the verdict on a shot where the work on it raised what was not foreseen."""
    text = str(error).strip()
    first = f': {text.splitlines()[0]}' if text else ''
    return Verdict(Code.FAILED, f'the work on this shot ended with {type(error).__name__}{first}; '
                   'expected none: a fault of the program, whose log says where')


class Refusal(Exception):
    """Raised where a shot cannot be used; carries the verdict."""

    def __init__(self, code: Code, message: str) -> None:
        """Keep the verdict; ``message`` names the value seen and the value wanted."""
        super().__init__(f'{code.value}: {message}')
        self.verdict = Verdict(code, message)


def judged(work: Callable[[], None], failed: Callable[[Exception], None]) -> Verdict | None:
    """Do the work on a shot; return why the shot cannot be used, None if it can.

    The boundary of that work: whatever it raises ends in a verdict, so that one shot does not end
    the session, and nobody waits for a report that never comes.

    Args:
        work: on one shot.
        failed: gets what was not foreseen; the verdict is then FAILED.
    """
    try:
        work()
    except Refusal as refusal:
        return refusal.verdict
    except Exception as error:
        failed(error)
        return failure(error)
    return None
