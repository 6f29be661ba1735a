"""A CT as a body on voxels of the size that training bodies have."""

from __future__ import annotations

import numpy as np

from ixgs_ros.simulation.ct import Ct
from ixgs_ros.simulation.materials import Body, body_of

SPACING_M = 0.0025


def template_of(ct: Ct, spacing: float = SPACING_M) -> Body:
    """Return a CT as a body whose voxels are the means of blocks of the CT's voxels.

    Materials and bone target are found at the CT's own resolution and averaged then, so that the
    mass and the bone's integral stay what they were: a ramp of averaged CT numbers would lose thin
    cortex. A block's edge comes as near to ``spacing`` as whole voxels allow; what is left over at
    the ends is dropped.

    Args:
        ct: the CT.
        spacing: wanted edge of a voxel, metres.
    """
    body = body_of(ct)
    steps = np.maximum(1, np.round(spacing / body.spacing)).astype(int)
    index_from_block = np.diag([*steps, 1.0])
    index_from_block[:3, 3] = 0.5 * (steps - 1.0)
    densities = np.stack([_block_means(density, steps[::-1]) for density in body.densities])
    return Body(densities, _block_means(body.bone, steps[::-1]),
                body.lps_from_index @ index_from_block, body.metal)


def _block_means(values: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Return means over blocks of ``steps`` voxels (z, y, x)."""
    z, y, x = np.array(values.shape) // steps
    whole = values[:z * steps[0], :y * steps[1], :x * steps[2]]
    return whole.reshape(z, steps[0], y, steps[1], x, steps[2]).mean(axis=(1, 3, 5))
