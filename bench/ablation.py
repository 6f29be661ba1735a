"""``./ixgs bench ablation``: what each part of the engine is worth.

Problems of ``bench peers`` with 24 views: the chest in a sphere with wrong poses and exposures,
the phantom with screws in few photons, the chest truncated, and with ``--ct`` another CT in a
sphere, clean. Each row switches off one part (``_ablation_parts``) and is compared with the whole
engine on the same shots after the same CPU seconds: the difference in dB inside 76 mm, its median
over the seeds. Where shots come one by one, it is looked at when the last one has come and was
refined, whatever that took.

Nothing was tuned on these seeds. Every figure goes into ``ablation.csv`` as it is measured; a run
that was cut goes on where it stopped.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from statistics import median
import sys
import time

import numpy as np

from ixgs_ros.simulation.sources import load_ct
from ixgs_ros.volume.metrics import psnr, rmse_hu, ssim3d

# `ixgs bench` loads this file by its path, so its neighbours are not importable by themselves.
sys.path.insert(0, str(Path(__file__).resolve().parent))
from _ablation_parts import CLEAN, Part, PARTS, run, switched_off, WHOLE
from _machine import engine, machine, processor
from _peers_methods import Checkpoint
from _peers_report import Cell, names, Row, Rows
from _peers_scenes import INSIDE, Problem, Scene

VIEWS, FIRST_SEED = 24, 21
# Scene and condition: each shows parts that the others cannot. A CT of one's own is CLEAN.
PROBLEMS = (('lidc', 'jitter'), ('phantom+screws', 'photons'), ('lidc', 'truncated'))
# A volume counts for the moment that it misses by no more than this share.
LATE = 1.05
WARM_VIEWS, WARM_SECONDS = 12, 5.0


@cache
def scene_of(name: str) -> Scene:
    """Return the scene of a CT or a file; it takes a minute, and so it is kept."""
    return Scene(load_ct(name))


@cache
def warmed(name: str, condition: str) -> None:
    """Load and compile everything, which is not part of the comparison."""
    problem = scene_of(name).problem(condition, WARM_VIEWS, 0)
    # Twice, for the first time may be spent on compiling alone.
    for _ in range(2):
        by_then(problem, PARTS[WHOLE], WARM_SECONDS)


@cache
def problem_of(source: str, condition: str, seed: int) -> Problem:
    """Return the shots of a scene; all parts are measured on the same."""
    return scene_of(source).problem(condition, VIEWS, seed)


def by_then(problem: Problem, part: Part, seconds: float) -> Checkpoint:
    """Return the last volume that was there after so many CPU seconds, or else the first one.

    A step may take seconds, where views are judged by new starts. So the volume is made after
    every few steps from half of the time on; that takes nothing of the time.
    """
    found, spent, start = None, 0.0, time.process_time()
    with switched_off(part):
        for snapshot in run(problem, part):
            spent += time.process_time() - start
            if found is not None and spent > LATE * seconds:
                break
            if found is None or spent > 0.5 * seconds:
                found = Checkpoint(spent, snapshot())
            start = time.process_time()
    assert found is not None
    return found


def measured(problem: Problem, truth: np.ndarray, cell: Cell, name: str, seconds: float) -> Row:
    """Return how near the volume without a part is to the truth, (z, y, x) in 1/m."""
    found = by_then(problem, PARTS[name], seconds)
    volume = np.maximum(found.volume, 0)
    return Row(*cell, name, found.seconds, psnr(volume[INSIDE], truth[INSIDE]),
               rmse_hu(volume[INSIDE], truth[INSIDE]), float(ssim3d(volume, truth)[INSIDE].mean()),
               engine(), processor())


def differences(rows: Rows, cells: Sequence[Cell], name: str) -> list[float]:
    """Return by how many dB a row differs from what it is compared with, for each seed."""
    pairs = [(rows.of(cell, name), rows.of(cell, PARTS[name].against)) for cell in cells]
    return [without[-1].psnr_db - whole[-1].psnr_db for without, whole in pairs
            if without and whole]


def entry(rows: Rows, cells: Sequence[Cell], name: str) -> str:
    """Return one field of the table: dB of the whole engine, else the differences."""
    if name == WHOLE:
        found = [row.psnr_db for cell in cells for row in rows.of(cell, name)]
        return f'{median(found):.2f} dB' if found else '–'
    found = differences(rows, cells, name)
    if not found:
        return '–'
    spread = (f'{min(found):+.2f} to {max(found):+.2f}, {len(found)} seeds' if len(found) > 1
              else '1 seed')
    return f'{median(found):+.2f} ({spread})'


def markdown(rows: Rows, problems: Sequence[tuple[str, str]], seconds: float) -> str:
    """Return the table as a page."""
    cells = {problem: [cell for cell in rows.cells() if cell[:2] == problem]
             for problem in problems}
    used = [row for cell in rows.cells() for name in PARTS for row in rows.of(cell, name)]
    lines = ['# What each part of the engine is worth', '',
             f'`./ixgs bench ablation`, {machine()}; the engine of {names(used, "engine")}, '
             f'{VIEWS} views, seeds {names(used, "seed")}, {seconds:g} CPU seconds for each '
             'reconstruction (a stream takes what it takes). dB inside 76 mm without the part '
             'minus the same with it, on the same shots: the median over the seeds (least to '
             'greatest). Below 0: the part helps. – : not measured there. Single figures: '
             'ablation.csv; what they say: docs/ablation.md.', '',
             '| row | switched off | '
             + ' | '.join(f'{scene}, {condition}' for scene, condition in problems) + ' |',
             '|---' * (2 + len(problems)) + '|']
    lines += [f'| {name} | {part.off} | '
              + ' | '.join(entry(rows, cells[problem], name) for problem in problems) + ' |'
              for name, part in PARTS.items()]
    return '\n'.join([*lines, ''])


def main(argv: Sequence[str] | None = None) -> int:
    """Measure what is not measured yet, and write the table; return the exit code."""
    parser = argparse.ArgumentParser(prog='ixgs bench ablation', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--ct', metavar='FILE', help='one more scene, in a sphere and clean')
    parser.add_argument('--parts', nargs='+', choices=PARTS, default=list(PARTS))
    parser.add_argument('--seeds', type=int, default=3, help='how many seeds')
    parser.add_argument('--first-seed', type=int, default=FIRST_SEED)
    parser.add_argument('--seconds', type=float, default=10.0, help='CPU seconds of each')
    parser.add_argument('--out', type=Path, default=Path(__file__).parent / 'results')
    arguments = parser.parse_args(argv)
    arguments.out.mkdir(parents=True, exist_ok=True)
    rows = Rows(arguments.out / 'ablation.csv')
    engine()   # as it is at the beginning
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    problems = PROBLEMS + (((arguments.ct, CLEAN),) if arguments.ct else ())
    # Parts first: a run that is cut has whole rows of the table.
    for part in arguments.parts:
        for seed in seeds:
            for source, condition in problems:
                cell = Cell(Path(source).stem, condition, VIEWS, seed)
                if condition in PARTS[part].conditions and not rows.of(cell, part):
                    warmed(source, condition)
                    rows.add([measured(problem_of(source, condition, seed),
                                       scene_of(source).truth, cell, part, arguments.seconds)])
    text = markdown(rows, [(Path(source).stem, condition) for source, condition in problems],
                    arguments.seconds)
    (arguments.out / 'ablation.md').write_text(text)
    print(text)
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
