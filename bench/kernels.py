"""Times of the Gaussian kernels on this machine: ./ixgs bench kernels [--help].

Every figure is the least of several runs, in milliseconds of CPU time of all threads (wall time on
a shared machine measures the others); with --device cuda, of time on the GPU.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
import os
from pathlib import Path
import sys
import time

import numpy as np
from scipy.spatial.transform import Rotation

from ixgs_ros.gaussians.cpu import CpuSplatter
from ixgs_ros.gaussians.model import GaussianModel, Gradients
from ixgs_ros.gaussians.optimizer import Adam
from ixgs_ros.gaussians.simd import LANES
from ixgs_ros.gaussians.tv import total_variation
from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.geometry.view import View
from ixgs_ros.volume.grid import VoxelGrid

# A spine-like box seen by a C-arm: source to centre 0.65 m, SDD 1 m, a detector of 0.3 m.
HALF = np.array([0.057, 0.057, 0.0816])
DISTANCE, SDD, DETECTOR = 0.65, 1.0, 0.3


def scene(count: int) -> GaussianModel:
    """Return Gaussians of 1.5 to 3.75 mm: about 3.5 px wide on 256² pixels."""
    rng = np.random.default_rng(0)
    return GaussianModel((rng.uniform(-1, 1, (count, 3)) * HALF).astype(np.float32),
                         np.log(rng.uniform(1.5e-3, 3.75e-3, (count, 3))).astype(np.float32),
                         rng.normal(size=(count, 4)).astype(np.float32),
                         rng.uniform(0, 20, count).astype(np.float32))


def view_of(size: int) -> View:
    """Return an oblique view of ``size`` × ``size`` pixels."""
    focal, center = SDD * size / DETECTOR, (size - 1) / 2
    rotation = Rotation.from_euler('zx', [0.3, 1.5]).as_matrix()
    k = np.array([[focal, 0, center], [0, focal, center], [0, 0, 1]])
    return View(k, RigidTransform(rotation, -DISTANCE * rotation[:, 2]), size, size)


def grid_of(voxels: int) -> VoxelGrid:
    """Return the grid of ``voxels``³ around the scene."""
    spacing = 0.192 / voxels
    return VoxelGrid(np.full(3, -0.5 * (voxels - 1) * spacing), np.full(3, spacing), (voxels,) * 3)


def least_ms(work: Callable[[], object], repeats: int) -> float:
    """Return the least CPU time of a call, milliseconds."""
    work()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return 1e3 * min(times)


def image_rows(count: int, size: int, repeats: int, threads: int | None) -> dict[str, float]:
    """Return the times of one view's kernels by name."""
    model, view, splatter = scene(count), view_of(size), CpuSplatter(threads=threads)
    footprints = splatter.project(model, view)
    image, gradients = splatter.render(footprints), Gradients.zeros(count)
    d_image = np.random.default_rng(1).normal(size=image.shape).astype(np.float32)
    back = np.empty(count, np.float32)
    adam = Adam(count, threads=threads)
    return {name: least_ms(work, repeats) for name, work in {
        'project': lambda: splatter.project(model, view, out=footprints),
        'render': lambda: splatter.render(footprints, out=image),
        'gradient': lambda: splatter.gradient(footprints, d_image, out=gradients),
        'moments': lambda: splatter.moments(footprints, d_image, out=back),
        'adam': lambda: adam.step(model, gradients, 1e-6)}.items()}


def volume_rows(count: int, voxels: int, repeats: int, threads: int | None) -> dict[str, float]:
    """Return the times of a voxelization of the whole scene and of total variation by name."""
    model, splatter = scene(count), CpuSplatter(threads=threads)
    grid = grid_of(voxels)
    volume, gradients = splatter.voxelize(model, grid), Gradients.zeros(count)
    work = np.empty((2, *volume.shape), np.float32)
    return {name: least_ms(call, repeats) for name, call in {
        'voxelize': lambda: splatter.voxelize(model, grid, out=volume),
        'voxelize_gradient': lambda: splatter.voxelize_gradient(model, grid, volume, gradients),
        'total_variation': lambda: total_variation(volume, 0.3, work, threads)}.items()}


def machine() -> str:
    """Return the processor's name and how it is used."""
    names = [line.split(':')[1].strip() for line in Path('/proc/cpuinfo').read_text().splitlines()
             if line.startswith('model name')]
    return f'{names[0] if names else "unknown CPU"}, {os.cpu_count()} cores, {LANES} lanes'


def print_rows(label: str, rows: dict[str, float]) -> None:
    """Print one row of the table for each kernel."""
    for name, ms in rows.items():
        print(f'| {label} | {name} | {ms:.2f} |', flush=True)


def run_on_cuda(arguments: argparse.Namespace) -> int:
    """Print the table of the CUDA back end; return the exit code."""
    # `ixgs bench` loads this file by its path, so its neighbours are not importable by themselves.
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    try:
        from _kernels_cuda import run
    except ModuleNotFoundError as error:
        print(f'kernels: expected torch and triton, {error.name} is not installed: see '
              'docs/gpu.md', file=sys.stderr)
        return 2
    return run(arguments)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; return the exit code."""
    parser = argparse.ArgumentParser(prog='kernels', description=__doc__)
    parser.add_argument('--counts', type=int, nargs='+', default=[20_000, 50_000],
                        help='numbers of Gaussians')
    parser.add_argument('--sizes', type=int, nargs='+', default=[128, 256, 512],
                        help='edges of the detector, pixels')
    parser.add_argument('--voxels', type=int, nargs='+', default=[64, 128],
                        help='edges of the volume, voxels')
    parser.add_argument('--repeats', type=int, default=10, help='runs of which the least counts')
    parser.add_argument('--threads', type=int, help='threads; all cores by default')
    parser.add_argument('--device', choices=['cpu', 'cuda'], default='cpu',
                        help='where to run; cuda needs what docs/gpu.md says')
    arguments = parser.parse_args(argv)
    if arguments.device == 'cuda':
        return run_on_cuda(arguments)
    print(f'{machine()}; CPU milliseconds, least of {arguments.repeats}')
    print('| Gaussians | on | kernel | ms |\n|---|---|---|---|')
    for count in arguments.counts:
        for size in arguments.sizes:
            print_rows(f'{count} | {size}²', image_rows(count, size, arguments.repeats,
                                                        arguments.threads))
        for voxels in arguments.voxels:
            print_rows(f'{count} | {voxels}³', volume_rows(count, voxels, arguments.repeats,
                                                           arguments.threads))
    return 0


if __name__ == '__main__':
    sys.exit(main())
