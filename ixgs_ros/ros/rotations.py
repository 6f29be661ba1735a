"""Quaternions to rotations, through tf_transformations where it is installed, else our own."""

from __future__ import annotations

import numpy as np

from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.ros.installed import installed


def rigid(quaternion: np.ndarray, translation: np.ndarray) -> RigidTransform:
    """Return the transform of a unit quaternion (x, y, z, w) and a translation (3,) in metres.

    Raises:
        ValueError: a value is not finite or the norm is off by more than 1 %.
    """
    own = RigidTransform.from_quaternion(quaternion, translation)
    if not installed('tf_transformations'):
        return own
    # theirs takes any norm; ours has just checked it
    from tf_transformations import quaternion_matrix
    return RigidTransform(np.asarray(quaternion_matrix(quaternion))[:3, :3], translation)
