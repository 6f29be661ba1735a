"""Compiles the reconstruction's kernels by doing a small one, so that the first shot is quick."""

from __future__ import annotations

import dataclasses

import numpy as np

from ixgs_ros.geometry import RigidTransform, View
from ixgs_ros.nodes.reconstructor_config import ReconstructorConfig
from ixgs_ros.reconstruction.config import ModelConfig, RegionConfig, VolumeConfig
from ixgs_ros.reconstruction.reconstructor import Reconstructor
from ixgs_ros.shot import Shot

PIXELS = 48
RADIUS = 0.03          # of the ball that is imaged, metres
DISTANCE = 0.6         # from the source to it, metres
ATTENUATION = 20.0     # 1/m
# Off all axes, so that no two images are alike.
CENTER = np.array([0.006, 0.002, 0.001])
# More than the reconstruction starts anew with, so that going on from a model is compiled too.
VIEWS = 9


def ball_shot(number: int, angle: float) -> Shot:
    """Return a shot of a ball beside the origin, from a direction in the plane z = 0.

    Args:
        number: the shot's id.
        angle: of the source about the z axis, radians.
    """
    axis = np.array([np.cos(angle), np.sin(angle), 0.0])
    down = np.array([0.0, 0.0, -1.0])
    rotation = np.stack([np.cross(down, axis), down, axis], axis=1)
    middle = (PIXELS - 1) / 2
    focal = 0.8 * PIXELS * DISTANCE / (4 * RADIUS)
    view = View(np.array([[focal, 0, middle], [0, focal, middle], [0, 0, 1]]),
                RigidTransform(rotation, -DISTANCE * axis), PIXELS, PIXELS)
    # Chord of a ball: 2 sqrt(r² - d²) at the distance d of the ray from its centre.
    distance = np.linalg.norm(np.cross(view.ray_directions(), view.source - CENTER), axis=-1)
    chord = 2.0 * np.sqrt(np.maximum(0.0, RADIUS**2 - distance**2))
    return Shot(number, number, view, ATTENUATION * chord, np.ones((PIXELS, PIXELS)))


def warm_up(config: ReconstructorConfig) -> None:
    """Reconstruct the ball with few Gaussians; the compiled code is kept on disk."""
    small = dataclasses.replace(
        config, quantity='auto', model=ModelConfig(max_gaussians=1000),
        volume=VolumeConfig(spacing=0.005),
        region=RegionConfig(center=(0.0, 0.0, 0.0), size=(0.08, 0.08, 0.08)))
    reconstructor = Reconstructor(small)
    for number in range(VIEWS):
        reconstructor.add_shot(ball_shot(number + 1, number * np.pi / VIEWS))
        reconstructor.refine(2)
    # The total variation is only part of every tenth step or so.
    reconstructor.refine(12)
    reconstructor.volume()
