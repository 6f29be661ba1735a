"""Check the code: ruff, then mypy, then pytest. Other arguments go to pytest, such as -k NAME.

Tests that take minutes are left out; -m slow runs them.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
import subprocess
import sys

from ixgs_ros.cli.errors import CliError, ExitCode
from ixgs_ros.cli.locate import checkout

PASSES_ON = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare none: everything is pytest's."""
    parser.usage = '%(prog)s [-h] [PYTEST_ARGUMENT ...]'


def _module(name: str, arguments: list[str], root: Path) -> bool:
    print(f'ixgs test: {name}', flush=True)
    # -P: the checkout's root stays off sys.path, where launch/ and test/ would pass for packages.
    command = [sys.executable, '-P', '-m', name, *arguments]
    return subprocess.run(command, cwd=root, check=False, env=os.environ).returncode == 0


def run(args: argparse.Namespace) -> int:
    """Run all three, also if one fails, so that one run shows all there is to mend."""
    root = checkout()
    if root is None:
        raise CliError('the tests come with a source checkout; this is an installation')
    clean = _module('ruff', ['check', '.'], root)
    typed = _module('mypy', [], root)
    passed = _module('pytest', args.rest, root)
    return ExitCode.DONE if clean and typed and passed else ExitCode.OUR_FAULT
