"""How fast the X-ray source moved during a shot, told from its tracked poses.

A straight line is fitted to the poses around the exposure. Tracker noise bends it, so the speed
comes with its standard error from the residuals, and only what exceeds the noise counts as motion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from ixgs_ros.geometry import RigidTransform

# Fewer samples leave too few residuals to tell noise from motion; with fewer than two nothing is
# known.
MIN_SAMPLES = 5
CONFIDENCE_SIGMAS = 3.0


@dataclass(frozen=True)
class Motion:
    """Speeds beyond doubt: the fitted ones less three standard errors, not below 0.

    Args:
        speed: of the source, m/s.
        angular_speed: of the C-arm, rad/s.
    """

    speed: float
    angular_speed: float


def estimate_motion(stamps_ns: Sequence[int], poses: Sequence[RigidTransform]) -> Motion | None:
    """Fit a constant velocity to poses.

    Args:
        stamps_ns: stamps, ascending, nanoseconds.
        poses: ``reference_from_source`` at these stamps.

    Returns:
        The speeds; None with fewer than :data:`MIN_SAMPLES` poses.
    """
    if len(poses) < MIN_SAMPLES:
        return None
    times = (np.array(stamps_ns, dtype=np.int64) - stamps_ns[0]) * 1e-9
    positions = np.stack([pose.translation for pose in poses])
    rotations = Rotation.from_matrix(np.stack([pose.rotation for pose in poses]))
    turns = (rotations * rotations[len(poses) // 2].inv()).as_rotvec()
    return Motion(_speed_beyond_doubt(times, positions), _speed_beyond_doubt(times, turns))


def _speed_beyond_doubt(times: np.ndarray, values: np.ndarray) -> float:
    """Return the norm of the slope of ``values`` (n, 3) less three of its standard errors."""
    centred = times - times.mean()
    spread = float((centred ** 2).sum())
    slope = centred @ values / spread
    residuals = values - values.mean(axis=0) - np.outer(centred, slope)
    variance = float((residuals ** 2).sum()) / (3 * (len(times) - 2))
    # The norm of three slopes that are only noise is about sqrt(3) times the error of one.
    error = np.sqrt(3 * variance / spread)
    return max(0.0, float(np.linalg.norm(slope)) - CONFIDENCE_SIGMAS * float(error))
