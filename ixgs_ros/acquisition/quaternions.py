"""Poses as plain floats: a translation tuple and a quaternion tuple (x, y, z, w).

A lookup chains half a dozen poses of seven numbers each; numpy spends a microsecond on every call
for arrays that small, plain Python arithmetic does not.
"""

from __future__ import annotations

from collections.abc import Sequence
import math

Vector = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]
Pose = tuple[Vector, Quaternion]

IDENTITY: Pose = ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))

# tf2's own limit on the norm of a quaternion.
NORM_TOLERANCE = 0.01

# Below this angle's cosine, sin(θ) divides badly and the chord equals the arc to 1e-10.
NEARLY_PARALLEL = 0.9999995


def pose(translation: Sequence[float], quaternion: Sequence[float]) -> Pose:
    """Return a checked pose; the quaternion is scaled to unit norm exactly.

    Args:
        translation: x, y, z in metres.
        quaternion: x, y, z, w, of unit norm to 1 %.

    Raises:
        ValueError: a value is not finite, or the norm is off.
    """
    tx, ty, tz = (float(value) for value in translation)
    x, y, z, w = (float(value) for value in quaternion)
    if not all(map(math.isfinite, (tx, ty, tz, x, y, z, w))):
        raise ValueError(f'expected finite values, got translation {tx}, {ty}, {tz} and '
                         f'quaternion {x}, {y}, {z}, {w}')
    norm = math.sqrt(x * x + y * y + z * z + w * w)
    if abs(norm - 1.0) > NORM_TOLERANCE:
        raise ValueError(f'expected a quaternion of norm 1, got {x}, {y}, {z}, {w} of norm '
                         f'{norm:.4g}')
    return (tx, ty, tz), (x / norm, y / norm, z / norm, w / norm)


def multiply(a: Quaternion, b: Quaternion) -> Quaternion:
    """Return the Hamilton product: first ``b``, then ``a``."""
    ax, ay, az, aw = a
    bx, by, bz, bw = b
    return (aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
            aw * bw - ax * bx - ay * by - az * bz)


def rotate(q: Quaternion, v: Vector) -> Vector:
    """Return the vector turned by a unit quaternion: ``v + 2 w (q × v) + 2 q × (q × v)``."""
    x, y, z, w = q
    tx, ty, tz = (2 * (y * v[2] - z * v[1]), 2 * (z * v[0] - x * v[2]), 2 * (x * v[1] - y * v[0]))
    return (v[0] + w * tx + y * tz - z * ty,
            v[1] + w * ty + z * tx - x * tz,
            v[2] + w * tz + x * ty - y * tx)


def compose(a: Pose, b: Pose) -> Pose:
    """Chain two poses: ``a_from_c = a_from_b ∘ b_from_c``."""
    turned = rotate(a[1], b[0])
    return ((a[0][0] + turned[0], a[0][1] + turned[1], a[0][2] + turned[2]), multiply(a[1], b[1]))


def invert(a: Pose) -> Pose:
    """Return ``b_from_a`` of ``a_from_b``."""
    x, y, z, w = a[1]
    back = (-x, -y, -z, w)
    turned = rotate(back, a[0])
    return (-turned[0], -turned[1], -turned[2]), back


def slerp(a: Quaternion, b: Quaternion, fraction: float) -> Quaternion:
    """Interpolate along the shortest arc (Shoemake 1985); fraction in [0, 1]."""
    cosine = sum(x * y for x, y in zip(a, b, strict=True))
    sign = -1.0 if cosine < 0 else 1.0  # q and -q are one rotation: take the nearer
    cosine *= sign
    if cosine > NEARLY_PARALLEL:
        weight_a, weight_b = 1.0 - fraction, fraction
    else:
        angle = math.acos(cosine)
        weight_a = math.sin((1.0 - fraction) * angle) / math.sin(angle)
        weight_b = math.sin(fraction * angle) / math.sin(angle)
    mixed = [weight_a * x + sign * weight_b * y for x, y in zip(a, b, strict=True)]
    norm = math.sqrt(sum(c * c for c in mixed))
    return mixed[0] / norm, mixed[1] / norm, mixed[2] / norm, mixed[3] / norm


def mix(a: Pose, b: Pose, fraction: float) -> Pose:
    """Interpolate as tf2: the translation linearly, the rotation along the shortest arc."""
    rest = 1.0 - fraction
    return ((rest * a[0][0] + fraction * b[0][0], rest * a[0][1] + fraction * b[0][1],
             rest * a[0][2] + fraction * b[0][2]), slerp(a[1], b[1], fraction))


def matrix(q: Quaternion) -> list[list[float]]:
    """Return the rotation matrix (3, 3) of a unit quaternion."""
    x, y, z, w = q
    return [[1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)]]
