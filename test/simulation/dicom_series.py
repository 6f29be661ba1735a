"""A small DICOM series to break, one premise at a time."""

from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

SLOPE, INTERCEPT = 2.0, -1100.0
SPACING_MM = (0.9, 0.7, 2.5)       # between rows, between columns, between slices
ORIGIN_MM = np.array([-20.0, -30.0, 40.0])


def axial(tilt: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Return the directions of a row and of a column, tilted about x by an angle in radians."""
    return np.array([1.0, 0, 0]), np.array([0, np.cos(tilt), np.sin(tilt)])


def make_series(hu: np.ndarray, directions=None, step=None) -> list[FileDataset]:
    """Return the slices of (z, y, x) Hounsfield units.

    Args:
        hu: even numbers, so that slope 2 stores them exactly.
        directions: of a row and of a column; axial by default.
        step: (3,) mm from slice to slice; along the normal by default.
    """
    row, column = directions or axial()
    if step is None:
        step = SPACING_MM[2] * np.cross(row, column)
    series, frame = generate_uid(), generate_uid()
    return [_slice(image, ORIGIN_MM + k * step, row, column, series, frame, k)
            for k, image in enumerate(hu)]


def _slice(image, position, row, column, series, frame, number) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset('', {}, file_meta=meta, preamble=b'\0' * 128)
    data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
    data.Modality, data.InstanceNumber = 'CT', number + 1
    data.SeriesInstanceUID, data.FrameOfReferenceUID = series, frame
    data.ImagePositionPatient = [f'{c:.5f}' for c in position]
    data.ImageOrientationPatient = [f'{c:.8f}' for c in (*row, *column)]
    data.PixelSpacing = list(SPACING_MM[:2])
    data.Rows, data.Columns = image.shape
    data.BitsAllocated = data.BitsStored = 16
    data.HighBit, data.PixelRepresentation, data.SamplesPerPixel = 15, 1, 1
    data.PhotometricInterpretation = 'MONOCHROME2'
    data.RescaleSlope, data.RescaleIntercept = SLOPE, INTERCEPT
    data.PixelData = np.round((image - INTERCEPT) / SLOPE).astype('<i2').tobytes()
    return data


def write_series(folder: Path, slices: list[FileDataset], seed: int = 0) -> Path:
    """Write the slices under names in random order, so that only their positions sort them."""
    folder.mkdir(parents=True, exist_ok=True)
    names = np.random.default_rng(seed).permutation(len(slices))
    for name, data in zip(names, slices, strict=True):
        pydicom.dcmwrite(folder / f'{name:03d}.dcm', data, enforce_file_format=True)
    return folder
