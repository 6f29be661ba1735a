"""Reproduce the IXGS paper's experiment: raw, standardized and ideal shots, reconstructed alike.

Shots of the CT's spine come from an independent polychromatic simulator (gecatsim, with noise and
scatter) on a whole body that is wider than the field. From 5 to 30 of them a volume is made four
ways: from the raw line integrals (raw), from bone line integrals by physics alone (physics_bone)
and by the network (network), and from the CT's bone itself (ideal). Each is compared with the CT's
bone in 3-D and at six views that were not used. docs/evaluation.md says how to read the figures.

Writes evaluation.csv, evaluation.md, evaluation.png and the shots to the output folder. A run that
was cut goes on where it stopped, and what was measured is not measured again.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ixgs_ros.cli.errors import CliError, ExitCode
from ixgs_ros.cli.progress import Counter, say

if TYPE_CHECKING:
    from ixgs_ros.evaluation.arms import Arm
    from ixgs_ros.evaluation.experiment import Experiment, Series
    from ixgs_ros.evaluation.table import Question, Rows


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add('--ct', nargs='+', default=['lidc'], metavar='CT',
        help="patients: 'lidc', 'phantom', or a CT in HU (default: lidc)")
    add('--out', type=Path, required=True, metavar='DIR', help='where everything goes')
    add('--views', nargs='+', type=int, default=[5, 10, 15, 20, 25, 30], metavar='N',
        help='numbers of shots, at most 30 (default: 5 10 15 20 25 30)')
    add('--arms', nargs='+', metavar='ARM',
        help='of raw, physics_bone, network, ideal (default: all)')
    add('--weights', type=Path, metavar='FILE', help="of the network (default: the project's)")
    add('--simulator', choices=('gecatsim', 'ours'), default='gecatsim',
        help='what takes the shots; ours is the one that training shots come from (default: '
        '%(default)s)')
    add('--trajectory', choices=('arbitrary', 'orbit'), default='arbitrary',
        help="random poses within ±60°, or half a turn about the patient, the paper's (default: "
        '%(default)s)')
    add('--seed', nargs='+', type=int, default=[0], metavar='S',
        help='of poses and noise; the table has the means over several (default: 0)')
    add('--seconds', type=float, default=30.0, metavar='CPU_S',
        help='CPU seconds of each reconstruction, all threads (default: %(default)g)')
    add('--detector', type=int, default=256, metavar='PIXELS',
        help='rows and columns of the shots; the edge stays 307 mm (default: %(default)s)')


def run(args: argparse.Namespace) -> int:
    """Measure what is not measured yet, and write table and figure."""
    from ixgs_ros.cli.results import make_folder
    from ixgs_ros.evaluation.arms import make_arm, version_of
    from ixgs_ros.evaluation.experiment import Series
    from ixgs_ros.evaluation.figure import draw
    from ixgs_ros.evaluation.table import markdown, Rows
    from ixgs_ros.simulation.sources import name_of
    from ixgs_ros.standardization.network import SHIPPED
    arms = _check(args)
    weights = args.weights or SHIPPED
    made = {name: make_arm(name, str(weights)) for name in arms}
    out = make_folder(args.out)
    try:
        rows = Rows(out / 'evaluation.csv')
    except ValueError as error:
        raise CliError(f'--out: {error}') from error
    for source in args.ct:
        asked = {}
        for seed in args.seed:
            series = Series(name_of(source), args.simulator, args.trajectory,
                            seed, args.detector)
            questions = [series.question(arm, version_of(arm, weights), views, args.seconds)
                         for views in args.views for arm in arms]
            asked[series] = [question for question in questions if not rows.has(question)]
        if any(asked.values()):
            _answer(source, asked, made, out, rows)
    text = markdown(rows.rows) + (seen_in_training(args.ct, weights) if 'network' in arms else '')
    (out / 'evaluation.md').write_text(text)
    draw(rows.rows, out / 'evaluation.png')
    say(text)
    return ExitCode.DONE


def seen_in_training(sources: list[str], weights: Path) -> str:
    """Return which of the patients the network was trained on, by their names; '' if none."""
    from ixgs_ros.standardization.network.weights import load_weights
    trained = load_weights(weights).provenance.get('shots', {})
    seen = sorted({stem for stem in (Path(source).name.split('.')[0] for source in sources)
                   if stem in trained})
    return (f'\n{weights.name} was trained on {", ".join(seen)}: what it does there says nothing '
            'of bodies that it has not seen.\n' if seen else '')


def _answer(source: str, asked: dict[Series, list[Question]], arms: dict[str, Arm], out: Path,
            rows: Rows) -> None:
    """Answer questions about one patient, and keep each answer as it comes."""
    from ixgs_ros.evaluation.experiment import Experiment
    from ixgs_ros.evaluation.patient import Patient
    from ixgs_ros.simulation import CtError, load_ct
    try:
        patient = Patient.of(load_ct(source))
    except CtError as error:
        raise CliError(f'--ct: {error}') from error
    for series, questions in asked.items():
        if not questions:
            continue
        experiment = Experiment(series, patient, out / 'shots')
        _take(experiment, series, questions)
        experiment.warm_up(max(questions, key=lambda question: question.views))
        for question in questions:
            row = experiment.answer(question, arms[question.arm])
            rows.add(row)
            say(f'{row.ct}, {row.views} views, {row.arm}: {row.psnr_db:.2f} dB, Dice '
                f'{row.dice:.3f}, surface {row.surface_mm:.2f} mm, held-out views '
                f'{row.view_psnr_db:.2f} dB')


def _take(experiment: Experiment, series: Series, questions: list[Question]) -> None:
    """Take the shots that the questions need and that are not there yet."""
    from ixgs_ros.evaluation.trajectories import used
    wanted = sorted({number for q in questions for number in used(series.trajectory, q.views)})
    try:
        with Counter(f'shots of {series.ct}', len(wanted)) as counter:
            experiment.take(wanted, counter)
    except (ImportError, ValueError) as error:
        raise CliError(str(error)) from error


def _check(args: argparse.Namespace) -> list[str]:
    """Return the arms that are wanted; raise CliError for arguments that cannot be."""
    from ixgs_ros.evaluation.arms import ARMS
    from ixgs_ros.evaluation.trajectories import MOST_VIEWS
    from ixgs_ros.simulation.ct import CtError
    from ixgs_ros.simulation.sources import check_source
    try:
        for source in args.ct:
            check_source(source)
    except CtError as error:
        raise CliError(f'--ct: {error}') from error
    for number in args.views:
        if not 2 <= number <= MOST_VIEWS:
            raise CliError(f'--views {number}: expected 2 to {MOST_VIEWS}')
    if min(args.seed) < 0:
        raise CliError(f'--seed {min(args.seed)}: expected at least 0')
    if not 0 < args.seconds < float('inf'):
        raise CliError(f'--seconds {args.seconds:g}: expected more than 0 CPU seconds')
    if args.detector < 32:
        raise CliError(f'--detector {args.detector}: expected at least 32 pixels')
    if args.weights is not None and not args.weights.is_file():
        raise CliError(f'--weights {args.weights}: there is no such file')
    arms = list(ARMS) if args.arms is None else args.arms
    for arm in arms:
        if arm not in ARMS:
            raise CliError(f'--arms {arm}: expected some of {", ".join(ARMS)}')
    return arms
