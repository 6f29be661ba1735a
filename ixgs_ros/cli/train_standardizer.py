"""Train the network that turns shots into bone, or say how good a trained one is.

Shots are exposed anew at every step with physics drawn at random; a source that is excluded is
not trained on and is what the figures at the end are of. The weights go to FILE, the state to
FILE.checkpoint (for --resume) with a picture of how far it is, FILE.checkpoint.png, once a
minute; pictures of samples by source beside it at the end (with --evaluate: into the current
folder).

Pairs of one's own: DIR/real holds shots (.npy line integrals, .png counts, .dcm), DIR/pairs.json
says what their pixels are. What a shot is to become is the image of its name in DIR/drr; where
there is none, its bone is rendered from the CT that pairs.json names ("ct"), at the shot's K and
pose in DIR/views.json. docs/standardization-network.md lists all keys. Rendered bone is kept in
DIR/prepared, with pictures that show whether it lies on the shot's bone: look at them first.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from ixgs_ros.cli.errors import CliError, ExitCode
from ixgs_ros.cli.progress import Counter, say
from ixgs_ros.cli.settings import parse_setting

# Steps of the check of polarity after which a line is written.
POLARITY_TOLD = 200


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this subcommand's arguments."""
    data = parser.add_mutually_exclusive_group(required=True)
    data.add_argument('--pool', type=Path, metavar='DIR', help='shots that make-pairs made')
    data.add_argument('--pairs', type=Path, metavar='DIR',
                      help='real shots in DIR/real with the bone that they should become: DRRs in '
                      'DIR/drr, or rendered from a CT at the poses in DIR/views.json; '
                      'DIR/pairs.json says the rest (see above)')
    parser.add_argument('--exclude-source', action='append', default=[], metavar='NAME',
                        help='do not train on this source of the pool, evaluate on it; repeatable')
    parser.add_argument('--licence', action='append', default=[], metavar='NAME=TEXT',
                        help='licence and attribution of a source, for the weights; repeatable')
    parser.add_argument('--minutes', type=float, default=0.0, metavar='M', help='time to train')
    parser.add_argument('--steps', type=int, default=0, metavar='N',
                        help='steps to train, instead of a time: repeats exactly')
    parser.add_argument('--clock', choices=('wall', 'cpu'), default='wall',
                        help='what --minutes are of: cpu is CPU time a thread (default: wall)')
    parser.add_argument('--threads', type=int, default=1, metavar='T', help='default: 1')
    parser.add_argument('--device', choices=('cpu', 'cuda'), default='cpu')
    parser.add_argument('--seed', type=int, default=0, metavar='S')
    parser.add_argument('--out', type=Path, metavar='FILE', help='weights, .safetensors')
    parser.add_argument('--start-from', type=Path, metavar='FILE',
                        help="weights to go on from, such as the package's own with pairs of "
                        'yours; their network is kept, so network.* cannot be set')
    parser.add_argument('--only-polarity', action='store_true',
                        help='with --start-from: train nothing but the check of polarity, for '
                        'polarity_steps steps; the network stays as it is')
    parser.add_argument('--resume', action='store_true', help='go on from FILE.checkpoint')
    parser.add_argument('--evaluate', type=Path, metavar='FILE',
                        help='train nothing: print the figures of these weights by source, beside '
                        'those of physics without a network')
    parser.add_argument('--views', type=int, default=100, metavar='N',
                        help='shots of a source that are evaluated (default: 100)')
    parser.add_argument('--set', action='append', default=[], dest='values', metavar='NAME=VALUE',
                        help='a setting of TrainingConfig, such as network.channels=24, or a '
                        'range of the physics, such as physics.kvp=70,90; repeatable')
    parser.add_argument('--physics', type=Path, metavar='FILE.yaml',
                        help="with --pool: ranges that exposures are drawn from, as 'kvp: [70, "
                        "90]'; others stay (docs/standardization-training.md lists them)")


