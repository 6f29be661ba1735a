"""Small DICOM X-ray files of a known body, written by pydicom; and compressed by GDCM."""

from __future__ import annotations

from pathlib import Path

import gdcm
import numpy as np
import pydicom
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

ROWS, COLUMNS = 96, 128
SOP_CLASSES = {'XA': '1.2.840.10008.5.1.4.1.1.12.1', 'RF': '1.2.840.10008.5.1.4.1.1.12.2',
               'CR': '1.2.840.10008.5.1.4.1.1.1', 'DX': '1.2.840.10008.5.1.4.1.1.1.1'}
GEOMETRY = {'DistanceSourceToDetector': 1020, 'DistanceSourceToPatient': 640,
            'ImagerPixelSpacing': [2.4, 2.4], 'PositionerPrimaryAngle': 30,
            'PositionerSecondaryAngle': -20}


def line_integrals() -> np.ndarray:
    """Return a body (ROWS, COLUMNS) with air left and right of it, and a dense thing in it."""
    rows, columns = np.mgrid[:ROWS, :COLUMNS]
    y = 3.0 * np.sqrt(np.maximum(0, 1 - ((columns - 60) / 40) ** 2))
    return y + 1.0 * (np.hypot(rows - 30, columns - 75) < 8)


def counts(bits: int = 12, y: np.ndarray | None = None) -> np.ndarray:
    """Return what a linear detector stores, air at 80 % of its full scale."""
    full = 2**bits - 1
    values = np.rint(0.8 * full * np.exp(-(line_integrals() if y is None else y)))
    return values.astype(np.uint8 if bits == 8 else np.uint16)


def dataset(pixels: np.ndarray, modality: str = 'XA', bits: int = 12, **attributes) -> Dataset:
    """Return a dataset of frames (H, W) or (n, H, W); None takes an attribute out."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID, data.SOPInstanceUID = SOP_CLASSES.get(modality, '1.2.3'), generate_uid()
    data.Modality = modality
    data.Rows, data.Columns = pixels.shape[-2:]
    if pixels.ndim == 3:
        data.NumberOfFrames = len(pixels)
    data.SamplesPerPixel, data.PixelRepresentation = 1, int(pixels.dtype.kind == 'i')
    data.PhotometricInterpretation = 'MONOCHROME2'
    data.BitsAllocated = 8 * pixels.dtype.itemsize
    data.BitsStored, data.HighBit = bits, bits - 1
    data.PixelData = pixels.tobytes()
    data['PixelData'].VR = 'OB' if data.BitsAllocated == 8 else 'OW'
    for name, value in attributes.items():
        if value is not None:
            setattr(data, name, value)
        elif name in data:
            delattr(data, name)
    return data


def with_raw(data: Dataset, name: str, vr: str, value: bytes) -> Dataset:
    """Give an attribute bytes that pydicom would not write, as other programs do."""
    tag = Tag(tag_for_keyword(name))
    padded = value + b' ' * (len(value) % 2)
    data._dict[tag] = RawDataElement(tag, vr, len(padded), padded, 0, False, True)
    return data


def write(path: Path, data: Dataset) -> Path:
    """Write a dataset as a DICOM file."""
    data.save_as(path, enforce_file_format=True)
    return path


def compress(path: Path, syntax: gdcm.TransferSyntax.TSType) -> Path:
    """Return a copy of a file with its pixels compressed."""
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(syntax))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    packed = path.with_name(f'packed_{path.name}')
    writer.SetFileName(str(packed))
    assert writer.Write()
    assert pydicom.dcmread(packed).file_meta.TransferSyntaxUID.is_compressed
    return packed
