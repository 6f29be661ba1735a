"""Make training pairs: bodies by synthesis, and their shots by material with the bone target.

The folder may be that of an earlier call with the same settings, complete or not: it goes on where
that ended. What the physics of a shot makes of the materials is drawn when a network is trained.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from ixgs_ros.cli.errors import CliError, ExitCode
from ixgs_ros.cli.progress import Counter, say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add('--out', required=True, metavar='DIR', type=Path, help='the folder of the pool')
    add('--bodies', type=int, default=100, metavar='N', help='bodies (default: %(default)s)')
    add('--views', type=int, default=12, metavar='V',
        help='shots of each body (default: %(default)s)')
    add('--size', type=int, default=128, metavar='PX',
        help='rows and columns of a shot (default: %(default)s)')
    add('--source', action='append', default=[], metavar='NAME_OR_FILE', dest='sources',
        help="'procedural', 'lidc', 'phantom', a folder with one DICOM series, or a NIfTI, NRRD "
        'or .npz file in HU; several times for several, the same again to draw it more often '
        '(default: procedural)')
    add('--seed', type=int, default=0, help='of all that is random (default: %(default)s)')


def run(args: argparse.Namespace) -> int:
    """Make the pool."""
    from ixgs_ros.simulation.ct import CtError
    from ixgs_ros.simulation.pair_making import make_pairs, PairSettings
    from ixgs_ros.simulation.shot_pool import PoolError
    try:
        settings = PairSettings(tuple(args.sources or ['procedural']), args.bodies, args.views,
                                args.size, args.seed)
    except ValueError as error:
        raise CliError(str(error)) from error
    try:
        with Counter('making bodies', settings.bodies) as counter:
            made = make_pairs(args.out, settings, counter)
    except (CtError, PoolError) as error:
        raise CliError(str(error)) from error
    say(f'{made} bodies made, {settings.views} shots each, in {args.out}')
    return ExitCode.DONE
