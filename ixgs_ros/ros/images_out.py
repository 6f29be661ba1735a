"""Images to look at (mono8) and to compute with (32FC1)."""

from __future__ import annotations

import numpy as np
from sensor_msgs.msg import Image

from ixgs_ros.ros.messages import header, to_bytes


def image_message(pixels: np.ndarray, stamp_ns: int, frame: str) -> Image:
    """Return uint8 (H, W) as ``mono8`` or float32 (H, W) as ``32FC1``, little endian.

    Raises:
        ValueError: another type or number of axes.
    """
    encodings = {'uint8': 'mono8', 'float32': '32FC1'}
    if pixels.ndim != 2 or pixels.dtype.name not in encodings:
        raise ValueError(f'expected (H, W) of uint8 or float32, got {pixels.shape} of '
                         f'{pixels.dtype}')
    height, width = pixels.shape
    return Image(header=header(stamp_ns, frame), height=height, width=width, is_bigendian=0,
                 encoding=encodings[pixels.dtype.name], step=width * pixels.dtype.itemsize,
                 data=to_bytes(pixels))
