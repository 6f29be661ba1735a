"""How alike two shapes on one voxel grid are: overlap, and how far apart their surfaces lie."""

from __future__ import annotations

from dataclasses import dataclass
import math

import numpy as np
from scipy import ndimage


@dataclass(frozen=True)
class SurfaceDistance:
    """Distances from each surface to the other, pooled, in the unit of the spacing.

    Args:
        mean: their mean; infinite where a shape has no surface.
        p95: what 95 % of them do not exceed.
    """

    mean: float
    p95: float


def dice(ours: np.ndarray, truth: np.ndarray) -> float:
    """Return twice the common voxels over the sum of both, bool arrays; 1 for two empty shapes."""
    both = int(ours.sum()) + int(truth.sum())
    return 1.0 if both == 0 else 2.0 * int((ours & truth).sum()) / both


def surface_distance(ours: np.ndarray, truth: np.ndarray, spacing: float,
                     where: np.ndarray | None = None) -> SurfaceDistance:
    """Return how far apart the surfaces of two shapes lie.

    A surface is the shape's voxels with a face to the outside; the border of the array is no
    outside. Voxel centres are compared, so distances below half a voxel are not resolved.

    Args:
        ours: (z, y, x) bool.
        truth: (z, y, x) bool.
        spacing: edge of a voxel.
        where: (z, y, x) bool: surface voxels that count; their nearest may lie anywhere.
    """
    surfaces = [shape & ~ndimage.binary_erosion(shape, border_value=1) for shape in (ours, truth)]
    if not all(surface.any() for surface in surfaces):
        return SurfaceDistance(math.inf, math.inf)
    pooled = []
    for one, other in (surfaces, surfaces[::-1]):
        distance = ndimage.distance_transform_edt(~other, sampling=spacing)
        pooled.append(distance[one if where is None else one & where])
    found = np.concatenate(pooled)
    if not len(found):
        return SurfaceDistance(math.inf, math.inf)
    return SurfaceDistance(float(found.mean()), float(np.percentile(found, 95)))
