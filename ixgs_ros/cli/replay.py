"""Reconstruct a recorded bag: through the real nodes, or offline without ROS.

Writes volume.nii.gz (RAS) and volume.nrrd (LPS), attenuation in 1/m, how far each voxel may be off
(deviation.nii.gz, where that is known) and report.json to the output folder; where the
standardizer passes on both bone and attenuation (mode both), the volume is of bone, and
attenuation.nii.gz and attenuation.nrrd come too. Without --offline the bag plays to the nodes in
its own rhythm (--rate). With --offline the same core runs shot after shot as fast as it goes:
until held-out pixels say stop, or until --budget CPU seconds of all threads are used, or exactly
--steps steps (the same bytes every time).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from ixgs_ros.cli.errors import CliError
from ixgs_ros.cli.progress import say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add('bag', type=Path, metavar='BAG', help='a rosbag2 folder, MCAP or SQLite3')
    add('--params', type=Path, metavar='FILE',
        help='ROS parameter file (YAML): air_counts, region, lps_from_reference and the like; '
        'without it all defaults hold')
    add('--out', type=Path, required=True, metavar='DIR', help='where the results go')
    add('--truth', metavar='FILE',
        help='compare with this CT: NIfTI, NRRD, a DICOM folder, lidc or phantom')
    add('--truth-unit', choices=('hu', 'per_m'), default='hu',
        help='what its values are: Hounsfield units, or attenuation in 1/m (default: %(default)s)')
    add('--remap', action='append', default=[], metavar='NAME:=TOPIC',
        help='a topic with another name in the bag, such as image:=/other/image; NAME is image, '
        'camera_info, tf or tf_static')
    add('--rate', type=float, metavar='R', help='how fast the bag plays; 2 = twice (default: 1)')
    add('--offline', action='store_true', help='without ROS, as fast as it goes')
    add('--budget', type=float, metavar='CPU_SECONDS',
        help='offline: end when all threads together have used so many CPU seconds')
    add('--steps', type=int, metavar='N', help='offline: do exactly so many steps')


def run(args: argparse.Namespace) -> int:
    """Check everything, reconstruct, write."""
    _check(args)
    from ixgs_ros.cli.results import make_folder
    from ixgs_ros.session.bag import BagError, BagReader, Topics
    from ixgs_ros.session.parameters_file import load_parameters
    from ixgs_ros.session.truth import load_truth, TruthError
    from ixgs_ros.simulation.ct import CtError
    parameters = load_parameters(args.params)
    try:
        with BagReader(args.bag, Topics.remapped(args.remap)) as bag:
            truth = None
            if args.truth is not None:
                truth = load_truth(args.truth, args.truth_unit)
            out = make_folder(args.out)
            say(f'{args.bag}: {bag.images} images')
            if args.offline:
                from ixgs_ros.cli.replay_offline import offline
                return offline(bag, parameters, out, truth, args.steps, args.budget)
            from ixgs_ros.cli.replay_online import online
            return online(bag, parameters, args.params, out, truth, args.rate or 1.0)
    except (CtError, TruthError) as error:
        raise CliError(f'--truth: {error}') from error
    except BagError as error:
        raise CliError(str(error)) from error


def _check(args: argparse.Namespace) -> None:
    """Raise CliError for arguments that contradict each other."""
    for option in ('budget', 'steps'):
        if getattr(args, option) is not None and not args.offline:
            raise CliError(f'--{option} is for --offline; with the nodes, time decides')
    if args.offline and args.rate is not None:
        raise CliError('--rate is for the nodes; --offline goes as fast as it can')
    if args.budget is not None and args.steps is not None:
        raise CliError('--budget and --steps exclude each other; expected one of them')
    if args.budget is not None and not 0 < args.budget < float('inf'):
        raise CliError(f'--budget {args.budget:g}: expected more than 0 CPU seconds')
    if args.steps is not None and args.steps < 0:
        raise CliError(f'--steps {args.steps}: expected 0 or more')
    if args.rate is not None and not 0 < args.rate < float('inf'):
        raise CliError(f'--rate {args.rate:g}: expected more than 0')
