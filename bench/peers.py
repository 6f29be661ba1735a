"""``./ixgs bench peers``: reconstruction against its peers, quality against CPU seconds.

Scenes: LIDC's thoracic spine, the phantom with screws, or any CT; 6, 12 and 24 random views;
conditions: ``_peers_scenes``. Methods: ITK-RTK's CG, SART and SART with TV, our own SART with TV
on voxels, a baseline in the style of R²-Gaussian from two starts, and ours. RTK's SART with TV
sets the time: what can go on for as long as it likes is looked at after shares of its CPU seconds.

Settings were tuned on seeds 0 to 2 and are frozen; 11, 12, 13 are reported. Every figure goes into
``peers.csv`` as it is measured, and what is there already is not measured again: a run that was
cut goes on where it stopped.
"""

from __future__ import annotations

import argparse
from collections.abc import Collection, Sequence
from pathlib import Path
import sys

import numpy as np

from ixgs_ros.simulation.sources import load_ct
from ixgs_ros.volume.metrics import psnr, rmse_hu, ssim3d

# `ixgs bench` loads this file by its path, so its neighbours are not importable by themselves.
sys.path.insert(0, str(Path(__file__).resolve().parent))
from _machine import engine, processor
from _peers_methods import Checkpoint, FINITE, METHODS, REFERENCE, watch
from _peers_report import Cell, figure, markdown, Row, Rows
from _peers_scenes import beside_metal, CONDITIONS, INSIDE, Problem, Scene, TRUTH_GRID
from _rtk_peer import RtkPeer

FIRST_SEED = 11
SHARES = (0.1, 0.2, 0.5, 1.0)
# Long enough that steps and poses are compiled too, not the first volume only.
WARM_SECONDS, WARM_VIEWS = 10.0, 12
# With and without what lies beyond the region.
WARM_CONDITIONS = ('clean', 'truncated')


def judged(checkpoint: Checkpoint, truth: np.ndarray, cell: Cell, method: str) -> Row:
    """Return how near a volume is to the truth inside the sphere of 76 mm."""
    volume = np.maximum(checkpoint.volume, 0)
    ssim = float(ssim3d(volume, truth)[INSIDE].mean())
    beside = beside_metal(truth)
    return Row(*cell, method, checkpoint.seconds, psnr(volume[INSIDE], truth[INSIDE]),
               rmse_hu(volume[INSIDE], truth[INSIDE]), ssim, engine(), processor(),
               float('nan') if beside is None else psnr(volume[beside], truth[beside]))


def warm_up(problem: Problem, methods: Collection[str]) -> None:
    """Load and compile everything, which is not part of the comparison; check RTK's geometry."""
    RtkPeer(problem.views, TRUTH_GRID).check_geometry()
    # Twice, for the first time may be spent on compiling alone.
    for name in [*methods, *methods]:
        watch(METHODS[name], problem, [WARM_SECONDS])


def measure_cell(scene: Scene, cell: Cell, methods: Sequence[str], rows: Rows,
                 seconds: float | None) -> None:
    """Run the methods on one problem; RTK's SART with TV before those that it gives their time."""
    wanted = [name for name in methods if not rows.of(cell, name)]
    if not wanted:
        return
    problem = scene.problem(cell.condition, cell.views, cell.seed)
    if seconds is None and not rows.of(cell, REFERENCE) and REFERENCE not in wanted:
        wanted.append(REFERENCE)
    for name in sorted(wanted, key=lambda name: name != REFERENCE):
        moments = None
        if name not in FINITE:
            limit = seconds or rows.of(cell, REFERENCE)[-1].seconds
            moments = [share * limit for share in SHARES]
        rows.add([judged(found, scene.truth, cell, name)
                  for found in watch(METHODS[name], problem, moments)])


def main(argv: Sequence[str] | None = None) -> int:
    """Measure what is not measured yet, and write table and figure; return the exit code."""
    parser = argparse.ArgumentParser(prog='ixgs bench peers', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--ct', nargs='+', default=['lidc', 'phantom+screws'],
                        help="'lidc', 'phantom', 'phantom+screws', a CT, or .npz")
    parser.add_argument('--views', nargs='+', type=int, default=[6, 12, 24])
    parser.add_argument('--conditions', nargs='+', choices=CONDITIONS, default=list(CONDITIONS))
    parser.add_argument('--methods', nargs='+', choices=METHODS, default=list(METHODS))
    parser.add_argument('--seeds', type=int, default=3, help='how many seeds')
    parser.add_argument('--first-seed', type=int, default=FIRST_SEED)
    parser.add_argument('--seconds', type=float,
                        help="CPU seconds instead of those of RTK's SART with TV")
    parser.add_argument('--again', action='store_true',
                        help='measure these methods anew where they were measured before')
    parser.add_argument('--out', type=Path, default=Path(__file__).parent / 'results')
    arguments = parser.parse_args(argv)
    arguments.out.mkdir(parents=True, exist_ok=True)
    rows = Rows(arguments.out / 'peers.csv')
    engine()   # as it is at the beginning
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    for name in arguments.ct:
        cells = [Cell(Path(name).stem, condition, views, seed) for views in arguments.views
                 for condition in arguments.conditions for seed in seeds]
        if arguments.again:
            rows.drop(cells, arguments.methods)
        scene = Scene(load_ct(name))
        for condition in WARM_CONDITIONS:
            warm_up(scene.problem(condition, WARM_VIEWS, 0), {REFERENCE, *arguments.methods})
        for cell in cells:
            measure_cell(scene, cell, arguments.methods, rows, arguments.seconds)
    (arguments.out / 'peers.md').write_text(markdown(rows))
    figure(rows, arguments.out / 'peers.png')
    print(markdown(rows))
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
