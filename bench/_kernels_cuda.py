"""The rows of `kernels.py` on a GPU: milliseconds between CUDA events, least of several runs."""

from __future__ import annotations

import argparse
from collections.abc import Callable
import sys

from kernels import grid_of, print_rows, scene, view_of
import numpy as np
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


def image_rows(splatter: CudaSplatter, count: int, size: int, repeats: int) -> dict[str, float]:
    """Return the times of one view's kernels by name."""
    model, view = DeviceModel.from_host(scene(count), splatter.device), view_of(size)
    footprints = splatter.project(model, view)
    d_image = torch.tensor(np.random.default_rng(1).normal(size=(size, size)),
                           dtype=torch.float32, device=splatter.device)
    gradients = splatter.gradient(footprints, d_image)
    adam = DeviceAdam(count, splatter.device)
    return {name: least_ms(work, repeats) for name, work in {
        'project': lambda: splatter.project(model, view),
        'render': lambda: splatter.render(footprints),
        'gradient': lambda: splatter.gradient(footprints, d_image),
        'moments': lambda: splatter.moments(footprints, d_image),
        'adam': lambda: adam.step(model, gradients, 1e-6)}.items()}


def volume_rows(splatter: CudaSplatter, count: int, voxels: int,
                repeats: int) -> dict[str, float]:
    """Return the times of a voxelization of the whole scene and of total variation by name."""
    model, grid = DeviceModel.from_host(scene(count), splatter.device), grid_of(voxels)
    volume = splatter.voxelize(model, grid)
    return {name: least_ms(call, repeats) for name, call in {
        'voxelize': lambda: splatter.voxelize(model, grid),
        'voxelize_gradient': lambda: splatter.voxelize_gradient(model, grid, volume),
        'total_variation': lambda: total_variation(volume, 0.3)}.items()}


def run(arguments: argparse.Namespace) -> int:
    """Print the table; return the exit code, 2 where there is no GPU."""
    try:
        splatter = CudaSplatter()
    except RuntimeError as error:
        print(f'kernels: {error}', file=sys.stderr)
        return 2
    tiles = 'gsplat' if gsplat_intersection() else 'torch'
    print(f'{torch.cuda.get_device_name()}, tiles by {tiles}; GPU milliseconds, least of '
          f'{arguments.repeats}')
    print('| Gaussians | on | kernel | ms |\n|---|---|---|---|')
    for count in arguments.counts:
        for size in arguments.sizes:
            print_rows(f'{count} | {size}²', image_rows(splatter, count, size, arguments.repeats))
        for voxels in arguments.voxels:
            print_rows(f'{count} | {voxels}³', volume_rows(splatter, count, voxels,
                                                           arguments.repeats))
    return 0
