"""Writes config/params.yaml: every parameter of every node.

``python -m ixgs_ros.nodes.default_parameters > config/params.yaml``; a test holds the file to
this.
"""

from __future__ import annotations

from collections.abc import Iterator
import textwrap
from typing import Any

from ixgs_ros.nodes import table
from ixgs_ros.parameters import Parameter, parameters_of

WIDTH = 99
HEAD = """\
# All parameters with their defaults. Copy what you change into a file of your own and pass that:
#   ./ixgs run --params FILE        or        ros2 launch ixgs ixgs.launch.py params:=FILE
# A value under '/**' is for every node that knows it. Made by ixgs_ros.nodes.default_parameters.
"""


def text() -> str:
    """Return the file."""
    return HEAD + ''.join(line if line.startswith(' ') else f'\n{line}' for line in _lines())


def _lines() -> Iterator[str]:
    for node in table.NODES:
        if node.like:
            yield (f'# {node.name} ({node.text}) takes the parameters of\n# {node.like}, but its '
                   'quantity; a section of its own wins.\n')
            continue
        yield f'{table.NAMESPACE}/{node.name}:  # {node.text}\n'
        yield '  ros__parameters:\n'
        for parameter in parameters_of(node.load_config()).values():
            yield from _entry(parameter)


def _entry(parameter: Parameter) -> Iterator[str]:
    rule = parameter.setting
    limits = ''
    if rule.choices:
        limits = f'; one of {", ".join(rule.choices)}'
    elif rule.low is not None and rule.high is not None:
        limits = f'; {rule.low:g} to {rule.high:g}'
    elif rule.low is not None:
        limits = f'; at least {rule.low:g}'
    elif rule.high is not None:
        limits = f'; at most {rule.high:g}'
    unit = f' [{rule.unit}]' if rule.unit else ''
    for line in textwrap.wrap(rule.text + limits + unit, WIDTH - 6):
        yield f'    # {line}\n'
    yield f'    {parameter.name}: {_value(parameter.default)}\n'


def _value(value: Any) -> str:
    """Return a value as YAML; floats keep a point, which rcl needs to see that they are floats."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        number = repr(value)
        return number if '.' in number or 'e' not in number else number.replace('e', '.0e')
    if isinstance(value, tuple):
        return '[' + ', '.join(_value(element) for element in value) + ']'
    return repr(value) if isinstance(value, str) else str(value)


if __name__ == '__main__':
    print(text(), end='')
