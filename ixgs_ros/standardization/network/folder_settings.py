"""What the JSON files of a folder of pairs say, read strictly."""

from __future__ import annotations

from collections.abc import Iterable
import difflib
import json
from pathlib import Path
from typing import Any


class PairsError(ValueError):
    """The folder or a file of it is not what was expected."""


class PairsSettings:
    """``pairs.json``: what the pixels are, and where the CT is.

    Args:
        path: of the file.

    Raises:
        PairsError: it cannot be read, or is no JSON object.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._values = read_object(path, 'that says what the pixels are')

    @property
    def licence(self) -> str:
        """Licence and attribution of the pairs; empty if the file does not say."""
        return str(self._values.get('licence', ''))

    @property
    def ct(self) -> Path | None:
        """Where the CT is, absolute; None if the file does not say.

        Raises:
            PairsError: it is no path.
        """
        value = self._values.get('ct')
        if value is None:
            return None
        if not isinstance(value, str) or not value:
            raise PairsError(f'{self.path}: expected ct as the path of a CT, got {value!r}')
        return (self.path.parent / value).absolute()

    def number(self, name: str, user: str) -> float:
        """Return a positive number.

        Args:
            name: its key.
            user: the file that needs it, for the message.

        Raises:
            PairsError: it is missing or no positive number.
        """
        value = self._values.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)) \
                or not 0.0 < value < 1e9:
            raise PairsError(f'{self.path.name}: {user} needs {name} as a positive number, got '
                             f'{value!r}')
        return float(value)

    def optional(self, name: str, user: str) -> float:
        """Return a positive number, or 0 where the file does not say it."""
        return 0.0 if self._values.get(name) is None else self.number(name, user)


def read_object(path: Path, purpose: str) -> dict[str, Any]:
    """Return the JSON object in a file.

    Args:
        path: of the file.
        purpose: 'that says …', for the message.

    Raises:
        PairsError: it cannot be read, is no JSON object, or gives a key twice.
    """
    try:
        values = json.loads(path.read_text(encoding='utf-8'), object_pairs_hook=_once)
    except (OSError, ValueError) as error:
        raise PairsError(f'{path}: expected JSON {purpose} ({error})') from error
    if not isinstance(values, dict):
        raise PairsError(f'{path}: expected a JSON object {purpose}, got {values!r}')
    return values


def check_keys(values: Iterable[str], known: Iterable[str]) -> None:
    """Raise a ValueError that names the first unknown key and the nearest known one."""
    known = list(known)
    for name in values:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
            raise ValueError(f'unknown key {name!r}; did you mean {near[0]!r}?')


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise ValueError(f'the key {name!r} is given twice')
    return dict(pairs)
