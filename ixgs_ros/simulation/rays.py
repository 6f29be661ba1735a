"""A ray through a box of voxels, in index space; what all casters by Joseph's method share.

In index space the ray is ``start + depth * slope``; depth counts along the principal ray. The box
reaches from half a voxel before the first centre to half a voxel behind the last.
"""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(nogil=True, cache=True)
def clip(start: np.ndarray, slope: np.ndarray, size: np.ndarray) -> tuple[float, float, int]:
    """Return the depths between which the ray is in the box, and the axis it crosses fastest.

    Args:
        start: (3,) indices (x, y, z) of the source.
        slope: (3,) indices per unit of depth.
        size: (3,) voxels along (x, y, z).

    Returns:
        Entry, exit and axis; where entry is not less than exit, the ray misses the box or the box
        lies behind the source.
    """
    enter, leave = 0.0, np.inf
    main = 0
    for axis in range(3):
        if abs(slope[axis]) > abs(slope[main]):
            main = axis
        if abs(slope[axis]) > 1e-12:
            a = (-0.5 - start[axis]) / slope[axis]
            b = (size[axis] - 0.5 - start[axis]) / slope[axis]
            enter, leave = max(enter, min(a, b)), min(leave, max(a, b))
        elif start[axis] < -0.5 or start[axis] > size[axis] - 0.5:
            return 0.0, 0.0, main
    return enter, leave, main


@numba.njit(nogil=True, cache=True)
def across(start: np.ndarray, slope: np.ndarray, main: int, other: int) -> tuple[float, float]:
    """Return the ray's index along axis ``other`` over its index m along ``main``.

    Returns:
        ``zero`` and ``step`` of ``zero + step * m``.
    """
    step = slope[other] / slope[main]
    return start[other] - step * start[main], step
