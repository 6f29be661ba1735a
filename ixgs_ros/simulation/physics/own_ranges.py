"""Ranges of one's own, which exposures are drawn from instead of the default ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
import math
from pathlib import Path
from typing import Any

import yaml

from ixgs_ros.parameters import ParameterError, unknown_parameter
from ixgs_ros.simulation.physics.settings import Range, ranges

# What a range is called in settings and messages: this and the name of its field of `Physics`.
PREFIX = 'physics.'


def changed_ranges(changes: Mapping[str, Any]) -> dict[str, Range]:
    """Return the ranges of all fields of `Physics`, some of them changed.

    Args:
        changes: [low, high] by the name of the field. Equal numbers fix it. How often an effect
            occurs stays as it is.

    Raises:
        ParameterError: a name is unknown, or its value is no range or not possible.
    """
    found = ranges()
    for name, limits in changes.items():
        if name not in found:
            raise unknown_parameter(f'{PREFIX}{name}', [f'{PREFIX}{known}' for known in found])
        low, high = _limits(name, limits, found[name])
        found[name] = replace(found[name], low=low, high=high)
    return found


def read_ranges(path: Path) -> dict[str, Any]:
    """Return what a YAML file says: ``kvp: [70, 90]`` and so on.

    Raises:
        ParameterError: it cannot be read, or is no list of names with their values.
    """
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        said = ' '.join(str(error).split())
        raise ParameterError(f'{path}: expected a YAML file of ranges ({said})') from error
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise ParameterError(f"{path}: expected lines such as 'kvp: [70, 90]', got {content!r}")
    return content


def plain(within: Mapping[str, Range]) -> dict[str, list[float]]:
    """Return ranges as JSON values, which :func:`changed_ranges` takes."""
    return {name: [entry.low, entry.high] for name, entry in within.items()}


def _limits(name: str, limits: Any, entry: Range) -> tuple[float, float]:
    """Return the ends of a range, checked."""
    numbers = _numbers(limits)
    if len(numbers) != 2:
        raise ParameterError(f'{PREFIX}{name}: expected two numbers, the lowest and the highest, '
                             f'got {limits!r}')
    low, high = numbers
    if not low <= high:
        raise ParameterError(f'{PREFIX}{name}: expected the lower number first, got {low:g} and '
                             f'{high:g}')
    if not (math.isfinite(low) and math.isfinite(high) and entry.least <= low
            and high <= entry.most):
        raise ParameterError(f'{PREFIX}{name}: expected numbers in [{entry.least:g}, '
                             f'{entry.most:g}] ({entry.text}), got {low:g} and {high:g}')
    if entry.logarithmic and low <= 0.0 < high:
        raise ParameterError(f'{PREFIX}{name}: expected numbers above 0, as it is drawn evenly in '
                             f'the logarithm (or 0 and 0: none), got {low:g} and {high:g}')
    return low, high


def _numbers(limits: Any) -> list[float]:
    """Return the numbers of a list; none if anything else is in it.

    A word may be a number: YAML 1.1 takes 1e-3 for one, as it has no point.
    """
    if not isinstance(limits, (list, tuple)) or any(isinstance(value, bool) for value in limits):
        return []
    try:
        return [float(value) for value in limits]
    except (TypeError, ValueError):
        return []
