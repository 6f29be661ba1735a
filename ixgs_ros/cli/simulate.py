"""Record the shots of a simulated tracked C-arm about a CT, as a rig would publish them.

The bag holds /carm/image (16-bit counts), /carm/camera_info, /tf and /tf_static; beside them in
its folder lies params.yaml, what a receiver has to know of the rig.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
import math
from pathlib import Path
import shlex
from typing import Any

import numpy as np

from ixgs_ros.cli.errors import CliError, ExitCode
from ixgs_ros.cli.locate import checkout
from ixgs_ros.cli.progress import Counter, say
from ixgs_ros.cli.settings import parse_setting

# The rig's detector keeps its edge whatever its number of pixels, metres.
DETECTOR_EDGE = 0.3072


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add('--ct', required=True, metavar='CT',
        help="the patient: 'phantom' (a procedural lumbar spine), 'lidc' (a real chest CT, "
        'downloaded on first use), a folder with one DICOM series, or a NIfTI, NRRD or .npz file '
        'in HU')
    add('--out', required=True, metavar='BAG', type=Path,
        help='the folder of the bag to write; it must not exist')
    add('--views', type=int, default=24, metavar='N', help='shots to take (default: %(default)s)')
    add('--noise', type=float, metavar='PHOTONS',
        help='photons a pixel detects through air; 0 = no noise (default: 100000)')
    add('--jitter', metavar='DEG,MM',
        help="RMS error of the tracker's pose at each shot: a rotation about the isocentre and a "
        'translation; 0 = none (default: 0.5,1.5)')
    add('--exposure-error', type=float, metavar='SHARE',
        help='relative error of the exposure from shot to shot (default: 0.05)')
    add('--detector', type=int, metavar='PIXELS',
        help='rows and columns of the image; its edge stays 307 mm (default: 256)')
    add('--region', type=float, metavar='MM',
        help='edge of the region of interest (default: 160)')
    add('--center', metavar='X,Y,Z',
        help="middle of the region in the CT's LPS millimetres (default: known of lidc and "
        "phantom, else the CT's middle)")
    add('--orbit', choices=('random', 'arc'),
        help='poses: random within ±60° about both axes (default), or evenly along an arc')
    add('--seed', type=int, default=0, help='of all that is random (default: %(default)s)')
    add('--storage', choices=('mcap', 'sqlite3'), default='mcap',
        help='how the bag is stored (default: %(default)s)')
    add('--fault', action='append', default=[], metavar='SHOT:FAULT',
        help='let something go wrong with a shot (the first is 0), such as 3:tf_gap or 5:black; '
        'may be given several times; a wrong name lists all')
    add('--set', action='append', default=[], metavar='NAME=VALUE', dest='values',
        help='any other setting of the rig, such as detector.collimator=0.9')


def run(args: argparse.Namespace) -> int:
    """Take the shots and write the bag."""
    from ixgs_ros.session.bag import BagError, BagWriter
    from ixgs_ros.session.recording import PARAMETERS, record_rig, write_parameters
    try:
        writer = BagWriter(args.out, args.storage)
        rig = make_rig(args)
        with writer, Counter('taking shots', len(rig.shots)) as counter:
            record_rig(rig, writer, counter)
            write_parameters(writer.folder / PARAMETERS, rig)
    except BagError as error:
        raise CliError(str(error)) from error
    say(f'{len(rig.shots)} shots of {rig.ct.name} in {args.out}')
    params = args.out / PARAMETERS
    out = args.out.with_name(f'{args.out.name}_volume')
    command = './ixgs' if checkout() else 'ixgs'
    say('next: ' + shlex.join([command, 'replay', str(args.out), '--params', str(params), '--out',
                               str(out), '--offline', '--truth', args.ct, '--truth-unit', 'hu']))
    return ExitCode.DONE


def make_rig(args: argparse.Namespace) -> Any:
    """Return the VirtualRig that the arguments ask for.

    Raises:
        CliError: an argument is malformed or the CT cannot be used.
        ParameterError: a value is out of range.
    """
    from ixgs_ros.parameters import build
    from ixgs_ros.simulation import CtError, load_ct
    from ixgs_ros.simulation.faults import parse_faults
    from ixgs_ros.simulation.rig import RigConfig, VirtualRig
    config = build(RigConfig, rig_values(args))
    try:
        faults = parse_faults(', '.join(args.fault))
    except ValueError as error:
        raise CliError(f'--fault: {error}') from error
    center = None
    if args.center is not None:
        center = 0.001 * np.array(_numbers('--center', args.center, 3))
    try:
        return VirtualRig(load_ct(args.ct), config, center=center, faults=faults)
    except CtError as error:
        raise CliError(str(error)) from error
    except ValueError as error:
        raise CliError(f'the rig cannot be made so: {error}') from error


def rig_values(args: argparse.Namespace) -> Mapping[str, Any]:
    """Return the settings of the rig that were given, by dotted name."""
    values: dict[str, Any] = {'views': args.views, 'seed': args.seed}
    direct = {'detector.photons': args.noise, 'exposure_error': args.exposure_error,
              'orbit.kind': args.orbit}
    values.update({name: value for name, value in direct.items() if value is not None})
    if args.jitter is not None:
        nothing = args.jitter.strip() in ('0', '0.0')
        degrees, millimetres = (0.0, 0.0) if nothing else _numbers('--jitter', args.jitter, 2)
        values.update({'jitter.rotation_deg': degrees, 'jitter.translation': 0.001 * millimetres})
    if args.region is not None:
        values['region_size'] = 0.001 * args.region
    if args.detector is not None:
        if args.detector < 1:
            raise CliError(f'--detector {args.detector}: expected at least 1 pixel')
        values.update({'carm.height': args.detector, 'carm.width': args.detector,
                       'carm.pixel_pitch': DETECTOR_EDGE / args.detector})
    for text in args.values:
        name, value = parse_setting(text)
        values[name] = value
    return values


def _numbers(option: str, text: str, count: int) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(',')]
    except ValueError:
        numbers = []
    if len(numbers) != count or not all(math.isfinite(number) for number in numbers):
        raise CliError(f'{option} {text}: expected {count} numbers with commas between them')
    return numbers
