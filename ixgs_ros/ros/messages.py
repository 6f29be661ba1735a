"""Core types to and from the common ROS messages: time, arrays, poses, transforms.

Time is integer nanoseconds in the core; lengths are metres on both sides. Quaternions are x, y, z,
w on both sides.
"""

from __future__ import annotations

from array import array

from builtin_interfaces.msg import Time
from geometry_msgs.msg import Pose, Transform, TransformStamped, Vector3
import numpy as np
from std_msgs.msg import Header

from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.ros.rotations import rigid

NS_PER_S = 1_000_000_000


class MessageError(ValueError):
    """A message cannot be what it says it is; the text names the field, its value and the want."""


def to_ns(stamp: Time) -> int:
    """Return a ROS time in integer nanoseconds."""
    return stamp.sec * NS_PER_S + stamp.nanosec


def to_time(stamp_ns: int) -> Time:
    """Return integer nanoseconds as a ROS time."""
    sec, nanosec = divmod(int(stamp_ns), NS_PER_S)
    return Time(sec=sec, nanosec=nanosec)


def header(stamp_ns: int, frame_id: str) -> Header:
    """Return a header."""
    return Header(stamp=to_time(stamp_ns), frame_id=frame_id)


def to_bytes(values: np.ndarray) -> array:
    """Return the memory of a numpy array as what a ``uint8[]`` field takes at once.

    ``array('B')`` is stored as it is (0.3 ms for 2 MB); a list or a numpy array would be checked
    element by element (86 and 192 ms).

    Args:
        values: any shape and dtype; row-major little endian in the result.
    """
    little = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder('<'))
    data = array('B')
    data.frombytes(little.reshape(-1).view(np.uint8).data)
    return data


def from_bytes(data: array, dtype: str, shape: tuple[int, ...], name: str) -> np.ndarray:
    """Return the values of a ``uint8[]`` field, a view without a copy.

    Args:
        data: the field.
        dtype: numpy's name of the little-endian type, such as '<f4'.
        shape: the shape wanted, row-major.
        name: the field's name, for the error.

    Raises:
        MessageError: the length does not fit.
    """
    wanted = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if len(data) != wanted:
        raise MessageError(f'expected {wanted} bytes in {name} for {shape} of {dtype}, '
                           f'got {len(data)}')
    return np.frombuffer(data, dtype=dtype).reshape(shape)


def to_vector(values: np.ndarray) -> Vector3:
    """Return (3,) numbers as a Vector3."""
    x, y, z = (float(value) for value in values)
    return Vector3(x=x, y=y, z=z)


def to_pose(a_from_b: RigidTransform) -> Pose:
    """Return the pose of the frame ``b`` in ``a``."""
    pose = Pose()
    x, y, z = a_from_b.translation.tolist()
    pose.position.x, pose.position.y, pose.position.z = x, y, z
    x, y, z, w = a_from_b.quaternion().tolist()
    pose.orientation.x, pose.orientation.y, pose.orientation.z, pose.orientation.w = x, y, z, w
    return pose


def from_pose(pose: Pose) -> RigidTransform:
    """Return ``a_from_b`` of the pose of ``b`` in ``a``.

    Raises:
        ValueError: a value is not finite or the quaternion is not a unit one.
    """
    position, turn = pose.position, pose.orientation
    return rigid(np.array([turn.x, turn.y, turn.z, turn.w]),
                 np.array([position.x, position.y, position.z]))


def to_transform(a_from_b: RigidTransform) -> Transform:
    """Return a transform message."""
    pose = to_pose(a_from_b)
    return Transform(translation=to_vector(a_from_b.translation), rotation=pose.orientation)


def from_transform(transform: Transform) -> RigidTransform:
    """Return the transform of a message.

    Raises:
        ValueError: a value is not finite or the quaternion is not a unit one.
    """
    shift, turn = transform.translation, transform.rotation
    return rigid(np.array([turn.x, turn.y, turn.z, turn.w]),
                 np.array([shift.x, shift.y, shift.z]))


def to_transform_stamped(parent: str, child: str, stamp_ns: int,
                         parent_from_child: RigidTransform) -> TransformStamped:
    """Return one edge of /tf."""
    return TransformStamped(header=header(stamp_ns, parent), child_frame_id=child,
                            transform=to_transform(parent_from_child))