def run(args: argparse.Namespace) -> int:
    """Train or evaluate."""
    for name, least in (('threads', 1), ('seed', 0), ('views', 1)):
        if getattr(args, name) < least:
            raise CliError(f'--{name} {getattr(args, name)}: expected at least {least}')
    if (args.out is None) == (args.evaluate is None):
        raise CliError('expected either --out FILE to train or --evaluate FILE')
    import torch
    torch.set_num_threads(args.threads)
    if args.device == 'cuda' and not torch.cuda.is_available():
        raise CliError('--device cuda: this machine has no CUDA device that torch can use')
    from ixgs_ros.parameters import build
    from ixgs_ros.standardization.network.config import TrainingConfig
    values = dict(parse_setting(text) for text in args.values)
    within = physics_ranges(args, values)
    start = load_start(args, values)
    config = build(TrainingConfig, values)
    data = open_data(args, within)
    from ixgs_ros.simulation.shot_pool import PoolError
    from ixgs_ros.standardization.network.inference import BoneNetwork
    from ixgs_ros.standardization.network.weights import WeightsError
    try:
        if args.only_polarity:
            train_only_polarity(args, config, data, start)
        elif args.evaluate is None:
            train(args, config, data, start)
        else:
            report(BoneNetwork.load(args.evaluate), data, args)
    except (PoolError, WeightsError) as error:
        raise CliError(str(error)) from error
    return ExitCode.DONE


def physics_ranges(args: argparse.Namespace, values: dict[str, Any]) -> Any:
    """Return the ranges of the physics by name; those in ``values`` are taken out of it.

    Raises:
        CliError: there are some, but pairs, which are as they were exposed.
        ParameterError: a range is unknown or none.
    """
    from ixgs_ros.simulation.physics.own_ranges import changed_ranges, PREFIX, read_ranges
    changes = {} if args.physics is None else read_ranges(args.physics)
    for name in [name for name in values if name.startswith(PREFIX)]:
        value = values.pop(name)
        changes[name.removeprefix(PREFIX)] = (value.split(',') if isinstance(value, str)
                                              else value)
    if changes and args.pool is None:
        raise CliError('--physics, --set physics.…: expected --pool beside ranges of the physics; '
                       '--pairs are as they were exposed')
    return changed_ranges(changes)


def open_data(args: argparse.Namespace, within: Any) -> Any:
    """Return the TrainingData that the arguments name.

    Args:
        args: of the command.
        within: the ranges of the physics that a pool is exposed with.

    Raises:
        CliError: it cannot be used.
    """
    from ixgs_ros.standardization.network.sources import from_pairs, from_pool
    licences = {}
    for text in args.licence:
        name, equals, licence = text.partition('=')
        if not equals:
            raise CliError(f'--licence {text}: expected NAME=TEXT')
        licences[name] = licence
    try:
        data = (from_pairs(args.pairs, Counter) if args.pool is None
                else from_pool(args.pool, args.exclude_source, licences, within))
    except ValueError as error:
        raise CliError(str(error)) from error
    for note in data.notes:
        say(note)
    return data


def load_start(args: argparse.Namespace, values: dict[str, Any]) -> Any:
    """Return the Weights to go on from, and set their network in ``values``; None if none.

    Raises:
        CliError: they cannot be used, or their network was to be changed.
    """
    if args.start_from is None:
        return None
    if args.out is None:
        raise CliError('--start-from: expected --out FILE beside it; --evaluate trains nothing')
    from ixgs_ros.parameters import flatten
    from ixgs_ros.standardization.network.weights import load_weights, WeightsError
    changed = sorted(name for name in values if name.startswith('network.'))
    if changed:
        raise CliError(f'--set {changed[0]}: expected no setting of the network beside '
                       f'--start-from, which brings its own')
    try:
        start = load_weights(args.start_from)
    except WeightsError as error:
        raise CliError(f'--start-from: {error}') from error
    values.update({f'network.{name}': value
                   for name, value in flatten(start.generator.config).items()})
    return start


def train_only_polarity(args: argparse.Namespace, config: Any, data: Any, start: Any) -> None:
    """Write the weights to start from with another check of polarity.

    Raises:
        CliError: there are none, or another training is asked for beside it.
    """
    if start is None or args.minutes or args.steps or args.resume or not config.polarity_steps:
        raise CliError('--only-polarity: expected --start-from FILE and --set polarity_steps=N, '
                       'and neither --minutes, --steps nor --resume')
    check_before(args, config, data)
    write(args, with_polarity(start, data, config, args.seed), data)


def check_before(args: argparse.Namespace, config: Any, data: Any) -> None:
    """Raise a CliError for what would only be found after the training."""
    from ixgs_ros.standardization.network.polarity_training import parts_of
    if not args.out.parent.is_dir():
        raise CliError(f'--out {args.out}: there is no folder {args.out.parent}')
    if config.polarity_steps:
        try:
            parts_of(data.training)
        except ValueError as error:
            raise CliError(f'polarity_steps: {error}') from error


