"""``./ixgs bench nextview``: proposed views against random and equidistant ones, equal in number.

The first view of a seed is the same random one for all but the equidistant orbit; all have that
seed's roll (±10°) and offset of the isocentre (±5 mm), so that only LAO and CRAN differ:

- random: uniform within the limits;
- equidistant: an orbit at CRAN 0 from limit to limit of LAO;
- farthest: each view as far from all before it as the limits allow (largest least angle of axes);
- next best: each view the one that ``reconstruction.next_view`` proposes after those before it.

The scene is that of ``peers``, clean: a sphere of 80 mm of a CT, exact poses, no noise. Settings
were chosen on seeds 0 and 1; 11, 12, 13 are reported.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
import sys

import numpy as np

from ixgs_ros.geometry.orbits import CArmAngles, circular_orbit, random_stations
from ixgs_ros.reconstruction.next_view import candidates, coverage, next_view, NextViewConfig
from ixgs_ros.simulation.sources import load_ct
from ixgs_ros.volume.metrics import psnr, rmse_hu, ssim3d

# `ixgs bench` loads this file by its path, so its neighbours are not importable by themselves.
sys.path.insert(0, str(Path(__file__).resolve().parent))
from _machine import machine
from _peers_methods import ours, watch
from _peers_scenes import CARM, INSIDE, REGION, Scene

FIRST_SEED = 11
# From all views to the next one.
Choice = Callable[[list[CArmAngles], NextViewConfig], CArmAngles]


def random(views: int, seed: int, limits: NextViewConfig) -> list[CArmAngles]:
    """Return stations drawn uniformly within the limits."""
    drawn = random_stations(views, seed, angle=1.0)
    return [CArmAngles(s.lao * limits.lao, s.cran * limits.cran, s.roll, s.isocentre)
            for s in drawn]


def equidistant(views: int, seed: int, limits: NextViewConfig) -> list[CArmAngles]:
    """Return an orbit from limit to limit."""
    return _disturbed(circular_orbit(views, start=-limits.lao, stop=limits.lao), seed, limits)


def farthest(views: int, seed: int, limits: NextViewConfig) -> list[CArmAngles]:
    """Return stations each of which is as far from those before it as can be."""
    grid = candidates(limits, np.zeros(3))
    axes = np.array([_axis(angles) for angles in grid])

    def choose(stations: list[CArmAngles], _: NextViewConfig) -> CArmAngles:
        known = np.array([_axis(angles) for angles in stations])
        return grid[int(np.argmin(np.abs(axes @ known.T).max(1)))]
    return _one_by_one(choose, views, seed, limits)


def next_best(views: int, seed: int, limits: NextViewConfig) -> list[CArmAngles]:
    """Return stations as they are proposed."""
    def choose(stations: list[CArmAngles], limits: NextViewConfig) -> CArmAngles:
        found = next_view([CARM.view(s) for s in stations], REGION, limits)
        assert found is not None
        return found.angles
    return _one_by_one(choose, views, seed, limits)


STRATEGIES = {'random': random, 'equidistant': equidistant, 'farthest': farthest,
              'next best': next_best}


def _one_by_one(choose: Choice, views: int, seed: int, limits: NextViewConfig) -> list[CArmAngles]:
    stations = random(1, seed, limits)
    while len(stations) < views:
        stations = _disturbed([*stations, choose(stations, limits)], seed, limits)
    return stations


def _disturbed(stations: list[CArmAngles], seed: int, limits: NextViewConfig) -> list[CArmAngles]:
    """Return stations with the rolls and isocentres of a seed's random ones."""
    return [CArmAngles(s.lao, s.cran, r.roll, r.isocentre)
            for s, r in zip(stations, random(len(stations), seed, limits), strict=True)]


def _axis(angles: CArmAngles) -> np.ndarray:
    return angles.rotation()[:, 2]


def judge(scene: Scene, stations: list[CArmAngles], seed: int, seconds: float) -> list[float]:
    """Return coverage, PSNR (dB), RMSE (HU) and SSIM of what the stations make."""
    problem = scene.problem_at('clean', stations, seed)
    volume = np.maximum(watch(ours, problem, [seconds])[-1].volume, 0)
    truth = scene.truth
    return [coverage(problem.views, REGION), psnr(volume[INSIDE], truth[INSIDE]),
            rmse_hu(volume[INSIDE], truth[INSIDE]),
            float(ssim3d(volume, truth)[INSIDE].mean())]


def table(rows: dict[tuple[str, int, str], list[list[float]]]) -> str:
    """Return means over the seeds as Markdown, with all RMSE."""
    lines = ['| CT | views | strategy | coverage | PSNR, dB | RMSE, HU | of each seed | SSIM |',
             '|---|---|---|---|---|---|---|---|']
    for (ct, views, strategy), found in rows.items():
        share, decibel, error, ssim = np.mean(found, axis=0)
        each = ', '.join(f'{row[2]:.0f}' for row in found)
        lines.append(f'| {ct} | {views} | {strategy} | {share:.2f} | {decibel:.2f} | '
                     f'{error:.1f} | {each} | {ssim:.3f} |')
    return '\n'.join(lines) + '\n'


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and write the table; return the exit code."""
    parser = argparse.ArgumentParser(prog='ixgs bench nextview', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--ct', nargs='+', default=['lidc', 'phantom+screws'])
    parser.add_argument('--views', nargs='+', type=int, default=[6, 12])
    parser.add_argument('--limits', nargs='+', default=['60,60', '90,30'],
                        help='LAO,CRAN in degrees')
    parser.add_argument('--seeds', type=int, default=3, help='how many seeds')
    parser.add_argument('--first-seed', type=int, default=FIRST_SEED)
    parser.add_argument('--seconds', type=float, default=4.0, help='CPU seconds of each')
    parser.add_argument('--out', type=Path, default=Path(__file__).parent / 'results')
    arguments = parser.parse_args(argv)
    arguments.out.mkdir(parents=True, exist_ok=True)
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    scenes = {name: Scene(load_ct(name)) for name in arguments.ct}
    judge(next(iter(scenes.values())), random(2, 0, NextViewConfig()), 0, 0.1)  # compiles
    text = (f'# Next best view\n\n`./ixgs bench nextview`, seeds {list(seeds)}, '
            f'{arguments.seconds:g} CPU s a reconstruction, {machine()}. Means over the seeds.\n')
    for limits in arguments.limits:
        lao, cran = (float(np.deg2rad(float(angle))) for angle in limits.split(','))
        config = NextViewConfig(lao=lao, cran=cran)
        rows = {(Path(name).stem, views, strategy):
                [judge(scene, choose(views, seed, config), seed, arguments.seconds)
                 for seed in seeds]
                for name, scene in scenes.items() for views in arguments.views
                for strategy, choose in STRATEGIES.items()}
        text += '\nLimits: LAO/RAO ±{}°, CRAN/CAUD ±{}°.\n\n'.format(*limits.split(','))
        text += table(rows)
        (arguments.out / 'nextview.md').write_text(text)
    print(text)
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
