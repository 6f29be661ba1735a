"""Images to look at (mono8, a stated window) and to compute with (32FC1)."""

from __future__ import annotations

import numpy as np
from sensor_msgs.msg import Image

from ixgs_ros.ros.messages import header, to_bytes


def to_grey(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Map values linearly so that ``low`` becomes 0 and ``high`` 255, clipped beyond, as uint8.

    Raises:
        ValueError: ``high`` is not above ``low``, or a value is NaN: a displayed image has no grey
            for 'not a number'.
    """
    if not high > low:
        raise ValueError(f'expected a window whose upper end is above the lower, got {low} to {high}')
    if np.isnan(values).any():
        raise ValueError(f'expected values to display, got {int(np.isnan(values).sum())} NaN')
    grey = (np.asarray(values, dtype=np.float32) - np.float32(low)) * np.float32(255 / (high - low))
    return np.rint(np.clip(grey, 0, 255)).astype(np.uint8)


def image_message(pixels: np.ndarray, stamp_ns: int, frame: str) -> Image:
    """Return uint8 (H, W) as ``mono8`` or float32 (H, W) as ``32FC1``, little endian.

    Raises:
        ValueError: another type or number of axes.
    """
    encodings = {'uint8': 'mono8', 'float32': '32FC1'}
    if pixels.ndim != 2 or pixels.dtype.name not in encodings:
        raise ValueError(f'expected (H, W) of uint8 or float32, got {pixels.shape} of {pixels.dtype}')
    height, width = pixels.shape
    return Image(header=header(stamp_ns, frame), height=height, width=width, is_bigendian=0,
                 encoding=encodings[pixels.dtype.name], step=width * pixels.dtype.itemsize,
                 data=to_bytes(pixels))
