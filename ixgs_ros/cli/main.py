"""The ``ixgs`` command: finds the subcommand, reads its arguments, makes errors exit codes.

A subcommand is a module ``ixgs_ros.cli.NAME`` (hyphens are underscores there) with
``add_arguments(parser)`` and ``run(args) -> int``. It is imported when it is asked for, so that
``ixgs --help`` does not wait for a compiler.
"""

from __future__ import annotations

import argparse
import difflib
import errno
import importlib
import os
import signal
import sys
import traceback
from types import ModuleType
from typing import NoReturn

from ixgs_ros import __version__
from ixgs_ros.cli.environment import apply_defaults
from ixgs_ros.cli.errors import CliError, ExitCode
from ixgs_ros.parameters import ParameterError

SUBCOMMANDS = {
    'demo': 'the whole way on a real CT: simulated C-arm, nodes, volume, pictures, figures',
    'run': 'start the nodes, for a live rig or a bag that plays',
    'simulate': 'record the shots of a tracked C-arm about a CT as a bag',
    'standardize': 'DICOM X-ray images to line integrals, of attenuation or of bone alone',
    'replay': 'reconstruct a recorded bag, through the nodes or offline',
    'make-pairs': 'make bodies and their shots, for training a standardizer',
    'evaluate': "the IXGS paper's experiment: raw, standardized and ideal shots, against the CT",
    'train-standardizer': 'train the network that turns shots into bone, or evaluate one',
    'bench': 'compare quality and speed with other methods',
    'test': 'check the code: ruff, mypy, pytest',
}

WIDTH = max(map(len, SUBCOMMANDS))
EPILOG = ('subcommands:\n'
          + '\n'.join(f'  {name:{WIDTH}} {text}' for name, text in SUBCOMMANDS.items())
          + '\n\nixgs NAME --help says more. Exit codes: 0 done; 1 our fault; 2 the input or the '
          'call is\nwrong; 3 no shot was accepted. Research use only; not a medical device.')

# The shell's convention for a program ended by SIGINT.
INTERRUPTED = 130

# What the user can mend when a file cannot be read or written.
MENDABLE = (errno.EACCES, errno.EDQUOT, errno.ENOSPC, errno.EROFS)


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line that says where to look."""

    def error(self, message: str) -> NoReturn:
        raise CliError(f'{message}; see {self.prog} --help')


def _top_parser() -> argparse.ArgumentParser:
    parser = _Parser(prog='ixgs', epilog=EPILOG, usage='ixgs [-h] [--version] NAME ...',
                     formatter_class=argparse.RawDescriptionHelpFormatter,
                     description='Tracked C-arm shots to a 3-D volume, refined as they arrive.')
    parser.add_argument('--version', action='version', version=f'ixgs {__version__}')
    parser.add_argument('name', metavar='NAME', help='one of the subcommands below')
    return parser


def _load(name: str) -> ModuleType:
    if name not in SUBCOMMANDS:
        near = difflib.get_close_matches(name, SUBCOMMANDS, n=1)
        known = f'expected one of {", ".join(SUBCOMMANDS)}'
        raise CliError(f'unknown subcommand {name!r}; '
                       + (f'did you mean {near[0]!r}?' if near else known))
    return importlib.import_module(f"ixgs_ros.cli.{name.replace('-', '_')}")


def _parse(module: ModuleType, name: str, arguments: list[str]) -> argparse.Namespace:
    """Read a subcommand's arguments; what it does not know is ``rest`` if it says PASSES_ON."""
    parser = _Parser(prog=f'ixgs {name}', description=module.__doc__,
                     formatter_class=argparse.RawDescriptionHelpFormatter)
    module.add_arguments(parser)
    if not getattr(module, 'PASSES_ON', False):
        return parser.parse_args(arguments)
    parsed, rest = parser.parse_known_args(arguments)
    parsed.rest = rest
    return parsed


def _dispatch(arguments: list[str]) -> int:
    # Only what comes before the subcommand's name is ours.
    names = (i for i, word in enumerate(arguments) if not word.startswith('-'))
    split = next(names, len(arguments))
    if not arguments:
        _top_parser().print_help()
        return ExitCode.BAD_INPUT
    name = _top_parser().parse_args(arguments[:split + 1]).name
    module = _load(name)
    return int(module.run(_parse(module, name, arguments[split + 1:])))


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code (docs/contracts.md)."""
    # All as Ctrl-C does: unwind, so that nodes, bags and temporary folders are closed. SIGINT too:
    # a shell starts background jobs with it ignored, yet supervisors of ROS nodes end them by it.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        apply_defaults(os.environ)
        return _dispatch(sys.argv[1:] if arguments is None else arguments)
    except CliError as error:
        print(f'ixgs: {error}', file=sys.stderr)
        return error.code
    except ParameterError as error:
        print(f'ixgs: {error}', file=sys.stderr)
        return ExitCode.BAD_INPUT
    except KeyboardInterrupt:
        print('ixgs: interrupted', file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        if isinstance(error, OSError) and error.errno in MENDABLE:
            where = '' if error.filename is None else f'{error.filename}: '
            print(f'ixgs: {where}{error.strerror}', file=sys.stderr)
            return ExitCode.BAD_INPUT
        traceback.print_exc()
        print('ixgs: this is our fault, not yours; please report the lines above', file=sys.stderr)
        return ExitCode.OUR_FAULT


if __name__ == '__main__':
    sys.exit(main())
