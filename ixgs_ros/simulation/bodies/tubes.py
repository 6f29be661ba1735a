"""Round and flattened tubes of changing radius: vessels, airways, bowel, and long bones."""

from __future__ import annotations

from collections.abc import Sequence

import numba
import numpy as np
from numpy.typing import ArrayLike

from ixgs_ros.simulation.bodies.canvas import Canvas

# A tube thinner than this many voxels is drawn as thick, and as much fainter: its mass is kept.
THINNEST = 0.6


def chain(points: ArrayLike, radii: ArrayLike) -> np.ndarray:
    """Return the segments (n - 1, 8) of a tube through points (n, 3), mm.

    A segment is its start, its radius there, its end, and its radius there. ``radii``: (n,) or
    one for all.
    """
    points = np.asarray(points, dtype=np.float64)
    radii = np.broadcast_to(np.asarray(radii, dtype=np.float64), len(points))
    ends = np.column_stack([points, radii])
    return np.hstack([ends[:-1], ends[1:]])


def smooth_path(points: Sequence[ArrayLike] | np.ndarray, count: int) -> np.ndarray:
    """Return ``count`` points (count, 3) of a smooth line near the corners (n, 3) it is given.

    It is a Chaikin curve, sampled evenly: it ends at the ends and turns inside the corners.
    """
    line = np.asarray(points, dtype=np.float64)
    for _ in range(3):
        line = np.concatenate([line[:1], np.stack(
            [0.75 * line[:-1] + 0.25 * line[1:], 0.25 * line[:-1] + 0.75 * line[1:]],
            axis=1).reshape(-1, 3), line[-1:]])
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    at = np.linspace(0.0, along[-1], count)
    return np.stack([np.interp(at, along, line[:, axis]) for axis in range(3)], axis=-1)


def paint_tubes(canvas: Canvas, segments: np.ndarray, channels: np.ndarray, *, flat: float = 1.0,
                inset: float = 0.0) -> None:
    """Fill tubes.

    Args:
        canvas: to paint on.
        segments: (n, 8) as of :func:`chain`.
        channels: what they are filled with.
        flat: how much larger they are along z than their radius.
        inset: so much smaller their radius is, mm: the marrow within a cortex.
    """
    if len(segments):
        origin = np.array([axis[0] for axis in canvas.axes], dtype=np.float64)
        _tubes(canvas.channels, origin, canvas.voxel, np.ascontiguousarray(segments), channels,
               flat, inset)


def paint_long_bone(canvas: Canvas, segments: Sequence[np.ndarray] | np.ndarray,
                    cortex: np.ndarray, spongy: np.ndarray, shell: float,
                    flat: float = 1.0) -> None:
    """Paint tubes of bone: all their cortex first, so that the marrow runs through."""
    joined = np.concatenate(list(segments)) if not isinstance(segments, np.ndarray) else segments
    paint_tubes(canvas, joined, cortex, flat=flat)
    paint_tubes(canvas, joined, spongy, flat=flat, inset=shell)


@numba.njit(nogil=True, cache=True)
def _tubes(voxels: np.ndarray, origin: np.ndarray, voxel: float, segments: np.ndarray,
           channels: np.ndarray, flat: float, inset: float) -> None:
    """Mix ``channels`` into voxels (z, y, x, 5) by how much of them the tubes cover."""
    least = THINNEST * voxel
    # What the blurred section of the thinnest tube amounts to, over pi.
    spread = least * least + voxel * voxel / 12.0
    size = voxels.shape[2], voxels.shape[1], voxels.shape[0]
    low, high = np.empty(3, np.int64), np.empty(3, np.int64)
    for s in range(segments.shape[0]):
        segment = segments[s]
        first, last = max(segment[3] - inset, 0.0), max(segment[7] - inset, 0.0)
        if max(first, last) <= 0.0:
            continue
        reach = max(first, last, least) + voxel
        for axis in range(3):
            grown = reach * flat if axis == 2 else reach
            a, b = segment[axis], segment[4 + axis]
            low[axis] = max(0, int(np.ceil((min(a, b) - grown - origin[axis]) / voxel)))
            high[axis] = min(size[axis] - 1,
                             int(np.floor((max(a, b) + grown - origin[axis]) / voxel)))
        ax, ay, az = segment[0], segment[1], segment[2] / flat
        dx, dy, dz = segment[4] - ax, segment[5] - ay, segment[6] / flat - az
        squared = max(dx * dx + dy * dy + dz * dz, 1e-9)
        for k in range(low[2], high[2] + 1):
            z = (origin[2] + k * voxel) / flat - az
            for j in range(low[1], high[1] + 1):
                y = origin[1] + j * voxel - ay
                for i in range(low[0], high[0] + 1):
                    x = origin[0] + i * voxel - ax
                    t = min(max((x * dx + y * dy + z * dz) / squared, 0.0), 1.0)
                    radius = first + t * (last - first)
                    drawn = max(radius, least)
                    distance = np.sqrt((x - t * dx) ** 2 + (y - t * dy) ** 2
                                       + (z - t * dz) ** 2) - drawn
                    share = min(0.5 - distance / voxel, 1.0)
                    if share > 0.0:
                        if radius < least:
                            share *= radius * radius / spread
                        for c in range(5):
                            voxels[k, j, i, c] += share * (channels[c] - voxels[k, j, i, c])
