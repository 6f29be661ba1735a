"""How the beam fills the image: heel effect, vignetting, collimators, the table's edge."""

from __future__ import annotations

import numpy as np

from ixgs_ros.simulation.physics.settings import Physics
from ixgs_ros.standardization.field_shapes import Circle, Rectangle

ABSENT = 3.0    # a collimator of this size, over half the smaller side, cuts no image


def unit_coordinates(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return x (1, W) and y (H, 1) float32 from the middle, in half the smaller side."""
    half = 0.5 * min(height, width)
    x = (np.arange(width, dtype=np.float32)[None, :] - 0.5 * (width - 1)) / half
    y = (np.arange(height, dtype=np.float32)[:, None] - 0.5 * (height - 1)) / half
    return x.astype(np.float32), y.astype(np.float32)


def along(angle: float, height: int, width: int) -> np.ndarray:
    """Return the coordinate (H, W) float32 along a direction, in half the smaller side."""
    x, y = unit_coordinates(height, width)
    return np.float32(np.cos(angle)) * x + np.float32(np.sin(angle)) * y


def flatness(physics: Physics, height: int, width: int) -> np.ndarray:
    """Return the intensity (H, W) float32 that is left of an even field; 1 in the middle.

    The heel effect is a slope, what falls off towards the corners a parabola; both are what a
    calibration in another position leaves of the true ones.
    """
    x, y = unit_coordinates(height, width)
    slope = np.float32(physics.heel) * along(physics.heel_angle, height, width)
    corner = float(x[0, -1]) ** 2 + float(y[-1, 0]) ** 2
    return np.maximum((1 - slope) * (1 - np.float32(physics.vignetting / corner)
                                     * (x * x + y * y)), np.float32(0.01))


def table_area(physics: Physics, height: int, width: int) -> np.ndarray:
    """Return the water-equivalent (H, W) float32 of the table, kg/m².

    Its rim is rounded off over a twentieth of the image.
    """
    inside = along(physics.table_angle, height, width) - np.float32(physics.table_edge)
    return np.float32(physics.table) * np.clip(10 * inside, 0, 1)


def opening_depth(physics: Physics, height: int, width: int) -> np.ndarray:
    """Return how deep inside the collimator's opening each pixel lies, pixels (H, W) float32.

    The opening is a circle cut by shutters; infinite where there is neither.
    """
    half = 0.5 * min(height, width)
    x, y = 0.5 * (width - 1), 0.5 * (height - 1)
    depth = np.full((height, width), np.inf, dtype=np.float32)
    if physics.round_radius < ABSENT:
        shift = half * physics.round_shift
        circle = Circle(x + shift * np.cos(physics.heel_angle),
                        y + shift * np.sin(physics.heel_angle), half * physics.round_radius)
        depth = np.minimum(depth, circle.depth(height, width), dtype=np.float32)
    if min(physics.shutter_width, physics.shutter_height) < ABSENT:
        shutters = Rectangle(x, y, half * physics.shutter_width, half * physics.shutter_height,
                             physics.shutter_angle)
        depth = np.minimum(depth, shutters.depth(height, width), dtype=np.float32)
    return depth


def opening(depth: np.ndarray, penumbra: float) -> np.ndarray:
    """Return the share (H, W) in [0, 1] that the collimator lets pass.

    Args:
        depth: as :func:`opening_depth` says, pixels.
        penumbra: width of the edge, pixels; at least the pixel's own.
    """
    return np.clip(depth / np.float32(max(penumbra, 1.0)) + np.float32(0.5), 0, 1)
