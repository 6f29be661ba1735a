"""ROS parameter files, read and checked before anything starts. Imports no ROS.

A file maps node names (``/carm/acquisition``, ``acquisition``; ``/**`` for all) to ``ros__parameters``, whose nested
keys join to dotted names. A key under ``/**`` must be known to some node, one under a node's name to that node.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from ixgs_ros.nodes import table
from ixgs_ros.parameters import (check_value, Parameter, ParameterError, parameters_of,
                                 unknown_parameter)

EVERYONE = '/**'
KEY = 'ros__parameters'


def read(path: Path) -> dict[str, dict[str, Any]]:
    """Return the values of a file by dotted name, by the table's node name or ``'/**'``, checked.

    Raises:
        ParameterError: the file cannot be read, is no parameter file, names a node or a key that
            does not exist (with the nearest that does), or a value has the wrong type or range.
    """
    found: dict[str, dict[str, Any]] = {}
    try:
        for node, values in _sections(_document(path)):
            found.setdefault(node, {}).update(values)
        for node, values in found.items():
            check(node, values)
    except ParameterError as error:
        raise ParameterError(f'{path}: {error}') from error
    return found


def check(node: str, values: Mapping[str, Any]) -> None:
    """Raise unless a node (or ``'/**'``: some node) knows all names and takes their values.

    Raises:
        ParameterError: with the name, the value and what was expected.
    """
    takers = [entry for entry in table.NODES if node in (EVERYONE, entry.name)]
    known: dict[str, list[Parameter]] = {name: [] for name in table.COMMON_PARAMETERS}
    for entry in takers:
        for name, parameter in parameters_of(entry.load_config()).items():
            known.setdefault(name, []).append(parameter)
    for name, value in values.items():
        if name not in known:
            raise unknown_parameter(name, sorted(known))
        for parameter in known[name]:
            check_value(parameter, value)


def values_for(node: str, *sources: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return what one node gets of several files or mappings; later ones win, its own section wins in each.

    Of ``/**`` it gets what it knows.
    """
    known = table.known_parameters(node)
    found: dict[str, Any] = {}
    for source in sources:
        found.update({name: value for name, value in source.get(EVERYONE, {}).items()
                      if name in known})
        found.update(source.get(node, {}))
    return found


def _document(path: Path) -> Mapping[str, Any]:
    try:
        document = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ParameterError(f'cannot be read: {error.strerror}') from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParameterError(f'is no YAML: {error}') from error
    if not isinstance(document, Mapping) or not document:
        raise ParameterError(f'expected node names that hold {KEY}, got {document!r}')
    return document


def _sections(document: Mapping[str, Any], prefix: str = '') -> Iterator[tuple[str, dict[str, Any]]]:
    for name, inner in document.items():
        path = f'{prefix}/{name}'.replace('//', '/')
        if not isinstance(inner, Mapping):
            raise ParameterError(f'expected {KEY} under {path}, got {inner!r}')
        if KEY in inner:
            values = inner[KEY]
            if not isinstance(values, Mapping):
                raise ParameterError(f'expected names and values under {path}, got {values!r}')
            yield _node(path), dict(_flat(values))
        else:
            yield from _sections(inner, path)


def _node(path: str) -> str:
    """Return the table's name of a node given as it stands in a file."""
    if path in (EVERYONE, f'{table.NAMESPACE}/**'):
        return EVERYONE
    name = path.removeprefix(table.NAMESPACE).strip('/')
    if name not in table.names(simulated=True):
        raise ParameterError(f'no node {path}; expected {EVERYONE} or {table.NAMESPACE}/ and one of '
                             f'{", ".join(table.names(simulated=True))}')
    return name


def _flat(values: Mapping[str, Any], prefix: str = '') -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f'{prefix}{name}.')
        else:
            yield f'{prefix}{name}', value
