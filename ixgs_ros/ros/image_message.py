"""Images and camera infos to and from their messages. The pixels stay as they were sent."""

from __future__ import annotations

import numpy as np
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from ixgs_ros.acquisition.camera import CameraModel, RegionOfInterest
from ixgs_ros.acquisition.images import CompressedFrame, ImageFrame
from ixgs_ros.ros.messages import header, to_bytes, to_ns

# dtype and number of channels → the encoding of sensor_msgs/image_encodings.hpp that we publish.
ENCODINGS = {('u1', 1): 'mono8', ('u2', 1): 'mono16', ('f4', 1): '32FC1', ('u1', 3): 'bgr8'}


def from_image(message: Image) -> ImageFrame:
    """Return an image message as plain data, without a copy."""
    return ImageFrame(
        stamp_ns=to_ns(message.header.stamp), frame_id=message.header.frame_id,
        height=message.height, width=message.width, encoding=message.encoding,
        is_bigendian=bool(message.is_bigendian), step=message.step, data=memoryview(message.data))


def from_compressed_image(message: CompressedImage) -> CompressedFrame:
    """Return a compressed image message as plain data, without a copy."""
    return CompressedFrame(
        stamp_ns=to_ns(message.header.stamp), frame_id=message.header.frame_id,
        format=message.format, data=memoryview(message.data))


def to_image(pixels: np.ndarray, stamp_ns: int, frame_id: str) -> Image:
    """Return pixels as an image message.

    Args:
        pixels: (H, W) uint8, uint16 or float32, or (H, W, 3) uint8 in blue, green, red.
        stamp_ns: when it was taken.
        frame_id: the frame of the header.

    Raises:
        ValueError: the type or shape has no encoding.
    """
    channels = 1 if pixels.ndim == 2 else pixels.shape[-1] if pixels.ndim == 3 else 0
    encoding = ENCODINGS.get((pixels.dtype.str[1:], channels))
    if encoding is None:
        raise ValueError(f'expected (H, W) of uint8, uint16 or float32 or (H, W, 3) of uint8, got '
                         f'{pixels.shape} of {pixels.dtype}')
    height, width = pixels.shape[:2]
    return Image(header=header(stamp_ns, frame_id), height=height, width=width, encoding=encoding,
                 is_bigendian=0, step=width * channels * pixels.itemsize, data=to_bytes(pixels))


def from_camera_info(message: CameraInfo) -> CameraModel:
    """Return a camera info as plain data."""
    roi = message.roi
    return CameraModel(
        stamp_ns=to_ns(message.header.stamp), frame_id=message.header.frame_id,
        height=message.height, width=message.width, k=np.array(message.k), d=np.array(message.d),
        distortion_model=message.distortion_model, binning_x=message.binning_x,
        binning_y=message.binning_y,
        roi=RegionOfInterest(roi.x_offset, roi.y_offset, roi.height, roi.width))


def to_camera_info(camera: CameraModel) -> CameraInfo:
    """Return a camera's model as a message; R is the identity and P repeats K."""
    k = np.array(camera.k, dtype=np.float64).reshape(3, 3)
    message = CameraInfo(
        header=header(camera.stamp_ns, camera.frame_id), height=camera.height, width=camera.width,
        k=k.ravel(), d=np.asarray(camera.d, dtype=np.float64).tolist(), r=np.eye(3).ravel(),
        p=np.hstack([k, np.zeros((3, 1))]).ravel(),
        distortion_model=camera.distortion_model or 'plumb_bob',
        binning_x=camera.binning_x, binning_y=camera.binning_y)
    roi = camera.roi
    message.roi.x_offset, message.roi.y_offset = roi.x_offset, roi.y_offset
    message.roi.height, message.roi.width = roi.height, roi.width
    return message
