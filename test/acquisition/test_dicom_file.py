"""DICOM files: what is read, bit for bit, and the sentence with which the rest is refused."""

from __future__ import annotations

import gdcm
import numpy as np
from pydicom.uid import UID
import pytest
from xray_dicom import compress, counts, dataset, write

from ixgs_ros.acquisition.dicom_file import DicomError, frames, read_dicom
from ixgs_ros.acquisition.dicom_shot import read_shots

PIXELS = counts()


def read(path):
    return list(frames(read_dicom(path)))


@pytest.mark.parametrize('modality', ['XA', 'RF', 'CR', 'DX'])
def test_an_image_is_read_as_stored(tmp_path, modality):
    found = read(write(tmp_path / 'a.dcm', dataset(PIXELS, modality)))
    assert len(found) == 1
    np.testing.assert_array_equal(found[0], PIXELS)


@pytest.mark.parametrize('bits', range(8, 17))
def test_all_depths(tmp_path, bits):
    pixels = counts(bits)
    np.testing.assert_array_equal(
        read(write(tmp_path / 'a.dcm', dataset(pixels, bits=bits)))[0], pixels)


def test_what_lies_in_unused_bits_is_no_signal(tmp_path):
    dirty = PIXELS | np.uint16(0x8000)
    np.testing.assert_array_equal(read(write(tmp_path / 'a.dcm', dataset(dirty)))[0], PIXELS)


def test_lossless_jpeg_of_a_cine_gives_the_same_pixels(tmp_path):
    cine = np.stack([PIXELS, PIXELS // 2, PIXELS // 3])
    path = compress(write(tmp_path / 'a.dcm', dataset(cine)),
                    gdcm.TransferSyntax.JPEGLosslessProcess14_1)
    np.testing.assert_array_equal(read(path), cine)


def test_baseline_jpeg_gives_nearly_the_same_pixels(tmp_path):
    pixels = counts(8)
    path = compress(write(tmp_path / 'a.dcm', dataset(pixels, bits=8)),
                    gdcm.TransferSyntax.JPEGBaselineProcess1)
    assert np.abs(read(path)[0].astype(int) - pixels).mean() < 2


@pytest.mark.parametrize('change, words', [
    ({'Modality': 'CT'}, 'expected Modality XA, RF, CR, DX, got CT'),
    ({'Modality': None}, 'got none'),
    ({'PixelData': None}, 'expected an image, got no pixel data'),
    ({'PixelData': b''}, 'expected an image, got no pixel data'),
    ({'PhotometricInterpretation': 'RGB'}, 'expected a grey image'),
    ({'BurnedInAnnotation': 'YES'}, 'got BurnedInAnnotation YES'),
    ({'BitsStored': 7}, 'expected 8 to 16 bits stored, got 7')])
def test_what_cannot_be_used_is_said(tmp_path, change, words):
    with pytest.raises(DicomError, match=words) as caught:
        read_dicom(write(tmp_path / 'a.dcm', dataset(PIXELS, **change)))
    assert str(caught.value).startswith(str(tmp_path / 'a.dcm'))


@pytest.mark.parametrize('syntax, words', [
    ('1.2.840.10008.1.2.4.103', 'expected still images or frames, got the transfer syntax MPEG-4'),
    ('1.2.840.10008.1.2.4.201', 'no decoder is installed for the transfer syntax High-Throughput'),
])
def test_a_transfer_syntax_without_decoder_is_named(tmp_path, syntax, words):
    data = dataset(PIXELS)
    data.file_meta.TransferSyntaxUID = UID(syntax)
    # An empty offset table, and one fragment of two bytes.
    data.PixelData = b'\xfe\xff\x00\xe0\0\0\0\0\xfe\xff\x00\xe0\x02\0\0\0\0\0'
    data['PixelData'].is_undefined_length = True
    path = write(tmp_path / 'a.dcm', data)
    with pytest.raises(DicomError, match=words):
        read_dicom(path)


def test_other_files(tmp_path):
    path = tmp_path / 'a.txt'
    path.write_text('a text ' * 100)
    with pytest.raises(DicomError, match='expected a DICOM file'):
        read_dicom(path)
    with pytest.raises(DicomError, match='No such file'):
        read_dicom(tmp_path / 'nowhere.dcm')


def test_a_frame_that_was_cut_is_named(tmp_path):
    cine = np.stack([PIXELS, PIXELS])
    with pytest.raises(DicomError, match='frame 1 cannot be decoded'):
        read(write(tmp_path / 'a.dcm', dataset(cine, PixelData=PIXELS.tobytes())))


@pytest.mark.filterwarnings('ignore')  # pydicom warns of what it makes up for
def test_a_damaged_header_is_read_or_named(tmp_path):
    """Three bytes of it are anything; nothing but a DicomError comes of it."""
    whole = write(tmp_path / 'a.dcm', dataset(PIXELS)).read_bytes()
    header = whole.index(PIXELS.tobytes()[:64])
    named = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        damaged = np.frombuffer(whole, np.uint8).copy()
        damaged[rng.integers(132, header, 3)] = rng.integers(0, 256, 3)
        path = tmp_path / f'{seed}.dcm'
        path.write_bytes(damaged.tobytes())
        try:
            list(read_shots(path))
        except DicomError as error:
            named += str(error).startswith(str(path)) or 'frame' in str(error)
    assert named > 50
