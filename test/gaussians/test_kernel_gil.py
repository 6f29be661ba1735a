"""Kernels release the GIL: a node's callbacks go on while the compute thread works."""

import threading
import time

from gaussian_scenes import random_model, random_view
from numba.core.registry import CPUDispatcher
import numpy as np
import pytest

from ixgs_ros.gaussians import (
    box,
    optimizer,
    projection,
    projection_gradient,
    splatting,
    tv,
    voxelization,
)
from ixgs_ros.gaussians.cpu import CpuSplatter
from ixgs_ros.reconstruction import joseph, tv_prox, voxel_driven
from ixgs_ros.volume.grid import VoxelGrid

MODULES = (box, optimizer, projection, projection_gradient, splatting, tv, voxelization, joseph,
           tv_prox, voxel_driven)


@pytest.mark.parametrize('module', MODULES, ids=lambda module: module.__name__.split('.')[-1])
def test_every_kernel_is_compiled_to_release_it(module):
    kernels = [value for value in vars(module).values() if isinstance(value, CPUDispatcher)]
    assert kernels
    assert [k.__name__ for k in kernels if not k.targetoptions.get('nogil')] == []


def jobs():
    """Return long calls by name; each takes some tenths of a second on one thread."""
    splatter = CpuSplatter(6.0, threads=1)
    model = random_model(0, 4000, 0.05, 5e-3, 1e-2)
    footprints = splatter.project(model, random_view(0, 256, 256, 1500.0))
    image = splatter.render(footprints)
    grid = VoxelGrid(np.full(3, -0.05), np.full(3, 2e-3), (50, 50, 50))
    volume = splatter.voxelize(model, grid)
    return {'render': lambda: splatter.render(footprints),
            'view_gradient': lambda: splatter.view_gradient(footprints, image),
            'voxelize': lambda: splatter.voxelize(model, grid),
            'voxelize_gradient': lambda: splatter.voxelize_gradient(model, grid, volume)}


def test_a_python_thread_goes_on_during_a_kernel():
    """While one thread is in a kernel, another counts milliseconds; with the GIL held, none."""
    for name, job in jobs().items():
        worker = threading.Thread(target=job)
        start, ticks = time.perf_counter(), 0
        worker.start()
        while worker.is_alive():
            time.sleep(1e-3)
            ticks += 1
        spent = time.perf_counter() - start
        assert ticks > 5 + 20 * spent, f'{name}: {ticks} ticks in {spent:.3f} s'
