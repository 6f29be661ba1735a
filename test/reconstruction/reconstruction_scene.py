"""A small scene of balls with an analytic truth, seen by a C-arm with a small detector."""

import numpy as np

from ixgs_ros.geometry.orbits import CArm
from ixgs_ros.parameters import build
from ixgs_ros.reconstruction import ReconstructionConfig
from ixgs_ros.shot import Shot
from ixgs_ros.volume.grid import Region, VoxelGrid

CARM = CArm(pixel_pitch=0.0048, height=64, width=64)
REGION = Region(np.zeros(3), np.full(3, 0.16))
GRID = VoxelGrid.covering(REGION, 0.004)
# Centre (m), radius (m), density (1/m): a trunk with two denser balls, off all axes.
BODY = [((0, 0, 0), 0.065, 15.0), ((0.02, -0.015, 0.025), 0.015, 20.0),
        ((-0.03, 0.02, -0.01), 0.012, 15.0)]
# The same in a trunk far wider than the field (0.19 m at the isocentre).
WIDE_BODY = [((0.0, 0.02, 0.0), 0.18, 15.0), *BODY[1:]]


def line_integrals(balls, view):
    """Chord lengths times densities: analytic, shares nothing with any projector."""
    directions = view.ray_directions()
    total = np.zeros(directions.shape[:2])
    for center, radius, density in balls:
        offset = view.source - np.array(center)
        b = directions @ offset
        total += 2 * density * np.sqrt(np.clip(b * b - offset @ offset + radius**2, 0, None))
    return total.astype(np.float32)


def truth(balls, grid=GRID):
    """Mean densities of the voxels, from 3³ samples each."""
    total = np.zeros(grid.shape)
    shifts = (np.arange(3) - 1) * grid.spacing[0] / 3
    points = grid.points()
    for shift in np.stack(np.meshgrid(shifts, shifts, shifts), -1).reshape(-1, 3):
        for center, radius, density in balls:
            total += density * (np.linalg.norm(points + shift - center, axis=-1) < radius)
    return total / 27


def inside(grid=GRID, radius=0.076):
    return np.linalg.norm(grid.points(), axis=-1) < radius


def rms(volume, balls, grid=GRID, radius=0.076):
    return float(np.sqrt(((volume - truth(balls, grid))[inside(grid, radius)] ** 2).mean()))


def take(balls, views, *, photons=0.0, offsets=None, first_id=1, seed=0):
    """Shots of a body, with photon noise and exposure offsets if asked for."""
    rng = np.random.default_rng(seed)
    shots = []
    for k, view in enumerate(views):
        y = line_integrals(balls, view) + (0 if offsets is None else offsets[k])
        if photons:
            y = -np.log(np.maximum(rng.poisson(photons * np.exp(-y)), 0.5) / photons)
        shots.append(Shot(first_id + k, (first_id + k) * 10**9, view, y,
                          np.clip(np.exp(-y), 0, 1)))
    return shots


def configure(**values):
    settings = {'region.size': (0.16, 0.16, 0.16), 'volume.spacing': 0.004,
                'model.max_gaussians': 4000}
    return build(ReconstructionConfig,
                 settings | {name.replace('__', '.'): value for name, value in values.items()})

