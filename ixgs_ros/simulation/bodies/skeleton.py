"""Bones as unions of tubes that are measured before they are painted, so that they can be cut."""

from __future__ import annotations

import numba
import numpy as np

from ixgs_ros.simulation.bodies.canvas import Canvas, Patch

FAR_MM = 1e3


def box_of_tubes(canvas: Canvas, segments: np.ndarray) -> Patch:
    """Return the voxels about tubes (n, 8) as of :func:`~..tubes.chain`."""
    ends = np.concatenate([segments[:, :4], segments[:, 4:8]])
    reach = ends[:, 3:] + 2.0 * canvas.voxel
    low, high = (ends[:, :3] - reach).min(axis=0), (ends[:, :3] + reach).max(axis=0)
    return canvas.patch(0.5 * (low + high), 0.5 * (high - low))


def union_distance(canvas: Canvas, patch: Patch, segments: np.ndarray,
                   shells: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """Return the distances to tubes and to their marrow, (z, y, x) float32, mm.

    Beyond two voxels outside they are just large.

    Args:
        canvas: what the patch is of.
        patch: where to measure.
        segments: (n, 8) as of :func:`~..tubes.chain`.
        shells: thickness of the cortex of each segment, (n,) or one for all, mm. Marrow that lies
            in one tube runs through the cortex of the others.
    """
    shape = patch.voxels.shape[:3]
    outer = np.full(shape, FAR_MM, dtype=np.float32)
    inner = np.full(shape, FAR_MM, dtype=np.float32)
    if outer.size:
        origin = np.array([axis.ravel()[0] for axis in patch.points], dtype=np.float64)
        _nearest(origin, canvas.voxel, np.ascontiguousarray(segments),
                 np.ascontiguousarray(np.broadcast_to(shells, len(segments)), dtype=np.float64),
                 outer, inner)
    return outer, inner


@numba.njit(nogil=True, cache=True)
def _nearest(origin: np.ndarray, voxel: float, segments: np.ndarray, shells: np.ndarray,
             outer: np.ndarray, inner: np.ndarray) -> None:
    """Lower ``outer`` and ``inner`` (z, y, x) to the distances to the nearest segment."""
    size = outer.shape[2], outer.shape[1], outer.shape[0]
    low, high = np.empty(3, np.int64), np.empty(3, np.int64)
    for s in range(segments.shape[0]):
        segment = segments[s]
        reach = max(segment[3], segment[7]) + 2.0 * voxel
        for axis in range(3):
            a, b = segment[axis], segment[4 + axis]
            low[axis] = max(0, int(np.ceil((min(a, b) - reach - origin[axis]) / voxel)))
            high[axis] = min(size[axis] - 1,
                             int(np.floor((max(a, b) + reach - origin[axis]) / voxel)))
        dx, dy, dz = (segment[4] - segment[0], segment[5] - segment[1],
                      segment[6] - segment[2])
        squared = max(dx * dx + dy * dy + dz * dz, 1e-9)
        for k in range(low[2], high[2] + 1):
            z = origin[2] + k * voxel - segment[2]
            for j in range(low[1], high[1] + 1):
                y = origin[1] + j * voxel - segment[1]
                for i in range(low[0], high[0] + 1):
                    x = origin[0] + i * voxel - segment[0]
                    t = min(max((x * dx + y * dy + z * dz) / squared, 0.0), 1.0)
                    distance = (np.sqrt((x - t * dx) ** 2 + (y - t * dy) ** 2
                                        + (z - t * dz) ** 2)
                                - segment[3] - t * (segment[7] - segment[3]))
                    if distance < outer[k, j, i]:
                        outer[k, j, i] = distance
                    if distance + shells[s] < inner[k, j, i]:
                        inner[k, j, i] = distance + shells[s]
