"""The same bits whatever the number of threads; the same image on any instruction set."""

import os
from pathlib import Path
import subprocess
import sys

import numpy as np
import pytest

SCRIPT = """
import hashlib, sys
import numpy as np
from gaussian_scenes import random_model, random_view
from ixgs_ros.gaussians.cpu import CpuSplatter
from ixgs_ros.gaussians.optimizer import Adam
from ixgs_ros.gaussians.tv import total_variation
from ixgs_ros.volume.grid import VoxelGrid
from ixgs_ros.volume.plane import Plane
model, view = random_model(1, 3001), random_view(1, 64, 72)
splatter, adam = CpuSplatter(), Adam(3001)
grid = VoxelGrid(np.full(3, -0.04), np.full(3, 0.004), (20, 21, 22))
plane = Plane(np.full(3, -0.03), [1, 0, 0], [0, 0.6, 0.8], 0.001, 50, 60)
digest = hashlib.sha256()
for _ in range(3):
    footprints = splatter.project(model, view)
    image = splatter.render(footprints)
    gradients = splatter.gradient(footprints, image - 1)
    volume = splatter.voxelize(model, grid)
    value, slope = total_variation(volume, 0.1)
    gradients.add(splatter.voxelize_gradient(model, grid, slope), 1e-3)
    adam.step(model, gradients)
    of_view = splatter.view_gradient(footprints, image - 1)
    for array in (image, volume, np.array(value), *model.blocks().values(), of_view.pose,
                  of_view.intrinsics, splatter.moments(footprints, image),
                  splatter.slice(model, plane)):
        digest.update(array.tobytes())
np.save(sys.argv[1], image)
print(digest.hexdigest())
"""


def run(path: Path, **environment: str) -> str:
    settings = dict(os.environ, PYTHONPATH=os.pathsep.join(
        [str(Path(__file__).parent), str(Path(__file__).parents[2])]), **environment)
    return subprocess.run([sys.executable, '-c', SCRIPT, str(path)], env=settings, text=True,
                          capture_output=True, check=True).stdout.strip()


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason='needs two cores')
def test_bits_do_not_depend_on_the_number_of_threads(tmp_path):
    """Three steps of everything, in processes of one, two and three threads."""
    digests = {run(tmp_path / 'image.npy', NUMBA_NUM_THREADS=threads) for threads in '123'}
    assert len(digests) == 1


@pytest.mark.slow
def test_a_cpu_without_avx_draws_the_same_image(tmp_path):
    """Compiled for a generic x86-64 without FMA: equal within rounding."""
    run(tmp_path / 'native.npy', NUMBA_NUM_THREADS='1')
    run(tmp_path / 'generic.npy', NUMBA_NUM_THREADS='1', NUMBA_CPU_NAME='generic',
        NUMBA_CPU_FEATURES='', NUMBA_CACHE_DIR=str(tmp_path / 'cache'))
    native, generic = np.load(tmp_path / 'native.npy'), np.load(tmp_path / 'generic.npy')
    # Three optimiser steps amplify rounding where a pixel lies on a footprint's cut.
    assert np.abs(native - generic).max() < 2e-3 * native.max()
    assert np.abs(native - generic).mean() < 1e-5 * native.max()
