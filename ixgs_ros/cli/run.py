"""Start the nodes, a process each, for a live rig, a bag that plays, or a simulated C-arm.

Lines of a node carry its name. Ctrl-C ends all; a node that ends by itself ends all, with exit
code 1.
"""

from __future__ import annotations

import argparse
from pathlib import Path
import sys
import time
from typing import Any

from ixgs_ros.cli.errors import CliError, ExitCode
from ixgs_ros.cli.settings import parse_setting
from ixgs_ros.nodes import table
from ixgs_ros.session.parameters_file import load_parameters, passes_on_both, read_sections
from ixgs_ros.simulation.ct import CtError
from ixgs_ros.simulation.sources import check_source

POLL_S = 0.2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument('--params', metavar='FILE', type=Path, action='append', default=[],
                        help='ROS parameter file (YAML); may be given several times')
    parser.add_argument('--set', metavar='NAME=VALUE', action='append', default=[], dest='values',
                        help='one parameter for every node that knows it; wins over --params')
    parser.add_argument('--simulate', metavar='CT', nargs='?', const='phantom',
                        help='also run the simulator: phantom (the default), lidc, a folder of '
                        'DICOM files, a NIfTI or NRRD file')
    parser.add_argument('--nodes', metavar='NAME,NAME',
                        help=f'the nodes to start (default: {", ".join(table.names())}; with the '
                        'standardizer in mode both, reconstructor_attenuation too)')
    parser.add_argument('--remap', metavar='FROM:=TO', action='append', default=[],
                        help='remap a topic, such as image:=/other/image')


def run(args: argparse.Namespace) -> int:
    """Check everything, start the nodes, and watch them until Ctrl-C."""
    everyone = dict(parse_setting(text) for text in args.values)
    table.check_values(everyone)
    for path in args.params:
        load_parameters(path)
    both = passes_on_both([section for path in args.params for section in read_sections(path)])
    names = chosen_nodes(args.nodes, args.simulate is not None, both)
    for rule in args.remap:
        if ':=' not in rule:
            raise CliError(f'--remap {rule}: expected FROM:=TO')
    if args.simulate is not None:
        try:
            check_source(args.simulate)
        except CtError as error:
            raise CliError(f'--simulate: {error}') from error
    own = {'simulator': {'ct': args.simulate}} if args.simulate is not None else {}
    arguments = [word for rule in args.remap for word in ('-r', rule)]
    return _watch(names, {'/**': everyone, **own}, args.params, arguments)


def chosen_nodes(text: str | None, simulate: bool, both: bool = False) -> tuple[str, ...]:
    """Return the names of the nodes wanted; CliError if one is none, or for none.

    Args:
        text: their names, with commas between; None for all that such a run needs.
        simulate: whether there is a simulated rig.
        both: whether the standardizer passes on both bone and attenuation.
    """
    if text is None:
        return table.names(simulate, both)
    wanted = [name.strip() for name in text.split(',') if name.strip()]
    if not wanted:
        raise CliError(f'--nodes {text!r}: expected one or more of {", ".join(table.names())}')
    if simulate:
        wanted.append('simulator')
    try:
        return tuple(node.name for node in table.in_order(wanted))
    except KeyError as error:
        raise CliError(str(error.args[0])) from error


def _watch(names: tuple[str, ...], parameters: dict[str, dict[str, Any]], files: list[Path],
           arguments: list[str]) -> int:
    # rclpy takes a while to import: not before all arguments are known to be right.
    from ixgs_ros.ros.conductor import TransitionRefused
    from ixgs_ros.ros.domain import NameTaken
    from ixgs_ros.ros.processes import NodeDied, NodeGroup
    from ixgs_ros.ros.station import NoAnswer
    try:
        with NodeGroup(names, parameters, None, files=files, arguments=arguments) as group:
            group.bring_up()
            print(f'ixgs: {", ".join(names)} are active; Ctrl-C ends them', file=sys.stderr)
            while True:
                time.sleep(POLL_S)
                group.check()
    except KeyboardInterrupt:
        print('ixgs: ended', file=sys.stderr)
        return ExitCode.DONE
    except (NameTaken, TransitionRefused) as error:
        raise CliError(str(error)) from error
    except (NoAnswer, NodeDied) as error:
        raise CliError(str(error), ExitCode.OUR_FAULT) from error
