"""Check the code: ruff, then mypy, then pytest. Other arguments go to pytest, such as -k NAME.

Tests that take minutes are left out; -m slow runs them. Without arguments the tests of the core,
which only compute, run side by side, one process a core; all others, which start processes or look
at the clock, one after the other.
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

SIDE_BY_SIDE = ('acquisition', 'bench', 'core', 'evaluation', 'gaussians', 'geometry',
                'reconstruction', 'session', 'simulation', 'standardization', 'volume')
# One process with a model and compiled kernels takes up to 2 GB.
MOST_PROCESSES = 4


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
    passed = _module('pytest', args.rest, root) if args.rest else _all_tests(root)
    return ExitCode.DONE if clean and typed and passed else ExitCode.OUR_FAULT


def _all_tests(root: Path) -> bool:
    processes = min(len(os.sched_getaffinity(0)), MOST_PROCESSES)
    core = [f'test/{name}' for name in SIDE_BY_SIDE]
    # loadfile: tests of a file share what its fixtures have computed.
    passed = _module('pytest', [*core, f'--numprocesses={processes}', '--dist=loadfile'], root)
    rest = [f'--ignore={folder}' for folder in core]
    return _module('pytest', rest, root) and passed
