"""A small world for tests of nodes: three balls, ray-cast into 64 x 64 shots."""

from __future__ import annotations

import functools

import numpy as np

from ixgs_ros.geometry import RigidTransform, View
from ixgs_ros.shot import Shot
from ixgs_ros.simulation import RayCaster
from ixgs_ros.volume.grid import Region, VoxelGrid

PIXELS = 64
DISTANCE = 0.6                                # source to the origin, metres
REGION = Region(np.zeros(3), np.full(3, 0.08))
# Centre (m), radius (m), attenuation (1/m); nothing is symmetric.
BALLS = (((0.0, 0.0, 0.0), 0.034, 20.0), ((0.012, 0.006, -0.01), 0.009, 30.0),
         ((-0.01, 0.004, 0.014), 0.006, 40.0))
# Parameters of the reconstructor that make it small and quick.
PARAMETERS = {'region.center': [0.0, 0.0, 0.0], 'region.size': [0.08, 0.08, 0.08],
              'volume.spacing': 0.002, 'model.max_gaussians': 3000, 'sdd': 1.0,
              'publish.period': 0.2, 'publish.first_refinement': 0.1}


def truth(grid: VoxelGrid) -> np.ndarray:
    """Return the balls in voxels, 1/m."""
    points = grid.points()
    volume = np.zeros(grid.shape, np.float32)
    for center, radius, attenuation in BALLS:
        volume[np.linalg.norm(points - np.array(center), axis=-1) < radius] = attenuation
    return volume


@functools.cache
def _caster() -> RayCaster:
    grid = VoxelGrid.covering(REGION, 0.0008)
    return RayCaster(truth(grid), grid)


def view(number: int) -> View:
    """Return one of many different views around the balls, all within 60° of the x axis."""
    random = np.random.default_rng(number)
    azimuth, elevation = np.deg2rad(random.uniform(-60, 60, 2))
    axis = np.array([np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation),
                     np.sin(elevation)])
    right = np.cross([0.0, 0.0, -1.0], axis)
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(axis, right), axis], axis=1)
    focal = PIXELS * DISTANCE / 0.1
    middle = (PIXELS - 1) / 2
    k = np.array([[focal, 0, middle + 2.0], [0, focal, middle - 1.0], [0, 0, 1]])
    return View(k, RigidTransform(rotation, -DISTANCE * axis), PIXELS, PIXELS)


@functools.cache
def shot(number: int) -> Shot:
    """Return shot 1, 2, …: exposed ``number`` seconds after 100 s."""
    where = view(number)
    lines = _caster().project(where)
    return Shot(number, (100 + number) * 1_000_000_000, where, lines, np.exp(-lines))