def with_polarity(weights: Any, data: Any, config: Any, seed: int) -> Any:
    """Return weights with a check of polarity that was trained on the data.

    Raises:
        CliError: it cannot be trained on them.
    """
    from ixgs_ros.standardization.network.polarity_training import train_polarity

    def told(step: int, loss: float) -> None:
        if (step + 1) % POLARITY_TOLD == 0:
            say(f'check of polarity: step {step + 1} of {config.polarity_steps}, loss {loss:.3f}')
    try:
        found = train_polarity(data.training, config, seed, told)
    except FloatingPointError as error:
        raise CliError(f'cannot train the check of polarity: {error}') from error
    say(f'check of polarity, on shots kept for it: {found.wrong:.1%} on the wrong side; '
        f'{found.caught:.0%} of negatives are refused (score below {found.limit:.1f})')
    known = {'steps': config.polarity_steps, 'seed': seed, 'wrong': round(found.wrong, 4),
             'caught': round(found.caught, 4), **data.provenance}
    return replace(weights, polarity=found.polarity, negative_below=found.limit,
                   provenance={**weights.provenance, 'polarity': known},
                   licences=joined_licences(weights.licences, data.licences))


def write(args: argparse.Namespace, weights: Any, data: Any) -> None:
    """Write weights and say how good they are."""
    from ixgs_ros.standardization.network.inference import BoneNetwork
    from ixgs_ros.standardization.network.weights import save_weights
    save_weights(args.out, weights)
    say(f'weights in {args.out}')
    report(BoneNetwork(weights), data, args)


def joined_licences(before: dict[str, str], now: dict[str, str]) -> dict[str, str]:
    """Return the licences by source of both trainings; what was known is not forgotten."""
    known = {name: text for name, text in now.items() if text != 'unknown'}
    return {**now, **before, **known}


def train(args: argparse.Namespace, config: Any, data: Any, start: Any = None) -> None:
    """Train as the arguments ask, and write weights, checkpoint and pictures."""
    from ixgs_ros.standardization.network.checkpoint import CheckpointError, load_checkpoint
    from ixgs_ros.standardization.network.finishing import finish
    from ixgs_ros.standardization.network.log import TrainingLog
    from ixgs_ros.standardization.network.schedule import Budget
    from ixgs_ros.standardization.network.training import Trainer
    from ixgs_ros.standardization.network.weights import save_weights
    check_before(args, config, data)
    checkpoint = args.out.with_name(args.out.name + '.checkpoint')
    try:
        budget = Budget(args.steps, 60.0 * args.minutes, args.clock, args.threads)
        trainer = Trainer(config, data.training, args.seed, args.device,
                          start and start.generator, data.identity)
        if args.resume:
            load_checkpoint(checkpoint, trainer)
    except CheckpointError as error:
        raise CliError(f'--resume: {error}') from error
    except ValueError as error:
        raise CliError(f'cannot train so: {error}') from error
    log = TrainingLog(checkpoint, say)
    try:
        trainer.train(budget, log)
    except FloatingPointError as error:
        raise CliError(f'the training went astray at {error}') from error
    log.save(trainer)
    provenance, licences = data.provenance, data.licences
    if start is not None:
        provenance = {**provenance, 'started_from': start.provenance}
        licences = joined_licences(start.licences, licences)
    try:
        weights = finish(trainer, provenance, licences)
    except ValueError as error:
        raise CliError(f'{error}; the training is in {checkpoint}') from error
    if config.polarity_steps:
        save_weights(args.out, weights)   # whatever becomes of the check
        weights = with_polarity(weights, data, config, args.seed)
    elif start is not None:
        weights = replace(weights, polarity=start.polarity, negative_below=start.negative_below)
    write(args, weights, data)


def report(network: Any, data: Any, args: argparse.Namespace) -> None:
    """Print the figures by source, beside physics alone, and write pictures of samples."""
    from ixgs_ros.standardization.network.finishing import bone_by, evaluate, sample
    from ixgs_ros.standardization.network.pictures import write_samples
    from ixgs_ros.standardization.physics_bone import physics_bone
    methods = {'network': bone_by(network),
               'physics': lambda shot: physics_bone(shot.line_integrals, shot.mask)}
    # Weights that are only evaluated may lie where nothing is to be written: the package's own do.
    path = args.out or Path(args.evaluate.name)
    say(f'{"source":32} {"method":8} relative L1  invented      lost')
    for name, examples in data.by_source.items():
        shots = sample(examples, args.views, args.seed)
        for method, bone in methods.items():
            found = evaluate(bone, shots)
            say(f'{name:32} {method:8} {found["relative_l1"]:11.3f} {found["invented"]:9.1%} '
                f'{found["lost"]:9.1%}')
        write_samples(path.with_name(f'{path.stem}_{name.split()[0]}.png'), network, shots[:6])
