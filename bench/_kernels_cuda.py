"""The rows of `kernels.py` on a GPU: milliseconds between CUDA events, least of several runs."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
import csv
import sys

from _kernels_report import table
from _kernels_scene import cotangent, grid_of, plane_of, scene, view_of
import torch

from ixgs_ros.gaussians.cuda.binning import gsplat_intersection
from ixgs_ros.gaussians.cuda.model import DeviceModel
from ixgs_ros.gaussians.cuda.optimizer import DeviceAdam
from ixgs_ros.gaussians.cuda.splatter import CudaSplatter
from ixgs_ros.gaussians.cuda.tv import total_variation


def least_ms(work: Callable[[], object], repeats: int) -> float:
    """Return the least time of a call on the device, launches included, milliseconds."""
    work()
    torch.cuda.synchronize()
    times = []
    for _ in range(repeats):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        work()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end))
    return min(times)


def image_calls(splatter: CudaSplatter, count: int, size: int) -> dict[str, Callable[[], object]]:
    """Return one view's kernels by name."""
    model, view = DeviceModel.from_host(scene(count), splatter.device), view_of(size)
    footprints = splatter.project(model, view)
    d_image = torch.tensor(cotangent((size, size)), device=splatter.device)
    gradients, plane = splatter.gradient(footprints, d_image), plane_of(size)
    adam = DeviceAdam(count, splatter.device)

    def forward_and_gradient() -> None:
        new = splatter.project(model, view)
        splatter.render(new)
        splatter.gradient(new, d_image)

    return {'project': lambda: splatter.project(model, view),
            'render': lambda: splatter.render(footprints),
            'forward': lambda: splatter.render(splatter.project(model, view)),
            'gradient': lambda: splatter.gradient(footprints, d_image),
            'forward + gradient': forward_and_gradient,
            'moments': lambda: splatter.moments(footprints, d_image),
            'view_gradient': lambda: splatter.view_gradient(footprints, d_image),
            'slice': lambda: splatter.slice(model, plane),
            'adam': lambda: adam.step(model, gradients, 1e-6)}


def volume_calls(splatter: CudaSplatter, count: int,
                 voxels: int) -> dict[str, Callable[[], object]]:
    """Return the voxelization of the whole scene and total variation by name."""
    model, grid = DeviceModel.from_host(scene(count), splatter.device), grid_of(voxels)
    volume = splatter.voxelize(model, grid)
    return {'voxelize': lambda: splatter.voxelize(model, grid),
            'voxelize_gradient': lambda: splatter.voxelize_gradient(model, grid, volume),
            'total_variation': lambda: total_variation(volume, 0.3)}


def rows_of(count: int, on: str, calls: Mapping[str, Callable[[], object]],
            repeats: int) -> list[list[str]]:
    """Time the calls by name, and print them."""
    rows = []
    for name, call in calls.items():
        rows.append([str(count), on, name, f'{least_ms(call, repeats):.4f}'])
        print(*rows[-1], flush=True)
    return rows


def run(arguments: argparse.Namespace) -> int:
    """Print and write the table; return the exit code, 2 where there is no GPU."""
    try:
        splatter = CudaSplatter()
    except RuntimeError as error:
        print(f'kernels: {error}', file=sys.stderr)
        return 2
    tiles = 'gsplat' if gsplat_intersection() else 'torch'
    host = f'{torch.cuda.get_device_name()}, tiles by {tiles}'
    rows: list[list[str]] = []
    for count in arguments.counts:
        for size in arguments.sizes:
            rows += rows_of(count, f'{size}²', image_calls(splatter, count, size),
                            arguments.repeats)
        for voxels in arguments.voxels:
            rows += rows_of(count, f'{voxels}³', volume_calls(splatter, count, voxels),
                            arguments.repeats)
    arguments.out.mkdir(parents=True, exist_ok=True)
    with (arguments.out / 'kernels_cuda.csv').open('w', newline='') as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow(['gaussians', 'on', 'kernel', 'gpu_ms', 'machine'])
        writer.writerows([*row, host] for row in rows)
    (arguments.out / 'kernels_cuda.md').write_text('\n'.join([
        '# `./ixgs bench kernels --device cuda`: times of the Gaussian kernels on a GPU', '',
        f'{host}; milliseconds between CUDA events, launches included, least of '
        f'{arguments.repeats}.', '', *table(('Gaussians', 'on', 'kernel', 'ms'), rows)]))
    return 0
