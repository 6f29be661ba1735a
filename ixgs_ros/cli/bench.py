"""``ixgs bench NAME``: reproducible benchmarks, one file each in ``bench/`` of a checkout."""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path
import sys

from ixgs_ros.cli.errors import CliError

FOLDER = Path(__file__).resolve().parents[2] / 'bench'


def available() -> dict[str, Path]:
    """Return the benchmarks of this checkout by name; empty where there is no ``bench/``."""
    return {path.stem: path for path in sorted(FOLDER.glob('[a-z]*.py'))}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the benchmark's name; what follows is the benchmark's own."""
    names = ', '.join(available()) or 'none here: benchmarks come with a source checkout'
    parser.add_argument('name', help=f'which benchmark: {names}')
    rest = parser.add_argument(
        'arguments', nargs=argparse.REMAINDER,
        help="the benchmark's own arguments; ixgs bench NAME --help lists them")
    # Else a missing name would be reported as both missing.
    rest.required = False


def run(args: argparse.Namespace) -> int:
    """Run ``main(arguments)`` of the benchmark and return its exit code."""
    paths = available()
    if args.name not in paths:
        raise CliError(f'no benchmark {args.name!r}; expected one of {", ".join(paths) or "none"} '
                       f'(in {FOLDER})')
    spec = importlib.util.spec_from_file_location(f'ixgs_bench_{args.name}', paths[args.name])
    if spec is None or spec.loader is None:
        raise CliError(f'cannot load {paths[args.name]}')
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module     # dataclasses look their module up
    spec.loader.exec_module(module)
    return int(module.main(args.arguments))
