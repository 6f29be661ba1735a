"""How the command ends: exit codes, and the error that carries one with its sentence."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of docs/contracts.md."""

    DONE = 0
    OUR_FAULT = 1
    BAD_INPUT = 2
    NO_SHOT_ACCEPTED = 3


class CliError(Exception):
    """The command cannot go on; the user sees one line and no traceback."""

    def __init__(self, message: str, code: ExitCode = ExitCode.BAD_INPUT) -> None:
        """Keep the code; ``message`` names the value seen and says how to mend it."""
        super().__init__(message)
        self.code = code
