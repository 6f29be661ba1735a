"""What a ROS installation has and the wheels have not: tf2_ros, cv_bridge, tf_transformations.

Each is taken where it is installed, else ours does the same; nobody else in the project asks
which. Where they are installed, test/ros/test_adapters.py holds ours and theirs to the same
answers; it is skipped where they are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sensor_msgs.msg import Image

from ixgs_ros.acquisition.frame_graph import (
    CACHE_NS,
    FutureLookup,
    NotConnected,
    PastLookup,
    TransformError,
    UnknownFrame,
)
from ixgs_ros.acquisition.images import ENCODINGS, ImageFrame
from ixgs_ros.acquisition.transform_buffer import TransformBuffer, TransformSource
from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.ros.image_message import from_image
from ixgs_ros.ros.installed import installed
from ixgs_ros.ros.messages import from_transform, to_ns, to_time, to_transform_stamped

AUTHORITY = 'ixgs'


def choice() -> str:
    """Return one line for the log: which implementation serves what."""
    pairs = (('transforms', 'tf2_ros'), ('images', 'cv_bridge'),
             ('rotations', 'tf_transformations'))
    return ', '.join(f'{what}: {module if installed(module) else "own"}' for what, module in pairs)


def transform_source(cache_ns: int = CACHE_NS) -> TransformSource:
    """Return a TF buffer: that of tf2_ros where it is installed, else ours."""
    return Tf2Buffer(cache_ns) if installed('tf2_ros') else TransformBuffer(cache_ns)


def image_frame(message: Image) -> ImageFrame:
    """Return an image as plain data, through cv_bridge where it is installed.

    Encodings that the project does not take are left to our own decoder, which refuses them by
    name.
    """
    if not installed('cv_bridge') or message.encoding not in ENCODINGS:
        return from_image(message)
    from cv_bridge import CvBridge
    # It may give a view into rows that are padded.
    pixels = np.ascontiguousarray(
        CvBridge().imgmsg_to_cv2(message, desired_encoding='passthrough'))
    return ImageFrame(to_ns(message.header.stamp), message.header.frame_id, pixels.shape[0],
                      pixels.shape[1], message.encoding, pixels.dtype.str[0] == '>',
                      pixels.strides[0], pixels.tobytes())


class Tf2Buffer:
    """The buffer of tf2_ros behind our interface.

    Args:
        cache_ns: how long samples are kept, nanoseconds.
    """

    def __init__(self, cache_ns: int = CACHE_NS) -> None:
        from rclpy.duration import Duration
        import tf2_ros
        self._tf2 = tf2_ros
        self._buffer: Any = tf2_ros.BufferCore(Duration(nanoseconds=cache_ns))
        self._static: dict[str, Any] = {}

    def insert(self, parent: str, child: str, stamp_ns: int, translation: Sequence[float],
               quaternion: Sequence[float], static: bool = False) -> None:
        """Add ``parent_from_child`` at a stamp; raise ValueError if it is no pose."""
        transform = RigidTransform.from_quaternion(np.asarray(quaternion), np.asarray(translation))
        message = to_transform_stamped(parent, child, stamp_ns, transform)
        if static:
            self._static[child] = message
            self._buffer.set_transform_static(message, AUTHORITY)
        else:
            self._buffer.set_transform(message, AUTHORITY)

    def lookup(self, target: str, source: str, stamp_ns: int) -> RigidTransform:
        """Return ``target_from_source`` at a stamp, or raise a TransformError of ours."""
        from rclpy.time import Time
        try:
            found = self._buffer.lookup_transform_core(target, source,
                                                       Time.from_msg(to_time(stamp_ns)))
        except self._tf2.LookupException as error:
            raise UnknownFrame(str(error)) from error
        except self._tf2.ConnectivityException as error:
            raise NotConnected(str(error)) from error
        except self._tf2.ExtrapolationException as error:
            # tf2 tells past from future by its words only.
            if 'future' in str(error):
                raise FutureLookup(str(error), 0) from error
            raise PastLookup(str(error)) from error
        except self._tf2.TransformException as error:
            raise TransformError(str(error)) from error
        return from_transform(found.transform)

    def clear(self) -> None:
        """Forget all samples; static transforms stay."""
        self._buffer.clear()
        for message in self._static.values():
            self._buffer.set_transform_static(message, AUTHORITY)
