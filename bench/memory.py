"""``./ixgs bench memory``: resident memory of a stream of a thousand shots.

Small shots of balls with photon noise, each from another direction. Up
to ``max_shots`` are stored; then every tenth new shot takes the place of the oldest, which is
removed (the model starts anew), and the others are refused. Told is the process's resident memory
(VmRSS).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
import sys

import numpy as np

from ixgs_ros.geometry.orbits import CArm, random_views
from ixgs_ros.geometry.view import View
from ixgs_ros.parameters import build
from ixgs_ros.reconstruction import ReconstructionConfig, Reconstructor
from ixgs_ros.shot import Shot
from ixgs_ros.simulation.ray_caster import RayCaster
from ixgs_ros.verdict import Refusal
from ixgs_ros.volume.grid import Region, VoxelGrid

CARM = CArm(pixel_pitch=0.0048, height=64, width=64)
REGION = Region(np.zeros(3), np.full(3, 0.16))
GRID = VoxelGrid.covering(REGION, 0.002)
WATER, BONE = 15.0, 35.0   # 1/m
PHOTONS, STEPS_A_SHOT = 1e4, 2
# One shot in so many takes the place of the oldest.
REPLACED = 10
TOLD_AT = (20, 100, 200, 300, 500, 700, 1000)


def caster() -> RayCaster:
    """Return that of a ball of water with a smaller one of bone in it."""
    points = GRID.points()
    volume = np.where(np.linalg.norm(points, axis=-1) < 0.065, WATER, 0.0)
    volume[np.linalg.norm(points - [0.02, -0.015, 0.025], axis=-1) < 0.015] = BONE
    return RayCaster(volume.astype(np.float32), GRID)


def shot_of(body: RayCaster, view: View, number: int) -> Shot:
    """Return the body's shot from a view, with photon noise."""
    counts = np.random.default_rng(number).poisson(
        PHOTONS * np.exp(-body.project(view).astype(np.float64)))
    lines = -np.log(np.maximum(counts, 0.5) / PHOTONS)
    return Shot(number, number * 10**9, view, lines, np.clip(np.exp(-lines), 0, 1))


def resident() -> int:
    """Return the process's resident memory, bytes."""
    for line in Path('/proc/self/status').read_text().splitlines():
        if line.startswith('VmRSS:'):
            return 1024 * int(line.split()[1])
    raise RuntimeError('expected a line VmRSS in /proc/self/status, as Linux has it')


def main(argv: Sequence[str] | None = None) -> int:
    """Print a table; return 1 if memory grew by more than a tenth from 100 shots on."""
    parser = argparse.ArgumentParser(prog='memory', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--stored', type=int, default=20, help='max_shots (default: 20)')
    arguments = parser.parse_args(argv)
    model = Reconstructor(build(ReconstructionConfig, {
        'region.size': tuple(REGION.size.tolist()), 'volume.spacing': 0.004,
        'model.max_gaussians': 2000, 'max_shots': arguments.stored}))
    refused, found, body = 0, {}, caster()
    print('| shots | stored | refused | resident, MB |\n|---|---|---|---|')
    for number, view in enumerate(random_views(TOLD_AT[-1], 1, CARM), start=1):
        if len(model.fits) == arguments.stored and number % REPLACED == 0:
            model.remove_shot(next(iter(model.fits)))
        try:
            model.add_shot(shot_of(body, view, number))
        except Refusal:
            refused += 1
        model.refine(STEPS_A_SHOT)
        model.volume()
        if number in TOLD_AT:
            found[number] = resident()
            print(f'| {number} | {len(model.fits)} | {refused} | {1e-6 * found[number]:.1f} |',
                  flush=True)
    return int(found[TOLD_AT[-1]] > 1.1 * found[100])


if __name__ == '__main__':
    sys.exit(main())
