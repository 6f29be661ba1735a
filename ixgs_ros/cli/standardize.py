"""Turn DICOM X-ray images into line integrals: XA, RF, CR or DX, single images or cines.

Of each frame of each FILE, four files come into DIR: NAME.npy (line integrals, float32, no unit;
of bone with --mode network), NAME_mask.png (white where they hold), NAME.json (K, nominal pose,
verdict with its reason, what was assumed) and NAME.png (to look at: the image beside the line
integrals). A frame that is refused has its reason in NAME.json only. report.json names all frames.

Images are those that the X-ray source sees: a radiograph that shows the patient's right on the
left is turned round, where its file says how it lies. Nothing is sent anywhere, and no name, date
or number of the patient is written.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from ixgs_ros.cli.errors import CliError, ExitCode
from ixgs_ros.cli.progress import say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add('files', nargs='+', type=Path, metavar='FILE', help='a DICOM file')
    add('--out', type=Path, required=True, metavar='DIR', help='where the results go')
    add('--mode', choices=('physics', 'network'), default='physics',
        help='line integrals of attenuation, or of bone alone as the trained network predicts '
        'them (default: %(default)s)')
    add('--weights', default='', metavar='FILE',
        help='the trained network (.safetensors), for --mode network; without it, the one that '
        'comes along')
    add('--air-counts', type=float, default=0.0, metavar='N',
        help='stored value where nothing absorbs, for images that show no air (default: 0, as the '
        'image shows)')
    add('--metal', choices=('keep', 'mask'), default='keep',
        help='screws, wires and instruments: kept, or masked (default: %(default)s)')
    add('--collimator', choices=('automatic', 'none'), default='automatic',
        help='whether what lies outside the collimator is masked (default: %(default)s)')


def run(args: argparse.Namespace) -> int:
    """Standardize all frames and write what came of them."""
    from ixgs_ros.acquisition.dicom_file import DicomError
    from ixgs_ros.cli.results import make_folder
    from ixgs_ros.cli.standardize_outputs import Outputs, standardize_file
    from ixgs_ros.standardization import Standardizer, StandardizerConfig
    if args.weights and args.mode != 'network':
        raise CliError('--weights: expected together with --mode network')
    if not 0 <= args.air_counts < float('inf'):
        raise CliError(f'--air-counts {args.air_counts:g}: expected 0 or more')
    for path in args.files:
        if not path.is_file():
            raise CliError(f'{path}: there is no such file; expected DICOM files')
    standardizer = Standardizer(StandardizerConfig(
        mode=args.mode, weights=args.weights, metal=args.metal, collimator=args.collimator))
    outputs = Outputs(make_folder(args.out))
    unusable = []
    for path in args.files:
        try:
            for line in standardize_file(path, standardizer, outputs, args.air_counts):
                say(line)
        except DicomError as error:
            unusable.append(str(error))
            outputs.unusable(path, str(error))
            say(f'unusable: {error}')
    outputs.write_report()
    if len(unusable) == len(args.files):
        raise CliError(f'none of {len(unusable)} files can be used; the last: {unusable[-1]}')
    say(f'{outputs.accepted} of {outputs.frames} frames in {args.out}')
    return ExitCode.DONE if outputs.accepted else ExitCode.NO_SHOT_ACCEPTED
