"""Where to look in a CT that nobody has marked: at the spine, half way up."""

from __future__ import annotations

import numpy as np

from ixgs_ros.simulation.ct import Ct

BODY_HU, BONE_HU = -300.0, 200.0
SLAB_M = 0.03          # half the height that is looked at
MIDLINE_M = 0.025      # half the width about the body's middle; ribs and hips lie outside
SAMPLING_M = 0.002
FEWEST_VOXELS = 50
# Of the bone near the midline the spine is the part at the back; this far towards it lies the
# canal, behind which only the spinous processes are left.
BACKWARD_SHARE = 70.0


def spine_target(ct: Ct) -> np.ndarray:
    """Return a point in the spine half way up a CT, (3,) LPS metres.

    The middle of the body from left to right, and of the bone near it the 70th percentile from
    front to back. A CT with hardly any bone there gives its own middle.
    """
    steps = np.maximum(1, np.round(SAMPLING_M / ct.spacing)).astype(int)
    hu = ct.hu[::steps[2], ::steps[1], ::steps[0]]
    k, j, i = np.nonzero(hu > BODY_HU)
    values = hu[k, j, i]
    points = (np.stack([i, j, k], axis=-1) * steps) @ ct.lps_from_index[:3, :3].T
    points += ct.lps_from_index[:3, 3]
    near = np.abs(points[:, 2] - ct.center[2]) < SLAB_M
    points, values = points[near], values[near]
    if not len(points):
        return ct.center
    middle = points[:, 0].mean()
    bone = points[(values > BONE_HU) & (np.abs(points[:, 0] - middle) < MIDLINE_M)]
    if len(bone) < FEWEST_VOXELS:
        return ct.center
    return np.array([bone[:, 0].mean(), np.percentile(bone[:, 1], BACKWARD_SHARE), ct.center[2]])
