"""X-ray images in DICOM files: read, or refused in one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.errors import InvalidDicomError
from pydicom.pixels import get_decoder, iter_pixels

# Angiography, fluoroscopy, and computed and digital radiography.
MODALITIES = ('XA', 'RF', 'CR', 'DX')
GREY = ('MONOCHROME1', 'MONOCHROME2')
BITS = range(8, 17)


class DicomError(ValueError):
    """A file cannot be used; the message names the value seen and what was expected."""


def read_dicom(path: str | Path) -> Any:
    """Return the dataset of a grey X-ray image or cine whose pixels can be decoded.

    Raises:
        DicomError: it is no DICOM file, of another modality, without pixels, in colour, compressed
            in a way that no installed decoder knows, or has writing burnt into the pixels: that
            may be a name, and it covers what was measured.
    """
    try:
        dataset = pydicom.dcmread(path)
    except InvalidDicomError as error:
        raise DicomError(f'{path}: expected a DICOM file (with its preamble), got another '
                         'kind') from error
    except OSError as error:
        raise DicomError(f'{path}: {error.strerror or error}') from error
    except Exception as error:  # pydicom raises many kinds; each means damage
        raise DicomError(f'{path}: expected a whole DICOM file, got a damaged one: '
                         f'{_said(error)}') from error
    try:
        fault = _fault(dataset)
    except Exception as error:  # it reads an attribute when it is asked for, as above
        fault = f'an attribute is not as DICOM has it: {_said(error)}'
    if fault:
        raise DicomError(f'{path}: {fault}')
    return dataset


def _said(error: Exception) -> str:
    return f'{type(error).__name__}, {error}'.removesuffix(', ')


def frames(dataset: Any) -> Iterator[np.ndarray]:
    """Decode one frame after the other: stored values (H, W), unused bits cleared.

    Raises:
        DicomError: a frame is damaged.
    """
    decoded = iter_pixels(dataset, raw=True)
    for number in range(1, frame_count(dataset) + 1):
        try:
            frame = next(decoded)
        except Exception as error:  # pydicom and its decoders raise many kinds; each means damage.
            raise DicomError(f'frame {number} cannot be decoded (transfer syntax '
                             f'{dataset.file_meta.TransferSyntaxUID.name}): {error}') from error
        yield np.asarray(frame)


def frame_count(dataset: Any) -> int:
    """Return the number of frames that the file says it has."""
    return int(dataset.get('NumberOfFrames') or 1)


def _fault(dataset: Any) -> str:
    """Return why a dataset cannot be used; empty if it can."""
    modality = str(dataset.get('Modality') or 'none')
    if modality not in MODALITIES:
        return f'expected Modality {", ".join(MODALITIES)}, got {modality}'
    if not dataset.get('PixelData'):
        return 'expected an image, got no pixel data'
    photometric = str(dataset.get('PhotometricInterpretation') or 'none')
    if photometric not in GREY or int(dataset.get('SamplesPerPixel') or 1) != 1:
        return f'expected a grey image ({" or ".join(GREY)}), got {photometric}'
    bits = int(dataset.get('BitsStored') or 0)
    if bits not in BITS:
        return f'expected {BITS[0]} to {BITS[-1]} bits stored, got {bits}'
    if frame_count(dataset) < 1:
        return f'expected at least one frame, got NumberOfFrames {frame_count(dataset)}'
    if str(dataset.get('BurnedInAnnotation') or 'NO') == 'YES':
        return ('expected no writing in the pixels, got BurnedInAnnotation YES: it may name the '
                'patient, and it hides what was measured')
    return _undecodable(dataset)


def _undecodable(dataset: Any) -> str:
    """Return why no installed decoder knows the transfer syntax; empty if one does."""
    syntax = dataset.file_meta.get('TransferSyntaxUID')
    if syntax is None:
        return 'expected a TransferSyntaxUID, got none'
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:  # so pydicom says that a syntax is none of images it knows
        return f'expected still images or frames, got the transfer syntax {syntax.name}'
    if decoder.is_available:
        return ''
    return (f'no decoder is installed for the transfer syntax {syntax.name}; expected one of: '
            + '; '.join(decoder.missing_dependencies))
