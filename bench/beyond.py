"""``./ixgs bench beyond``: what the network loses where one effect leaves its range of training.

The target: with one effect a tenth of its range beyond the harder end (`physics.at_edge`), all
others as drawn, bone images lose at most 1 dB. The ranges are those that the weights were trained
with (`physics` of their provenance). Each effect is measured on the same shots, with the
same chance: as drawn, with the effect at the harder end of its range, and beyond it. All three are
judged on the pixels that are usable in each of them.

PSNR is that of a view: ``10 log10(peak² / mean squared error)`` of the bone line integrals, where
the peak is the largest true one of that view, then averaged over the views. Relative L1 is the sum
of the errors over the sum of the truth. Shots that would be refused as out of domain are counted,
and measured all the same. An effect that needs another (a width of scatter needs scatter) has that
one in the middle of its range where it was not drawn. Directions have no end and are left out.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
import hashlib
from pathlib import Path
import sys
import time

import numpy as np

from ixgs_ros.evaluation.csv_rows import write_rows
from ixgs_ros.simulation.bodies.tissue import with_ends
from ixgs_ros.simulation.material_caster import MaterialCaster
from ixgs_ros.simulation.material_shot import MaterialShot
from ixgs_ros.simulation.materials import body_of
from ixgs_ros.simulation.pair_making import BEYOND_M, draw_isocentres, draw_view
from ixgs_ros.simulation.physics import at_edge, draw_physics, expose_shot, Physics
from ixgs_ros.simulation.physics.own_ranges import changed_ranges
from ixgs_ros.simulation.physics.settings import Range, ranges
from ixgs_ros.simulation.sources import load_ct
from ixgs_ros.standardization.network import SHIPPED
from ixgs_ros.standardization.network.evaluation import relative_l1
from ixgs_ros.standardization.network.inference import BoneNetwork, Standardized
from ixgs_ros.volume.metrics import psnr

# `ixgs bench` loads this file by its path, so its neighbours are not importable by themselves.
sys.path.insert(0, str(Path(__file__).resolve().parent))
from _machine import machine

ALLOWED_DB = 1.0
LEAST_PIXELS = 200
DIRECTIONS = ('table_angle', 'heel_angle', 'motion_angle')
NEEDS = {'table_edge': 'table', 'round_shift': 'round_radius', 'shutter_angle': 'shutter_width',
         'penumbra': 'round_radius', 'scatter_width': 'scatter', 'glare_width': 'glare',
         'enhancement_width': 'enhancement', 'gamma_error': 'gamma', 'window': 'gamma'}

# What makes bone of line integrals and mask (H, W), and says why not.
Method = Callable[[MaterialShot, np.ndarray, np.ndarray], Standardized]


@dataclass(frozen=True)
class Row:
    """One effect on one CT, means over the shots.

    Args:
        ct: its name.
        effect: a field of `Physics`.
        end: the number at the harder end of its range.
        beyond: a tenth of the range beyond it.
        shots: how many were measured.
        drawn_db, end_db, beyond_db: PSNR as drawn, at the end, beyond it, dB.
        cost_db: at the end less beyond it.
        cost_se_db: standard error of that mean.
        drawn_l1, end_l1, beyond_l1: relative L1.
        drawn_refused, end_refused, beyond_refused: shares of the shots out of domain.
    """

    ct: str
    effect: str
    end: float
    beyond: float
    shots: int
    drawn_db: float
    end_db: float
    beyond_db: float
    cost_db: float
    cost_se_db: float
    drawn_l1: float
    end_l1: float
    beyond_l1: float
    drawn_refused: float
    end_refused: float
    beyond_refused: float


def effects(within: Mapping[str, Range]) -> list[str]:
    """Return the fields of `Physics` that have something beyond the harder end of their range."""
    return [name for name in within if name not in DIRECTIONS
            and at_edge(Physics(), name, within=within)
            != at_edge(Physics(), name, 0.0, within)]


def three(drawn: Physics, effect: str,
          within: Mapping[str, Range]) -> tuple[Physics, Physics, Physics]:
    """Return an exposure as drawn, with an effect at its harder end, and with it beyond."""
    needed = NEEDS.get(effect)
    base = drawn
    if needed is not None and getattr(drawn, needed) == getattr(Physics(), needed):
        base = replace(drawn, **{needed: within[needed].at(0.5)})
    return (drawn, at_edge(base, effect, 0.0, within), at_edge(base, effect, within=within))


def cast_shots(ct: str, count: int, size: int, seed: int) -> list[MaterialShot]:
    """Return shots of a CT at random views of its bone, with soft tissue beyond its ends."""
    rng = np.random.default_rng(seed)
    body = body_of(load_ct(ct))
    caster = MaterialCaster(with_ends(body, BEYOND_M))
    return [caster.cast(draw_view(rng, isocentre, size))
            for isocentre in draw_isocentres(rng, body, count)]


def measured(ct: str, effect: str, shots: Sequence[MaterialShot], method: Method,
             seed: int, within: Mapping[str, Range]) -> Row:
    """Return what an effect costs; shots of few common pixels or without bone there are left out.

    Raises:
        ValueError: no shot is left.
    """
    found = [figures for number, shot in enumerate(shots)
             if (figures := _of_shot(shot, effect, method, (seed, number),
                                        within)) is not None]
    if not found:
        raise ValueError(f'{ct}, {effect}: expected shots with bone in {LEAST_PIXELS} usable '
                         f'pixels, got none among {len(shots)}')
    table = np.array(found)                              # shots, (dB, L1, refused), exposures
    decibel, errors, refused = table.mean(axis=0)
    cost = table[:, 0, 1] - table[:, 0, 2]
    spread = cost.std(ddof=1) if len(cost) > 1 else np.nan
    _, end, beyond = three(Physics(), effect, within)
    return Row(ct, effect, getattr(end, effect), getattr(beyond, effect), len(found), *decibel,
               float(cost.mean()), float(spread / np.sqrt(len(cost))), *errors, *refused)


def _of_shot(shot: MaterialShot, effect: str, method: Method, seed: tuple[int, int],
             within: Mapping[str, Range]) -> np.ndarray | None:
    """Return PSNR, relative L1 and whether refused, (3, 3) by exposure; None: nothing to judge."""
    drawn = draw_physics(np.random.default_rng((*seed, 0)), within=within)
    exposed = [expose_shot(shot, physics, np.random.default_rng((*seed, 1)))
               for physics in three(drawn, effect, within)]
    common = np.logical_and.reduce([each.mask for each in exposed])
    if common.sum() < LEAST_PIXELS or not shot.bone[common].any():
        return None
    peak, bones = float(shot.bone.max()), [method(shot, each.line_integrals, each.mask)
                                           for each in exposed]
    return np.array([[psnr(found.bone[common], shot.bone[common], peak) for found in bones],
                     [relative_l1(found.bone, shot.bone, common) for found in bones],
                     [bool(found.reason) for found in bones]], dtype=float)


def by_network(network: BoneNetwork) -> Method:
    """Return the network as a method."""
    return lambda shot, lines, mask: network.standardize(lines, mask, shot.view)


def markdown(rows: Iterable[Row]) -> str:
    """Return the table, worst first: means over the CTs, with each CT's cost."""
    by_effect: dict[str, list[Row]] = {}
    for row in rows:
        by_effect.setdefault(row.effect, []).append(row)
    names = [row.ct for row in next(iter(by_effect.values()))]
    lines = ['| effect | end | beyond | as drawn, dB | at the end, dB | beyond, dB | '
             '**end - beyond, dB** | ' + ' | '.join(f'{name}' for name in names)
             + ' | drawn - beyond, dB | relative L1: drawn / end / beyond | '
             'refused: drawn / end / beyond |', '|---' * (10 + len(names)) + '|']

    def mean(name: str, of: Sequence[Row]) -> float:
        return float(np.mean([getattr(row, name) for row in of]))

    for effect, of in sorted(by_effect.items(), key=lambda item: -mean('cost_db', item[1])):
        drawn, end, beyond = (mean(f'{when}_db', of) for when in ('drawn', 'end', 'beyond'))
        each = ' | '.join(f'{row.cost_db:+.2f} ± {row.cost_se_db:.2f}' for row in of)
        l1, refused = (' / '.join(f'{mean(f"{when}_{kind}", of):{form}}'
                                  for when in ('drawn', 'end', 'beyond'))
                       for kind, form in (('l1', '.3f'), ('refused', '.0%')))
        lines.append(f'| {effect} | {of[0].end:.3g} | {of[0].beyond:.3g} | {drawn:.2f} | '
                     f'{end:.2f} | {beyond:.2f} | **{end - beyond:+.2f}** | {each} | '
                     f'{drawn - beyond:+.2f} | {l1} | {refused} |')
    return '\n'.join(lines) + '\n'


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and write the table; return 1 if an effect costs more than 1 dB."""
    parser = argparse.ArgumentParser(prog='ixgs bench beyond', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--ct', nargs='+', default=['phantom', 'lidc'])
    parser.add_argument('--shots', type=int, default=24, help='of each CT')
    parser.add_argument('--size', type=int, default=128, help='rows and columns of a shot')
    known = effects(ranges())
    parser.add_argument('--effect', nargs='+', choices=known, default=known,
                        metavar='NAME', help=f'among {", ".join(known)} (default: all)')
    parser.add_argument('--weights', type=Path, default=SHIPPED, metavar='FILE',
                        help='of the network (default: the one that comes along)')
    parser.add_argument('--seed', type=int, default=11, help='of views, exposures and noise')
    parser.add_argument('--out', type=Path, default=Path(__file__).parent / 'results')
    arguments = parser.parse_args(argv)
    for name, least in (('shots', 1), ('size', 32), ('seed', 0)):
        if getattr(arguments, name) < least:
            parser.error(f'--{name}: expected at least {least}, got {getattr(arguments, name)}')
    arguments.out.mkdir(parents=True, exist_ok=True)
    started, rows = time.process_time(), []
    weights = BoneNetwork.load(arguments.weights)
    # Weights of before say nothing of ranges: there were the default ones only.
    within = changed_ranges(weights.weights.provenance.get('physics', {}))
    network = by_network(weights)
    # An effect that the training had fixed has no end to go beyond.
    chosen = [name for name in arguments.effect if name in effects(within)]
    if not chosen:
        parser.error(f'--effect: expected one with a range in the training of '
                     f'{arguments.weights}, got {", ".join(arguments.effect)}')
    digest = hashlib.sha256(arguments.weights.read_bytes()).hexdigest()[:8]
    for ct in arguments.ct:
        shots = cast_shots(ct, arguments.shots, arguments.size, arguments.seed)
        for effect in chosen:
            rows.append(measured(Path(ct).stem, effect, shots, network, arguments.seed,
                                 within))
            print(f'{rows[-1].ct}, {effect}: {rows[-1].cost_db:+.2f} dB', flush=True)
    seconds = time.process_time() - started
    text = (f'# Beyond the range of training\n\n`./ixgs bench beyond`, weights {digest}, '
            f'{arguments.shots} shots of {arguments.size}² of each CT, seed {arguments.seed}, '
            f'{machine()}, {seconds:.0f} CPU s. What the columns mean is in `bench/beyond.py`; '
            f'each CT has its own cost ± standard error. Allowed: {ALLOWED_DB:g} dB.\n\n')
    text += markdown(rows)
    write_rows(arguments.out / 'beyond.csv', Row, rows)
    (arguments.out / 'beyond.md').write_text(text)
    print(f'\n{text}')
    worst = max(np.mean([row.cost_db for row in rows if row.effect == effect])
                for effect in chosen)
    return int(worst > ALLOWED_DB)


if __name__ == '__main__':
    raise SystemExit(main())
