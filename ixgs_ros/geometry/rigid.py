"""Proper rigid transforms, named ``a_from_b``: ``p_a = a_from_b.apply(p_b)``."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

# How far RᵀR may be from the identity: the round-off of float32 passes, a scale or shear does not.
ORTHONORMAL_TOLERANCE = 1e-4


@dataclass(frozen=True, eq=False)
class RigidTransform:
    """A proper rotation and a translation.

    Args:
        rotation: (3, 3) float64, orthonormal, determinant +1.
        translation: (3,) float64, metres.

    Raises:
        ValueError: the shapes differ, a value is not finite, or the rotation is not proper.
    """

    rotation: np.ndarray = field(default_factory=lambda: np.eye(3))
    translation: np.ndarray = field(default_factory=lambda: np.zeros(3))

    def __post_init__(self) -> None:
        rotation = np.array(self.rotation, dtype=np.float64)
        translation = np.array(self.translation, dtype=np.float64)
        if rotation.shape != (3, 3) or translation.shape != (3,):
            raise ValueError(f'expected rotation (3, 3) and translation (3,), got '
                             f'{rotation.shape} and {translation.shape}')
        if not (np.isfinite(rotation).all() and np.isfinite(translation).all()):
            raise ValueError(f'expected finite values, got {rotation.tolist()}, '
                             f'{translation.tolist()}')
        error = float(np.abs(rotation.T @ rotation - np.eye(3)).max())
        determinant = float(np.linalg.det(rotation))
        if error > ORTHONORMAL_TOLERANCE or determinant < 0:
            raise ValueError(f'expected a proper rotation (RᵀR = I, det = +1), got '
                             f'|RᵀR - I| = {error:.2g} and det = {determinant:.4f}')
        rotation.setflags(write=False)
        translation.setflags(write=False)
        object.__setattr__(self, 'rotation', rotation)
        object.__setattr__(self, 'translation', translation)

    @staticmethod
    def from_quaternion(xyzw: np.ndarray, translation: np.ndarray) -> RigidTransform:
        """Make a transform from a unit quaternion (x, y, z, w) and a translation in metres.

        Raises:
            ValueError: the norm of the quaternion is off by more than 1 % (tf2's own limit).
        """
        quaternion = np.asarray(xyzw, dtype=np.float64)
        norm = float(np.linalg.norm(quaternion))
        if quaternion.shape != (4,) or not abs(norm - 1.0) < 0.01:
            raise ValueError(f'expected a unit quaternion x, y, z, w, got {quaternion.tolist()} '
                             f'of norm {norm:.4f}')
        return RigidTransform(Rotation.from_quat(quaternion).as_matrix(), translation)

    @staticmethod
    def from_rotation_vector(vector: np.ndarray, translation: np.ndarray) -> RigidTransform:
        """Make a transform from a rotation vector (axis times angle, radians) and metres."""
        return RigidTransform(Rotation.from_rotvec(vector).as_matrix(), translation)

    def quaternion(self) -> np.ndarray:
        """Return the unit quaternion (x, y, z, w), w ≥ 0, float64."""
        return Rotation.from_matrix(self.rotation).as_quat(canonical=True)

    def matrix(self) -> np.ndarray:
        """Return the homogeneous (4, 4) matrix."""
        matrix = np.eye(4)
        matrix[:3, :3] = self.rotation
        matrix[:3, 3] = self.translation
        return matrix

    def inverse(self) -> RigidTransform:
        """Return ``b_from_a`` of this ``a_from_b``."""
        return RigidTransform(self.rotation.T, -self.rotation.T @ self.translation)

    def __matmul__(self, other: RigidTransform) -> RigidTransform:
        """Chain: ``a_from_c = a_from_b @ b_from_c``."""
        return RigidTransform(self.rotation @ other.rotation,
                              self.rotation @ other.translation + self.translation)

    def apply(self, points: np.ndarray) -> np.ndarray:
        """Map points (..., 3) in metres from the frame ``b`` into ``a``."""
        return np.asarray(points) @ self.rotation.T + self.translation

    def angle_to(self, other: RigidTransform) -> float:
        """Return the angle of the relative rotation, radians in [0, π]."""
        return float(Rotation.from_matrix(self.rotation.T @ other.rotation).magnitude())

    def distance_to(self, other: RigidTransform) -> float:
        """Return the distance between the origins, metres."""
        return float(np.linalg.norm(self.translation - other.translation))


def interpolate(start: RigidTransform, end: RigidTransform, fraction: float) -> RigidTransform:
    """Interpolate: translation linearly, rotation along the shortest arc; fraction in [0, 1]."""
    rotations = Rotation.from_matrix(np.stack([start.rotation, end.rotation]))
    return RigidTransform(Slerp([0.0, 1.0], rotations)(fraction).as_matrix(),
                          (1.0 - fraction) * start.translation + fraction * end.translation)
