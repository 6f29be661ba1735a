"""Pixels out of image messages: every encoding, byte order, padding; and each refusal."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest

from ixgs_ros.acquisition import CompressedFrame, decode, decode_image, ImageFrame
from ixgs_ros.verdict import Code, Refusal

RNG = np.random.default_rng(0)
IMAGES = {
    'mono8': RNG.integers(0, 256, (5, 7), dtype=np.uint8),
    '8UC1': RNG.integers(0, 256, (5, 7), dtype=np.uint8),
    'mono16': RNG.integers(0, 65536, (5, 7), dtype=np.uint16),
    '16UC1': RNG.integers(0, 65536, (5, 7), dtype=np.uint16),
    '32FC1': RNG.normal(size=(5, 7)).astype(np.float32),
    '64FC1': RNG.normal(size=(5, 7)),
}


def message(image: np.ndarray, encoding: str, big: bool = False, padding: int = 0) -> ImageFrame:
    rows = image.astype(image.dtype.newbyteorder('>' if big else '<')).reshape(len(image), -1)
    data = b''.join(row.tobytes() + b'\xee' * padding for row in rows)
    return ImageFrame(1, 'source', image.shape[0], image.shape[1], encoding, big,
                      len(data) // len(image), data)


@pytest.mark.parametrize('encoding', IMAGES)
@pytest.mark.parametrize('big', [False, True])
@pytest.mark.parametrize('padding', [0, 3, 8])
def test_decodes_every_encoding_order_and_padding(encoding: str, big: bool, padding: int) -> None:
    image = IMAGES[encoding]
    counts, note = decode(message(image, encoding, big, padding))
    assert counts.dtype == image.dtype and counts.dtype.isnative
    np.testing.assert_array_equal(counts, image)
    assert note == ''


def test_from_array_and_back() -> None:
    for image in IMAGES.values():
        np.testing.assert_array_equal(decode_image(ImageFrame.from_array(0, 's', image)), image)


@pytest.mark.parametrize('encoding', ['rgb8', 'bgr8'])
def test_equal_colours_become_one_channel_and_it_is_said(encoding: str) -> None:
    grey = IMAGES['mono8']
    counts, note = decode(message(np.repeat(grey[..., None], 3, axis=2), encoding))
    np.testing.assert_array_equal(counts, grey)
    assert encoding in note


def test_colours_become_luma_in_the_right_order() -> None:
    red = np.zeros((2, 2, 3), dtype=np.uint8)
    red[..., 0] = 200
    assert decode_image(message(red, 'rgb8')).tolist() == [[60, 60], [60, 60]]  # 0.299 * 200
    assert decode_image(message(red, 'bgr8')).tolist() == [[23, 23], [23, 23]]  # 0.114 * 200
    assert '200' in decode(message(red, 'rgb8'))[1]


@pytest.mark.parametrize('encoding', ['bayer_rggb16', 'yuv422', 'rgba8', 'mono12', ''])
def test_other_encodings_are_refused_by_name(encoding: str) -> None:
    with pytest.raises(Refusal, match='expected one of mono8') as caught:
        decode(message(IMAGES['mono16'], encoding))
    assert caught.value.verdict.code is Code.UNSUPPORTED_ENCODING
    assert repr(encoding) in caught.value.verdict.message


@pytest.mark.parametrize(('change', 'sentence'), [
    ({'height': 6}, '70 bytes; expected 84 = 6 rows of 14'),
    ({'width': 8}, 'step is 14 bytes; expected at least 16 for 8 columns'),
    ({'height': 0}, '0 rows by 7 columns'),
    ({'data': b''}, '0 bytes; expected 70'),
])
def test_bytes_that_do_not_fit_the_size_are_refused(change: dict, sentence: str) -> None:
    good = message(IMAGES['mono16'], 'mono16')
    with pytest.raises(Refusal, match=sentence) as caught:
        decode(ImageFrame(**{**vars(good), **change}))
    assert caught.value.verdict.code is Code.SIZE_MISMATCH


@pytest.mark.parametrize('name', ['mono8', 'mono16'])
def test_png_is_lossless(name: str) -> None:
    data = cv2.imencode('.png', IMAGES[name])[1].tobytes()
    counts = decode_image(CompressedFrame(0, 'source', f'{name}; png compressed', data))
    np.testing.assert_array_equal(counts, IMAGES[name])
    assert counts.dtype == IMAGES[name].dtype


def test_grey_jpeg_and_colour_png() -> None:
    smooth = np.add.outer(np.arange(32), np.arange(32)).astype(np.uint8)
    jpeg = cv2.imencode('.jpg', smooth)[1].tobytes()
    close = decode_image(CompressedFrame(0, 's', 'jpeg', jpeg)).astype(int)
    assert np.abs(close - smooth).max() <= 4
    colour = cv2.imencode('.png', np.repeat(smooth[..., None], 3, axis=2))[1].tobytes()
    counts, note = decode(CompressedFrame(0, 's', 'bgr8; png compressed', colour))
    np.testing.assert_array_equal(counts, smooth)
    assert 'bgr8' in note


def png_that_claims(width: int, height: int) -> bytes:
    """Return a damaged PNG file of 16 bits whose header has this size."""
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack('>I', len(data)) + name + data + struct.pack(
            '>I', zlib.crc32(name + data))
    return (b'\x89PNG\r\n\x1a\n'
            + chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 16, 0, 0, 0, 0))
            + chunk(b'IDAT', zlib.compress(b'')) + chunk(b'IEND', b''))


@pytest.mark.parametrize(('form', 'data'), [
    ('png', b''), ('png', b'no image at all'), ('32FC1; compressedDepth png', b'x' * 40),
    ('png', cv2.imencode('.png', np.zeros((4, 4, 4), dtype=np.uint8))[1].tobytes()),
    ('tiff', cv2.imencode('.tiff', np.random.default_rng(0).random((4, 4, 3)))[1].tobytes()),
    ('png', png_that_claims(40_000, 40_000)),
])
def test_undecodable_files_are_refused(form: str, data: bytes) -> None:
    with pytest.raises(Refusal, match='compressed format') as caught:
        decode(CompressedFrame(0, 's', form, data))
    assert caught.value.verdict.code is Code.UNSUPPORTED_ENCODING
