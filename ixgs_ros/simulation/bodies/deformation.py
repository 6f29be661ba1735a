"""Maps of space that make one anatomy into another: size, posture, handedness, curvature.

Each returns a :data:`~ixgs_ros.simulation.bodies.warping.PointMap` from the new body to the old.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

from ixgs_ros.simulation.bodies.warping import PointMap


def affine(center: np.ndarray, scales: np.ndarray, rotation: np.ndarray) -> PointMap:
    """Return a map that stretches and turns about a point.

    Args:
        center: (3,) metres, stays where it is.
        scales: (3,) along x, y, z, how much larger the new body is; negative mirrors.
        rotation: (3,) rotation vector, radians.
    """
    inverse = np.diag(1.0 / np.asarray(scales)) @ Rotation.from_rotvec(rotation).as_matrix().T

    def old_from_new(points: np.ndarray) -> np.ndarray:
        return center + (points - center) @ inverse.T
    return old_from_new


def elastic(rng: np.random.Generator, lower: np.ndarray, upper: np.ndarray, size: float,
            knot: float = 0.06) -> PointMap:
    """Return a smooth random displacement.

    Args:
        rng: draws a displacement at each knot.
        lower: corner of the box where there are knots, (3,) metres; beyond, the outermost hold.
        upper: the opposite corner.
        size: standard deviation of a displacement at a knot, along each axis, metres. Up to
            about a sixth of ``knot`` the map does not fold.
        knot: distance of the knots, metres.
    """
    knots = np.ceil((upper - lower) / knot).astype(int) + 2
    shifts = rng.normal(0.0, size, (3, *knots)).clip(-2.0 * size, 2.0 * size)

    def old_from_new(points: np.ndarray) -> np.ndarray:
        at = ((points - lower) / knot).T
        moved = [map_coordinates(shift, at, order=3, mode='nearest') for shift in shifts]
        return points + np.stack(moved, axis=-1)
    return old_from_new


def bend(center: np.ndarray, amplitude: float, wavelength: float, phase: float,
         direction: float) -> PointMap:
    """Return a sideways wave along the body: scoliosis, kyphosis or lordosis.

    Args:
        center: (3,) metres; the wave's phase is counted from its height.
        amplitude: of the displacement, metres.
        wavelength: along z, metres.
        phase: of the wave at ``center``, radians.
        direction: in which the body is displaced, radians from x (left) to y (posterior).
    """
    across = np.array([np.cos(direction), np.sin(direction), 0.0])

    def old_from_new(points: np.ndarray) -> np.ndarray:
        wave = np.sin(2.0 * np.pi * (points[:, 2] - center[2]) / wavelength + phase)
        return points - amplitude * wave[:, None] * across
    return old_from_new


def compression(center: np.ndarray, loss: float, height: float) -> PointMap:
    """Return a compression fracture: one vertebra's height lost in front, less behind.

    What lies above comes down; the map stays continuous and never folds.

    Args:
        center: (3,) of the vertebral body, metres.
        loss: share of the height that is lost 15 mm in front of the centre, below 0.7.
        height: of the vertebra before, metres.
    """
    if not 0.0 <= loss < 0.7:
        raise ValueError(f'expected a loss from 0 to below 0.7, got {loss}')

    def old_from_new(points: np.ndarray) -> np.ndarray:
        # A wedge: from nothing 25 mm behind the centre to all 15 mm in front of it and beyond.
        wedge = np.clip((center[1] + 0.025 - points[:, 1]) / 0.04, 0.0, 1.0)
        left = height * (1.0 - loss * wedge)
        above = points[:, 2] - (center[2] - 0.5 * height)
        old = np.where(above < 0.0, above, np.where(
            above < left, above * height / left, above + height - left))
        moved = points.copy()
        moved[:, 2] = old + center[2] - 0.5 * height
        return moved
    return old_from_new


def chained(maps: list[PointMap]) -> PointMap:
    """Return the maps one after the other, the last first applied to the new body's points."""
    def old_from_new(points: np.ndarray) -> np.ndarray:
        for point_map in reversed(maps):
            points = point_map(points)
        return points
    return old_from_new
