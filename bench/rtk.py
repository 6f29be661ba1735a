"""``./ixgs bench rtk``: protocol P24 against ITK-RTK's SART with total variation.

A sphere of 80 mm of a CT (air outside, no truncation) is ray-cast from a grid of 256³; 24 random
views, 1e4 photons, a known region. RTK reconstructs 128³ voxels; we get the CPU seconds that RTK
took in the same run, all threads counted. Seeds of poses and noise: the reported ones are 11, 12,
13 …; settings were tuned on seed 0.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import json
from pathlib import Path
import statistics
import sys
import time

import numpy as np
from scipy.ndimage import map_coordinates

from ixgs_ros.geometry.orbits import CArm, random_views
from ixgs_ros.geometry.view import View
from ixgs_ros.parameters import build
from ixgs_ros.reconstruction import ReconstructionConfig, Reconstructor
from ixgs_ros.shot import Shot
from ixgs_ros.simulation.attenuation import attenuation
from ixgs_ros.simulation.ct import Ct
from ixgs_ros.simulation.ray_caster import RayCaster
from ixgs_ros.simulation.target import spine_target
from ixgs_ros.volume.grid import Region, VoxelGrid

# `ixgs bench` loads this file by its path, so its neighbours are not importable by themselves.
sys.path.insert(0, str(Path(__file__).resolve().parent))
from _ct import load
from _machine import machine
from _rtk_peer import RtkPeer

RADIUS, INSIDE = 0.080, 0.076
REGION = Region(np.zeros(3), np.full(3, 2 * RADIUS))
FINE = VoxelGrid.covering(REGION, 0.000625)
TRUTH = VoxelGrid.covering(REGION, 0.00125)
PHOTONS = 1e4
FIRST_SEED = 11
PEAK, WATER = 40.0, 20.0   # 1/m
CHUNK = 20


def scene(ct: Ct) -> tuple[np.ndarray, np.ndarray]:
    """Return the sphere on the fine grid and its 2 × 2 × 2 means, (z, y, x) float32, 1/m."""
    center = spine_target(ct) if ct.target is None else ct.target
    index_from_lps = np.linalg.inv(ct.lps_from_index)
    points = FINE.points()
    index = (points + center) @ index_from_lps[:3, :3].T + index_from_lps[:3, 3]
    fine = map_coordinates(attenuation(ct.hu), np.moveaxis(index[..., ::-1], -1, 0), order=1,
                           mode='nearest').astype(np.float32)
    # The edge falls off over 2 mm, as no detector resolves a step.
    fine *= np.clip((RADIUS - np.linalg.norm(points, axis=-1)) / 0.002, 0, 1).astype(np.float32)
    n = TRUTH.size[0]
    return fine, fine.reshape(n, 2, n, 2, n, 2).mean((1, 3, 5))


def noisy(line_integrals: np.ndarray, seed: int) -> np.ndarray:
    """Return line integrals measured with PHOTONS photons a pixel in air."""
    counts = np.random.default_rng((seed, 1)).poisson(
        PHOTONS * np.exp(-line_integrals.astype(np.float64)))
    return (-np.log(np.maximum(counts, 0.5) / PHOTONS)).astype(np.float32)


def psnr_and_rmse(volume: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Return PSNR (dB, peak 40/m) and RMSE (HU, water 20/m) inside the sphere of 76 mm."""
    inside = np.linalg.norm(TRUTH.points(), axis=-1) < INSIDE
    square = float(((np.clip(volume, 0, None) - truth)[inside] ** 2).mean())
    return 10 * np.log10(PEAK**2 / square), np.sqrt(square) * 1000 / WATER


def ours(views: Sequence[View], images: np.ndarray, seconds: float) -> tuple[np.ndarray, int]:
    """Return our volume after so many CPU seconds of all threads, and the steps done."""
    start = time.process_time()
    config = build(ReconstructionConfig, {'region.size': REGION.size.tolist()})
    reconstructor = Reconstructor(config)
    reconstructor.add_shots(
        Shot(k + 1, k * 10**9, view, image, np.clip(np.exp(-image), 0, 1))
        for k, (view, image) in enumerate(zip(views, images, strict=True)))
    while time.process_time() - start < seconds:
        reconstructor.refine(CHUNK)
    return reconstructor.volume(TRUTH), reconstructor.steps


