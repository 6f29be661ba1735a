"""Image messages as plain data, and their pixels as detector counts.

The dataclasses mirror sensor_msgs/Image and sensor_msgs/CompressedImage, so that bags, nodes and
tests hand the same thing to the core.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ixgs_ros.verdict import Code, Refusal

# Encoding → dtype and channels. The names are those of sensor_msgs/image_encodings.hpp.
ENCODINGS: dict[str, tuple[str, int]] = {
    'mono8': ('u1', 1), '8UC1': ('u1', 1), 'mono16': ('u2', 1), '16UC1': ('u2', 1),
    '32FC1': ('f4', 1), '64FC1': ('f8', 1), 'rgb8': ('u1', 3), 'bgr8': ('u1', 3),
}


@dataclass(frozen=True, eq=False)
class ImageFrame:
    """One sensor_msgs/Image.

    Args:
        stamp_ns: middle of the exposure, integer nanoseconds.
        frame_id: optical frame of the X-ray source.
        height: rows.
        width: columns.
        encoding: one of :data:`ENCODINGS`.
        is_bigendian: whether numbers of several bytes have the highest first.
        step: bytes from one row to the next, padding included.
        data: ``height * step`` bytes.
    """

    stamp_ns: int
    frame_id: str
    height: int
    width: int
    encoding: str
    is_bigendian: bool
    step: int
    data: bytes | bytearray | memoryview | np.ndarray

    @staticmethod
    def from_array(stamp_ns: int, frame_id: str, image: np.ndarray) -> ImageFrame:
        """Wrap an image (H, W) of uint8, uint16, float32 or float64, as a publisher does."""
        names = {'u1': 'mono8', 'u2': 'mono16', 'f4': '32FC1', 'f8': '64FC1'}
        encoding = names.get(image.dtype.str[1:])
        if image.ndim != 2 or encoding is None:
            raise ValueError(f'expected an image (H, W) of uint8, uint16, float32 or float64, got '
                             f'{image.shape} of {image.dtype}')
        little = np.ascontiguousarray(image, dtype=image.dtype.newbyteorder('<'))
        return ImageFrame(stamp_ns, frame_id, image.shape[0], image.shape[1], encoding, False,
                          image.shape[1] * image.itemsize, little.tobytes())


@dataclass(frozen=True, eq=False)
class CompressedFrame:
    """One sensor_msgs/CompressedImage: ``data`` holds a PNG, JPEG or TIFF file."""

    stamp_ns: int
    frame_id: str
    format: str
    data: bytes | bytearray | memoryview | np.ndarray


Frame = ImageFrame | CompressedFrame


def decode(frame: Frame) -> tuple[np.ndarray, str]:
    """Return the detector counts (H, W) and a note.

    The dtype is the stored one (uint8, uint16, float32 or float64, native byte order): it tells
    where the detector saturates. The note is empty unless the pixels had to be converted.

    Raises:
        Refusal: UNSUPPORTED_ENCODING for another encoding or an undecodable file, SIZE_MISMATCH
            where the bytes do not fit the size.
    """
    if isinstance(frame, CompressedFrame):
        return _decompress(frame)
    if frame.encoding not in ENCODINGS:
        raise Refusal(Code.UNSUPPORTED_ENCODING, f'encoding {frame.encoding!r}; expected one of '
                      f'{", ".join(ENCODINGS)}')
    code, channels = ENCODINGS[frame.encoding]
    dtype = np.dtype(('>' if frame.is_bigendian else '<') + code)
    rows = _rows(frame, dtype.itemsize * channels)
    counts = rows.view(dtype).astype(dtype.newbyteorder('='), copy=False)
    if channels == 1:
        return counts, ''
    pixels = counts.reshape(frame.height, frame.width, 3)
    return _grey(pixels if frame.encoding == 'bgr8' else pixels[..., ::-1], frame.encoding)


def decode_image(frame: Frame) -> np.ndarray:
    """Return the detector counts (H, W) of a frame; see :func:`decode`."""
    return decode(frame)[0]


def _rows(frame: ImageFrame, pixel_bytes: int) -> np.ndarray:
    """Return the bytes (H, W * pixel_bytes) without the rows' padding."""
    row_bytes = frame.width * pixel_bytes
    if frame.height < 1 or frame.width < 1:
        raise Refusal(Code.SIZE_MISMATCH, f'{frame.height} rows by {frame.width} columns; '
                      'expected at least one of each')
    if frame.step < row_bytes:
        raise Refusal(Code.SIZE_MISMATCH, f'step is {frame.step} bytes; expected at least '
                      f'{row_bytes} for {frame.width} columns of {frame.encoding}')
    data = np.frombuffer(frame.data, dtype=np.uint8)
    if data.size != frame.height * frame.step:
        raise Refusal(Code.SIZE_MISMATCH, f'{data.size} bytes; expected '
                      f'{frame.height * frame.step} = {frame.height} rows of {frame.step}')
    return np.ascontiguousarray(data.reshape(frame.height, frame.step)[:, :row_bytes])


def _decompress(frame: CompressedFrame) -> tuple[np.ndarray, str]:
    if 'compressedDepth' in frame.format:
        raise Refusal(Code.UNSUPPORTED_ENCODING, f'compressed format {frame.format!r} is for '
                      'depth images; expected PNG, JPEG or TIFF')
    data = np.frombuffer(frame.data, dtype=np.uint8)
    image = _imdecode(data)
    if image is None:
        raise Refusal(Code.UNSUPPORTED_ENCODING, f'compressed format {frame.format!r}, '
                      f'{data.size} bytes that OpenCV cannot decode; expected PNG, JPEG or TIFF')
    kind = image.dtype.str[1:]
    # Luma is not known of doubles.
    known = kind in ('u1', 'u2', 'f4') or kind == 'f8' and image.ndim == 2
    if not known or image.ndim == 3 and image.shape[2] != 3:
        raise Refusal(Code.UNSUPPORTED_ENCODING, f'compressed format {frame.format!r} holds '
                      f'{image.dtype} of shape {image.shape}; expected grey or three channels of '
                      '8 or 16 bits or float, grey also of double')
    return (image, '') if image.ndim == 2 else _grey(image, frame.format)


def _imdecode(data: np.ndarray) -> np.ndarray | None:
    """Return the image of a file's bytes; None where OpenCV cannot decode them."""
    try:
        return cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    except cv2.error:  # raised, not returned, where the header claims more than 2^30 pixels
        return None


def _grey(bgr: np.ndarray, name: str) -> tuple[np.ndarray, str]:
    """Return one channel if all are equal, as of a frame grabber, else the luma (BT.601)."""
    if (bgr == bgr[..., :1]).all():
        return np.ascontiguousarray(bgr[..., 0]), f'{name}: the three equal channels became one'
    difference = np.ptp(bgr, axis=-1).max()
    return (cv2.cvtColor(np.ascontiguousarray(bgr), cv2.COLOR_BGR2GRAY),
            f'{name}: colours that differ by up to {difference} were converted to luma; detector '
            'counts are grey')
