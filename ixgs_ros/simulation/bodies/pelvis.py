"""A procedural pelvis, fitted to a procedural spine."""

from __future__ import annotations

import numpy as np

from ixgs_ros.simulation.bodies.canvas import bony, Canvas
from ixgs_ros.simulation.bodies.spine import Vertebra
from ixgs_ros.simulation.shapes import capsule, ellipsoid, Triple, waisted_cylinder

Segment = tuple[Triple, Triple, float]


def paint_pelvis(canvas: Canvas, lowest: Vertebra, rng: np.random.Generator) -> None:
    """Paint sacrum, iliac wings, ischium, pubis and the upper femurs below L5."""
    s = lowest.scale * rng.uniform(0.92, 1.08)
    wide = rng.uniform(0.9, 1.12)
    origin = lowest.at((0.0, 0.0, -lowest.half[2]))
    cortex, spongy = bony(rng.uniform(600.0, 1200.0)), bony(rng.uniform(110.0, 280.0))

    def place(x: float, y: float, z: float) -> Triple:
        return origin[0] + s * wide * x, origin[1] + s * y, origin[2] + s * z

    # Sacrum: five shrinking blocks that lead backwards, with wings to the iliac bones.
    for block in range(5):
        shrink = 1.0 - 0.15 * block
        center = np.array(place(0.0, 6.0 + 11.0 * block - 0.8 * block ** 2, -12.0 - 20.0 * block))
        patch = canvas.patch(center, s * np.array([70.0, 40.0, 20.0]))
        if not patch.voxels.size:
            continue
        local = tuple((p - c) / s for p, c in zip(patch.points, center, strict=True))
        distance = np.minimum(
            waisted_cylinder(local, 26.0 * shrink, 14.0 * shrink, 11.0, 0.1),
            ellipsoid(local, (0.0, 6.0, 2.0), (56.0 * shrink ** 2, 15.0 * shrink, 13.0)))
        canvas.paint(patch, s * distance, cortex)
        canvas.paint(patch, s * distance + 1.6, spongy)
    for side in (-1.0, 1.0):
        _paint_wing(canvas, np.array(place(side * 76.0, 4.0, -16.0)), s, side, cortex, spongy)
        hip = place(side * 92.0, -12.0, -92.0)
        bones: list[Segment] = [
            (place(side * 72.0, 14.0, -52.0), place(side * 80.0, -4.0, -84.0), 14.0 * s),
            (place(side * 76.0, 6.0, -92.0), place(side * 56.0, 12.0, -136.0), 11.0 * s),
            (place(side * 74.0, -16.0, -84.0), place(side * 12.0, -44.0, -104.0), 8.0 * s),
            (place(side * 12.0, -44.0, -106.0), place(side * 54.0, 8.0, -138.0), 7.0 * s),
            (hip, hip, 22.0 * s),
            (hip, place(side * 132.0, -4.0, -116.0), 13.0 * s),
            (place(side * 136.0, -2.0, -104.0), place(side * 126.0, -2.0, -260.0), 14.0 * s)]
        _paint_tubes(canvas, bones, rng, flat=1.0)


def _paint_wing(canvas: Canvas, center: np.ndarray, s: float, side: float, cortex: np.ndarray,
                spongy: np.ndarray) -> None:
    """Paint an iliac wing: a bowl, the part of a thick ellipsoidal shell that faces outwards."""
    patch = canvas.patch(center, s * np.array([70.0, 90.0, 80.0]))
    if not patch.voxels.size:
        return
    x, y, z = ((p - c) / s for p, c in zip(patch.points, center, strict=True))
    turn = 0.55                                     # the wings open to the front
    cos, sin = np.cos(turn), np.sin(turn)
    local = side * x * cos + y * sin, y * cos - side * x * sin, z
    shell = np.abs(ellipsoid(local, (-26.0, 0.0, 18.0), (44.0, 78.0, 74.0))) - 5.0
    # Outer side only, below the crest's arch and above the socket.
    distance = np.maximum.reduce([shell, -10.0 - local[0] + 0.0 * shell,
                                  local[2] - 48.0 + 0.008 * local[1] ** 2 + 0.0 * shell,
                                  -62.0 - local[2] + 0.0 * shell,
                                  np.abs(local[1]) - 62.0 + 0.0 * shell])
    canvas.paint(patch, s * distance, cortex)
    canvas.paint(patch, s * distance + 2.0, spongy)


def _paint_tubes(canvas: Canvas, segments: list[Segment], rng: np.random.Generator,
                 flat: float) -> None:
    """Paint bones made of capsules: all their cortex first, so that the marrow runs through.

    ``flat`` is how much higher (along z) than thick they are.
    """
    cortex, spongy = bony(rng.uniform(600.0, 1400.0)), bony(rng.uniform(60.0, 260.0))
    shell = rng.uniform(1.0, 2.0)
    for thickness, channels in ((0.0, cortex), (shell, spongy)):
        for start, end, radius in segments:
            low, high = np.minimum(start, end), np.maximum(start, end)
            patch = canvas.patch(0.5 * (low + high),
                                 0.5 * (high - low) + flat * radius + canvas.voxel)
            if not patch.voxels.size:
                continue
            x, y, z = patch.points
            distance = _capsule((x, y, z / flat), (start[0], start[1], start[2] / flat),
                                (end[0], end[1], end[2] / flat), radius)
            canvas.paint(patch, distance + thickness, channels)


def _capsule(points: tuple, start: Triple, end: Triple, radius: float) -> np.ndarray:
    """Return the distance to a capsule, or to a ball where both ends are the same."""
    if np.allclose(start, end):
        end = (end[0], end[1], end[2] + 0.01)
    return capsule(points, start, end, radius)
