"""``--set NAME=VALUE`` of several subcommands."""

from __future__ import annotations

import re
from typing import Any

import yaml

from ixgs_ros.cli.errors import CliError

EXPONENT = re.compile(r'[-+]?\d+e[-+]?\d+', re.IGNORECASE)


def parse_setting(text: str) -> tuple[str, Any]:
    """Return name and value of ``NAME=VALUE``; the value is read as YAML.

    YAML 1.1 takes 1e-3 for a word, because it has no point; here it is a number.

    Raises:
        CliError: there is no name, or the value is no YAML.
    """
    name, equals, value = text.partition('=')
    if not equals or not name:
        raise CliError(f'--set {text}: expected NAME=VALUE')
    try:
        read = yaml.safe_load(value)
        is_exponent = isinstance(read, str) and EXPONENT.fullmatch(read)
        return name, float(read) if is_exponent else read
    except yaml.YAMLError as error:
        raise CliError(f'--set {text}: expected a number, a word or a list such as [0.1, 0.2] '
                       f'after {name}=, got {value!r}') from error
