"""Between rosbags' messages and the plain data that the core takes. No ROS needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rosbags.typesys import get_typestore, Stores

from ixgs_ros.acquisition import CameraModel, CompressedFrame, Frame, ImageFrame, RegionOfInterest
from ixgs_ros.simulation.tracker import StampedTransform

NANOSECONDS = 1_000_000_000
IMAGE = 'sensor_msgs/msg/Image'
COMPRESSED_IMAGE = 'sensor_msgs/msg/CompressedImage'
CAMERA_INFO = 'sensor_msgs/msg/CameraInfo'
TRANSFORMS = 'tf2_msgs/msg/TFMessage'

# The standard messages have been the same since ROS 2 Foxy, so one store reads every bag.
STORE = get_typestore(Stores.ROS2_KILTED)
_TYPES = STORE.types


@dataclass(frozen=True)
class Transforms:
    """One tf2_msgs/TFMessage."""

    transforms: tuple[StampedTransform, ...]


Message = Frame | CameraModel | Transforms


def decode(msgtype: str, data: bytes) -> Message:
    """Return a message of one of the four types above from its CDR bytes.

    Raises:
        Exception: rosbags raises several kinds on damaged bytes; the reader names the message.
    """
    message: Any = STORE.deserialize_cdr(data, msgtype)
    if msgtype == TRANSFORMS:
        return Transforms(tuple(_transform(item) for item in message.transforms))
    if msgtype == CAMERA_INFO:
        return _camera(message)
    if msgtype == COMPRESSED_IMAGE:
        return CompressedFrame(_ns(message.header.stamp), message.header.frame_id, message.format,
                               message.data)
    return ImageFrame(_ns(message.header.stamp), message.header.frame_id, message.height,
                      message.width, message.encoding, bool(message.is_bigendian), message.step,
                      message.data)


def encode_image(frame: ImageFrame) -> bytes:
    """Return the CDR bytes of a sensor_msgs/Image."""
    return _cdr(IMAGE, header=_header(frame.stamp_ns, frame.frame_id), height=frame.height,
                width=frame.width, encoding=frame.encoding, is_bigendian=int(frame.is_bigendian),
                step=frame.step, data=np.frombuffer(frame.data, dtype=np.uint8))


def encode_camera_info(stamp_ns: int, frame_id: str, height: int, width: int,
                       k: np.ndarray) -> bytes:
    """Return the CDR bytes of a sensor_msgs/CameraInfo without distortion; k is (3, 3), pixels."""
    region = _TYPES['sensor_msgs/msg/RegionOfInterest'](
        x_offset=0, y_offset=0, height=0, width=0, do_rectify=False)
    projection = np.hstack([np.asarray(k, dtype=np.float64), np.zeros((3, 1))])
    return _cdr(CAMERA_INFO, header=_header(stamp_ns, frame_id), height=height, width=width,
                distortion_model='plumb_bob', d=np.zeros(5), k=projection[:, :3].ravel(),
                r=np.eye(3).ravel(), p=projection.ravel(), binning_x=0, binning_y=0, roi=region)


def encode_transforms(transforms: Sequence[StampedTransform]) -> bytes:
    """Return the CDR bytes of a tf2_msgs/TFMessage."""
    vector, quaternion, pose, stamped = (
        _TYPES[f'geometry_msgs/msg/{name}']
        for name in ('Vector3', 'Quaternion', 'Transform', 'TransformStamped'))
    return _cdr(TRANSFORMS, transforms=[
        stamped(header=_header(item.stamp_ns, item.parent), child_frame_id=item.child,
                transform=pose(translation=vector(*map(float, item.translation)),
                               rotation=quaternion(*map(float, item.quaternion))))
        for item in transforms])


def _cdr(msgtype: str, **fields: Any) -> bytes:
    return bytes(STORE.serialize_cdr(_TYPES[msgtype](**fields), msgtype))


def _header(stamp_ns: int, frame_id: str) -> Any:
    seconds, rest = divmod(stamp_ns, NANOSECONDS)
    return _TYPES['std_msgs/msg/Header'](
        stamp=_TYPES['builtin_interfaces/msg/Time'](sec=seconds, nanosec=rest), frame_id=frame_id)


def _ns(stamp: Any) -> int:
    return int(stamp.sec) * NANOSECONDS + int(stamp.nanosec)


def _transform(message: Any) -> StampedTransform:
    t, q = message.transform.translation, message.transform.rotation
    return StampedTransform(message.header.frame_id, message.child_frame_id,
                            _ns(message.header.stamp), np.array([t.x, t.y, t.z]),
                            np.array([q.x, q.y, q.z, q.w]))


def _camera(message: Any) -> CameraModel:
    roi = message.roi
    return CameraModel(_ns(message.header.stamp), message.header.frame_id, message.height,
                       message.width, message.k, message.d, message.distortion_model,
                       message.binning_x, message.binning_y,
                       RegionOfInterest(roi.x_offset, roi.y_offset, roi.height, roi.width))
