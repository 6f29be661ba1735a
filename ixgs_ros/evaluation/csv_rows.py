"""Rows of measurements in a CSV file: one dataclass a file, one column a field."""

from __future__ import annotations

from collections.abc import Iterable
import csv
from dataclasses import asdict, fields, MISSING
import os
from pathlib import Path
from typing import Any, TypeVar

Kind = TypeVar('Kind')
_KINDS: dict[str, Any] = {'int': int, 'float': float, 'str': str}


def read_rows(path: Path, kind: type[Kind]) -> list[Kind]:
    """Return the rows of a file, none where there is no file.

    Args:
        path: of the CSV file.
        kind: a dataclass of int, float and str; a column that the file lacks has its default.

    Raises:
        ValueError: a column without default is missing, or holds what is no such number.
    """
    if not path.exists():
        return []
    with path.open(newline='') as file:
        return [_row(record, kind, path) for record in csv.DictReader(file)]


def _row(record: dict[str, str | None], kind: type[Kind], path: Path) -> Kind:
    found = {}
    for field in fields(kind):  # type: ignore[arg-type]
        text = record.get(field.name)
        if text is not None:
            try:
                found[field.name] = _KINDS[str(field.type)](text)
            except ValueError as error:
                raise ValueError(f'{path}: column {field.name} holds {text!r}, expected '
                                 f'{field.type}') from error
        elif field.default is MISSING:
            raise ValueError(f'{path}: expected a column {field.name}, got {list(record)}')
    return kind(**found)


def write_rows(path: Path, kind: type[Kind], rows: Iterable[Kind], digits: int = 5) -> None:
    """Write all rows; a reader sees the old file or the new one, never a part.

    Args:
        path: of the CSV file.
        kind: their dataclass.
        rows: in the order of the file.
        digits: decimal places kept of a float.
    """
    half = path.with_suffix('.half')
    with half.open('w', newline='') as file:
        names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
        writer = csv.DictWriter(file, names, lineterminator='\n')
        writer.writeheader()
        for row in rows:
            values = asdict(row)  # type: ignore[call-overload]
            writer.writerow({name: round(value, digits) if isinstance(value, float) else value
                             for name, value in values.items()})
    os.replace(half, path)
