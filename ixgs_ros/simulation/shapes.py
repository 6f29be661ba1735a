"""Signed distances to simple bodies: negative inside; unit of the points. Arrays broadcast.

The distances are exact for capsules and first-order near the surface for the others, which is what
shells and antialiased edges need.
"""

from __future__ import annotations

import numpy as np

Points = tuple[np.ndarray, np.ndarray, np.ndarray]
Triple = tuple[float, float, float]


def capsule(points: Points, start: Triple, end: Triple, radius: float) -> np.ndarray:
    """Return the distance to all points within ``radius`` of a segment."""
    axis = np.subtract(end, start)
    local = [p - s for p, s in zip(points, start, strict=True)]
    along = sum(c * a for c, a in zip(local, axis, strict=True)) / float(axis @ axis)
    along = np.clip(along, 0.0, 1.0)
    squared = sum((c - along * a) ** 2 for c, a in zip(local, axis, strict=True))
    return np.sqrt(squared) - radius


def plate(points: Points, start: Triple, end: Triple, half_thickness: float,
          half_height: float) -> np.ndarray:
    """Return the distance to a rounded plate: a capsule in y and z, flattened along x.

    The segment is scaled with x, so that the capsule's radius is ``half_height`` and the plate
    is ``half_thickness`` to either side; the distance is scaled back by the smaller of the two.
    """
    stretch = half_height / half_thickness
    x, y, z = points
    stretched = capsule((x * stretch, y, z), (start[0] * stretch, start[1], start[2]),
                        (end[0] * stretch, end[1], end[2]), half_height)
    return stretched * min(1.0, half_thickness / half_height)


def box(points: Points, center: np.ndarray, axes: np.ndarray, half: np.ndarray) -> np.ndarray:
    """Return the distance to a box; exact.

    Args:
        points: where.
        center: (3,) of the box.
        axes: (3, 3), rows are unit vectors along its edges.
        half: (3,) half of its edges.
    """
    local = [p - c for p, c in zip(points, center, strict=True)]
    over = [np.abs(sum(c * a for c, a in zip(local, axis, strict=True))) - h
            for axis, h in zip(axes, half, strict=True)]
    outside = np.sqrt(sum(np.maximum(o, 0.0) ** 2 for o in over))
    return outside + np.minimum(np.maximum(np.maximum(over[0], over[1]), over[2]), 0.0)


def ellipsoid(points: Points, center: Triple, radii: Triple) -> np.ndarray:
    """Return the distance to an ellipsoid, along the ray from its centre."""
    local = [p - c for p, c in zip(points, center, strict=True)]
    scaled = np.sqrt(sum((c / r) ** 2 for c, r in zip(local, radii, strict=True)))
    return np.sqrt(sum(c ** 2 for c in local)) * (1.0 - 1.0 / np.maximum(scaled, 1e-3))


def waisted_cylinder(points: Points, half_width: float, half_depth: float, half_height: float,
                     waist: float) -> np.ndarray:
    """Return the distance to a vertebral body: a rounded box in x and y, narrower half way up.

    Args:
        points: x lateral, y posterior, z up, from its centre.
        half_width: along x at the ends.
        half_depth: along y at the ends.
        half_height: along z.
        waist: how much narrower the middle is, as a share.
    """
    x, y, z = points
    girth = 1.0 - waist * (1.0 - np.clip(z / half_height, -1.0, 1.0) ** 2)
    # A superellipse of exponent 2.5, between an ellipse and a box.
    q = ((np.abs(x) / half_width) ** 2.5 + (np.abs(y) / half_depth) ** 2.5) ** 0.4 / girth
    side = np.hypot(x, y) * (1.0 - 1.0 / np.maximum(q, 1e-3))
    return np.maximum(side, np.abs(z) - half_height)


def coverage(distance: np.ndarray, voxel: float) -> np.ndarray:
    """Return the share of a voxel that lies inside, from the distance at its centre."""
    return np.clip(0.5 - distance / voxel, 0.0, 1.0)
