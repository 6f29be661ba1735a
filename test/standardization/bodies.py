"""Images of bodies whose line integrals are known exactly: ellipsoids, summed; and collimators."""

from __future__ import annotations

import numpy as np

from ixgs_ros.geometry import RigidTransform, View

SIZE = 192
AIR = 40_000.0
WATER, BONE = 20.0, 20.0  # 1/m; bone adds to the water it replaces


def view(size: int = SIZE) -> View:
    """Return a view from 0.6 m in front of the origin, 0.2 m wide there, along z."""
    focal = size * 0.6 / 0.2
    k = np.array([[focal, 0, (size - 1) / 2], [0, focal, (size - 1) / 2], [0, 0, 1]])
    return View(k, RigidTransform(np.eye(3), np.array([0.0, 0.0, -0.6])), size, size)


def ellipsoid(center: tuple, axes: tuple, value: float, size: int = SIZE) -> np.ndarray:
    """Return the line integrals (size, size) through an ellipsoid: centre and half axes in m."""
    v = view(size)
    origin = (v.source - center) / np.array(axes)
    direction = v.ray_directions() / np.array(axes)
    a = (direction ** 2).sum(axis=-1)
    b = direction @ origin
    c = origin @ origin - 1
    return value * 2 * np.sqrt(np.maximum(b * b - a * c, 0)) / a


def trunk(width: float, size: int = SIZE) -> np.ndarray:
    """Return the line integrals of a trunk along y, half ``width`` wide, with spine and gas."""
    y = ellipsoid((0, 0, 0), (width, 1.0, 0.11), WATER, size)
    y += ellipsoid((0.01, 0, 0.03), (0.022, 1.0, 0.022), BONE, size)
    for level in (-0.06, 0.0, 0.06):
        y += ellipsoid((0.01, level, 0.03), (0.028, 0.014, 0.02), BONE, size)
    return y - ellipsoid((-0.04, 0.03, -0.05), (0.02, 0.015, 0.015), WATER, size)


def screw(size: int = SIZE) -> np.ndarray:
    """Return the line integrals of two titanium screws, 5 mm thick."""
    return (ellipsoid((0.03, 0.01, 0.02), (0.025, 0.0025, 0.0025), 150.0, size)
            + ellipsoid((-0.01, 0.05, 0.02), (0.0025, 0.02, 0.0025), 150.0, size))


def expose(y: np.ndarray, photons: float = 2e4, opening: np.ndarray | float = 1.0, seed: int = 0,
           air: float = AIR) -> np.ndarray:
    """Return the counts (H, W) uint16 of line integrals, through a collimator's opening."""
    detected = np.random.default_rng(seed).poisson(photons * np.exp(-y) * opening)
    return np.round(detected * air / photons).astype(np.uint16)


def round_opening(x: float, y: float, radius: float, size: int = SIZE) -> np.ndarray:
    """Return the open share of each pixel of a round collimator."""
    rows, columns = np.mgrid[:size, :size]
    return np.clip(radius - np.hypot(columns - x, rows - y) + 0.5, 0, 1)


def rectangular_opening(x: float, y: float, half: tuple[float, float], angle: float = 0.0,
                        size: int = SIZE) -> np.ndarray:
    """Return the open share of each pixel of a rectangular collimator, turned by an angle."""
    rows, columns = np.mgrid[:size, :size]
    u = np.cos(angle) * (columns - x) + np.sin(angle) * (rows - y)
    v = np.cos(angle) * (rows - y) - np.sin(angle) * (columns - x)
    return np.clip(np.minimum(half[0] - abs(u), half[1] - abs(v)) + 0.5, 0, 1)
