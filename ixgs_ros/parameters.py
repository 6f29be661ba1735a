"""Configurations are frozen dataclasses; this module gives their fields units, ranges and names.

A field made by :func:`setting` carries its unit, range and meaning; a nested dataclass becomes a
dotted prefix, so ``AcquisitionConfig.tf.max_gap`` is the parameter ``tf.max_gap`` everywhere: in
YAML files, as a ROS parameter and in error messages. Nothing is repaired: unknown names and bad
values raise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
import dataclasses
from dataclasses import dataclass
import difflib
import math
from typing import Any, get_type_hints, TypeVar

Config = TypeVar('Config')


class ParameterError(ValueError):
    """A parameter is unknown, of the wrong type or out of range; the message says what fits."""


@dataclass(frozen=True)
class Setting:
    """What is known of one parameter besides its type and default."""

    text: str
    unit: str = ''
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()


def setting(default: Any, text: str, *, unit: str = '', low: float | None = None,
            high: float | None = None, choices: tuple[str, ...] = ()) -> Any:
    """Return a dataclass field with a description.

    Args:
        default: bool, int, float, str or a tuple of floats; its type is the parameter's type.
        text: what the parameter means.
        unit: its unit, empty if it has none.
        low: smallest value allowed (for a tuple: of each element).
        high: largest value allowed.
        choices: the values allowed of a string; any if empty.
    """
    return dataclasses.field(default=default,
                             metadata={'setting': Setting(text, unit, low, high, choices)})


@dataclass(frozen=True)
class Parameter:
    """One leaf of a configuration: dotted name, default and description."""

    name: str
    default: Any
    setting: Setting


def parameters_of(config_class: type) -> dict[str, Parameter]:
    """Return all leaves of a configuration class by dotted name, in order of declaration."""
    found: dict[str, Parameter] = {}
    hints = get_type_hints(config_class)
    for field in dataclasses.fields(config_class):
        if 'setting' in field.metadata:
            found[field.name] = Parameter(field.name, field.default, field.metadata['setting'])
        elif dataclasses.is_dataclass(hints[field.name]):
            for leaf in parameters_of(hints[field.name]).values():
                name = f'{field.name}.{leaf.name}'
                found[name] = Parameter(name, leaf.default, leaf.setting)
        else:
            raise TypeError(f'{config_class.__name__}.{field.name} is neither a setting nor a '
                            'nested configuration')
    return found


def check_value(parameter: Parameter, value: Any) -> Any:
    """Return ``value`` in the parameter's type, or raise.

    Whole numbers are accepted for floats and lists for tuples; nothing else is converted.

    Raises:
        ParameterError: with the name, the value and what was expected.
    """
    default, rule = parameter.default, parameter.setting
    if isinstance(default, tuple):
        if not isinstance(value, (list, tuple)) or len(value) != len(default):
            raise ParameterError(f'{parameter.name}: expected {len(default)} numbers, '
                                 f'got {value!r}')
        single = dataclasses.replace(parameter, default=0.0)
        return tuple(check_value(single, element) for element in value)
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not type(default):
        raise ParameterError(f'{parameter.name}: expected {type(default).__name__}, got {value!r}')
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        low = -math.inf if rule.low is None else rule.low
        high = math.inf if rule.high is None else rule.high
        if not (math.isfinite(value) and low <= value <= high):
            raise ParameterError(f'{parameter.name}: expected a value in [{low:g}, {high:g}] '
                                 f'{rule.unit}'.rstrip() + f', got {value!r}')
    if rule.choices and value not in rule.choices:
        raise ParameterError(f'{parameter.name}: expected one of {", ".join(rule.choices)}, '
                             f'got {value!r}')
    return value


def unknown_parameter(name: str, known: Iterable[str]) -> ParameterError:
    """Return the error for a name that nobody knows, with the nearest known one."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.0)
    hint = f'; did you mean {near[0]!r}?' if near else ''
    return ParameterError(f'unknown parameter {name!r}{hint}')


def build(config_class: type[Config], values: Mapping[str, Any]) -> Config:
    """Make a configuration from dotted names; what is not given keeps its default.

    Raises:
        ParameterError: a name is unknown, or a value has the wrong type or range.
    """
    known = parameters_of(config_class)
    for name in values:
        if name not in known:
            raise unknown_parameter(name, known)
    checked = {name: check_value(known[name], value) for name, value in values.items()}
    return _assemble(config_class, checked)


def _assemble(config_class: type[Config], values: Mapping[str, Any]) -> Config:
    hints = get_type_hints(config_class)
    arguments: dict[str, Any] = {}
    for field in dataclasses.fields(config_class):  # type: ignore[arg-type]
        if 'setting' in field.metadata:
            if field.name in values:
                arguments[field.name] = values[field.name]
            continue
        prefix = field.name + '.'
        inner = {name.removeprefix(prefix): value for name, value in values.items()
                 if name.startswith(prefix)}
        arguments[field.name] = _assemble(hints[field.name], inner)
    return config_class(**arguments)


def flatten(config: Any) -> dict[str, Any]:
    """Return all values of a configuration by dotted name."""
    values: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            values.update({f'{field.name}.{name}': leaf for name, leaf in flatten(value).items()})
        else:
            values[field.name] = value
    return values