def compare(caster: RayCaster, truth: np.ndarray, seed: int) -> dict[str, float]:
    """Run both on one seed."""
    views = random_views(24, seed, CArm())
    images = np.stack([noisy(caster.project(view), 1000 * seed + k)
                       for k, view in enumerate(views)])
    peer = RtkPeer(views, CArm().sdd, TRUTH)
    start = time.process_time()
    theirs = peer.sart_tv(images)
    seconds = time.process_time() - start
    volume, steps = ours(views, images, seconds)
    their_psnr, their_rmse = psnr_and_rmse(theirs, truth)
    our_psnr, our_rmse = psnr_and_rmse(volume, truth)
    row = {'seed': seed, 'cpu_s': seconds, 'rtk_psnr_db': their_psnr, 'rtk_rmse_hu': their_rmse,
           'psnr_db': our_psnr, 'rmse_hu': our_rmse, 'steps': steps}
    print('seed {seed}: {cpu_s:5.1f} CPU-s   RTK {rtk_psnr_db:.2f} dB {rtk_rmse_hu:.0f} HU   '
          'ours {psnr_db:.2f} dB {rmse_hu:.0f} HU ({steps} steps)'.format(**row), flush=True)
    return row


def markdown(result: dict) -> str:
    """Return the result as a page."""
    lines = [f"# Protocol P24 against ITK-RTK SART with TV: {result['ct']}", '',
             f"{result['machine']}; 1e4 photons; PSNR and RMSE inside 76 mm; CPU seconds of all "
             'threads, ours within those of RTK.', '',
             '| seed | CPU-s | RTK dB | RTK HU | ours dB | ours HU | our steps |',
             '|---|---|---|---|---|---|---|']
    lines += ['| {seed} | {cpu_s:.1f} | {rtk_psnr_db:.2f} | {rtk_rmse_hu:.0f} | {psnr_db:.2f} | '
              '{rmse_hu:.0f} | {steps} |'.format(**row) for row in result['runs']]
    lines += ['', f"Median: RTK {result['rtk_median_db']:.2f} dB, ours "
              f"{result['median_db']:.2f} dB.", '']
    return '\n'.join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; 0 if our median is at least RTK's, else 1."""
    parser = argparse.ArgumentParser(prog='ixgs bench rtk', description=__doc__)
    parser.add_argument('--ct', default='lidc', help="'lidc', 'phantom', a CT, or .npz")
    parser.add_argument('--seeds', type=int, default=3, help='how many seeds')
    parser.add_argument('--first-seed', type=int, default=FIRST_SEED)
    parser.add_argument('--out', type=Path, default=Path(__file__).parent / 'results')
    arguments = parser.parse_args(argv)
    fine, truth = scene(load(arguments.ct))
    caster = RayCaster(fine, FINE)
    # Compilation is not part of the comparison: a short run first.
    views = random_views(3, 0, CArm())
    ours(views, np.stack([caster.project(view) for view in views]), 0.1)
    RtkPeer(views, CArm().sdd, TRUTH).check_geometry()
    runs = [compare(caster, truth, arguments.first_seed + k) for k in range(arguments.seeds)]
    result = {'ct': Path(arguments.ct).stem, 'machine': machine(), 'runs': runs,
              'rtk_median_db': statistics.median(run['rtk_psnr_db'] for run in runs),
              'median_db': statistics.median(run['psnr_db'] for run in runs)}
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / f"rtk_{result['ct']}.json").write_text(json.dumps(result, indent=1) + '\n')
    (arguments.out / f"rtk_{result['ct']}.md").write_text(markdown(result))
    print(markdown(result))
    return 0 if result['median_db'] >= result['rtk_median_db'] else 1


if __name__ == '__main__':
    raise SystemExit(main())
