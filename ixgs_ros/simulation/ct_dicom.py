"""A DICOM series as a CT: slices sorted by position, and every premise of a volume checked.

Geometry: PS3.3 C.7.6.2.1.1. Slices are placed by ImagePositionPatient and ImageOrientationPatient
alone; InstanceNumber and SliceLocation are not reliable and not used.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, IO

import numpy as np
import pydicom
from pydicom.errors import InvalidDicomError

from ixgs_ros.simulation.ct import AIR_HU, Ct, CtError, without_padding

NEEDED = ('ImagePositionPatient', 'ImageOrientationPatient', 'PixelSpacing', 'Rows', 'Columns',
          'RescaleSlope', 'RescaleIntercept')
# Positions are decimal strings rounded by the scanner: two slices this close are one.
SAME_POSITION_MM = 0.01
# A gap may differ by this share from the usual one before a slice counts as missing.
GAP_TOLERANCE = 0.1
COSINE_TOLERANCE = 1e-3
# Below this the shear of a volume is under a voxel over 100 mm.
TILT_TOLERANCE_DEG = 0.2


def load_dicom_folder(folder: Path) -> Ct:
    """Load the one CT series under a folder (searched in depth; other files are passed over).

    Raises:
        CtError: there is no DICOM file, or not one whole, regular, untilted CT series.
    """
    files = sorted(path for path in folder.rglob('*') if path.is_file())
    named = ((str(path.relative_to(folder)), path) for path in files)
    return load_dicom_series(named, str(folder))


def load_dicom_series(files: Iterable[tuple[str, Path | IO[bytes]]], name: str) -> Ct:
    """Load a CT series from named files.

    Args:
        files: pairs of a name, used in messages, and a path or an open binary file.
        name: what to call the series.

    Raises:
        CtError: as :func:`load_dicom_folder`.
    """
    slices = []
    for label, file in files:
        try:
            data = pydicom.dcmread(file)
        except InvalidDicomError:
            continue
        if data.get('MediaStorageDirectory') is None and 'DirectoryRecordSequence' not in data:
            slices.append((label, data))
    if not slices:
        raise CtError(f'{name}: expected a DICOM series, found no DICOM file')
    for label, data in slices:
        _check_slice(label, data)
    _check_one_series(name, [data for _, data in slices])
    slices, normal, gap_mm = _sorted_by_position(name, slices)
    _check_tilt(name, [data for _, data in slices], normal)
    hu = np.stack([_hounsfield(label, data) for label, data in slices])
    return Ct(hu, _lps_from_index(slices[0][1], normal, gap_mm), name)


def _check_slice(label: str, data: Any) -> None:
    modality = data.get('Modality', 'none')
    if modality != 'CT':
        raise CtError(f'{label}: expected Modality CT, got {modality}')
    if int(data.get('NumberOfFrames', 1)) > 1:
        raise CtError(f'{label}: expected one slice a file, got an enhanced CT of '
                      f'{data.NumberOfFrames} frames; convert it to NIfTI first')
    if 'PixelData' not in data:
        raise CtError(f'{label}: expected an image, got no pixel data')
    missing = [keyword for keyword in NEEDED if data.get(keyword) is None]
    if missing:
        raise CtError(f'{label}: expected {", ".join(missing)}, which the file lacks')


def _check_one_series(name: str, slices: list[Any]) -> None:
    """Hold all slices to one series, frame of reference, size, spacing and orientation."""
    def text(data: Any, keyword: str) -> str:
        return str(data.get(keyword, 'none'))

    _only_one(name, 'series (SeriesInstanceUID)', [text(d, 'SeriesInstanceUID') for d in slices])
    _only_one(name, 'frame of reference', [text(d, 'FrameOfReferenceUID') for d in slices])
    _only_one(name, 'image size (rows x columns)', [f'{d.Rows} x {d.Columns}' for d in slices])
    _only_one(name, 'PixelSpacing in mm', [' x '.join(f'{float(s):g}' for s in d.PixelSpacing)
                                           for d in slices])
    cosines = np.array([[float(c) for c in d.ImageOrientationPatient] for d in slices])
    # Scanners write direction cosines with differing last digits.
    odd = np.abs(cosines - np.median(cosines, axis=0)).max(axis=1) > COSINE_TOLERANCE
    if odd.any():
        raise CtError(f'{name}: expected one ImageOrientationPatient, got '
                      f'{cosines[odd][0].tolist()} in {int(odd.sum())} slices beside '
                      f'{np.median(cosines, axis=0).tolist()}')


def _only_one(name: str, what: str, values: list[str]) -> None:
    found = Counter(values)
    if len(found) > 1:
        listed = '; '.join(f'{value} ({count} slices)' for value, count in found.most_common(4))
        raise CtError(f'{name}: expected one {what}, got {len(found)}: {listed}')


def _directions(name: str, data: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the unit directions of increasing column, increasing row, and their normal."""
    cosines = np.array([float(c) for c in data.ImageOrientationPatient])
    along_row, along_column = cosines[:3], cosines[3:]
    lengths = np.linalg.norm(along_row), np.linalg.norm(along_column)
    if max(abs(lengths[0] - 1), abs(lengths[1] - 1), abs(along_row @ along_column)) > 1e-3:
        raise CtError(f'{name}: expected ImageOrientationPatient as two orthogonal unit vectors, '
                      f'got {cosines.tolist()}')
    return along_row, along_column, np.cross(along_row, along_column)


def _position(data: Any) -> np.ndarray:
    return np.array([float(c) for c in data.ImagePositionPatient])


def _sorted_by_position(name: str, slices: list[tuple[str, Any]],
                        ) -> tuple[list[tuple[str, Any]], np.ndarray, float]:
    """Return the slices in order along their normal, the normal, and their distance in mm."""
    if len(slices) < 2:
        raise CtError(f'{name}: expected at least 2 slices, got {len(slices)}')
    normal = _directions(name, slices[0][1])[2]
    heights = np.array([_position(data) @ normal for _, data in slices])
    order = np.argsort(heights, kind='stable')
    slices, heights = [slices[i] for i in order], heights[order]
    gaps = np.diff(heights)
    twins = np.flatnonzero(gaps < SAME_POSITION_MM)
    if len(twins):
        first = int(twins[0])
        raise CtError(f'{name}: expected one slice at each position, got {len(twins)} duplicates; '
                      f'{slices[first][0]} and {slices[first + 1][0]} both lie at '
                      f'{heights[first]:.2f} mm')
    usual = float(np.median(gaps))
    worst = int(np.argmax(np.abs(gaps - usual)))
    if abs(gaps[worst] - usual) > GAP_TOLERANCE * usual:
        lacking = round(gaps[worst] / usual) - 1
        what = f'{lacking} missing slices' if lacking > 0 else 'irregular slices'
        raise CtError(f'{name}: {what} between {heights[worst]:.2f} and {heights[worst + 1]:.2f} '
                      f'mm: expected slices every {usual:.3f} mm, got a gap of '
                      f'{gaps[worst]:.3f} mm')
    return slices, normal, float(heights[-1] - heights[0]) / (len(slices) - 1)


def _check_tilt(name: str, slices: list[Any], normal: np.ndarray) -> None:
    """Refuse slices not stacked along their normal, by position or by the scanner's word."""
    along = _position(slices[-1]) - _position(slices[0])
    across = np.linalg.norm(along - (along @ normal) * normal)
    angle = float(np.rad2deg(np.arctan2(across, along @ normal)))
    said = max((float(data.get('GantryDetectorTilt') or 0.0) for data in slices), key=abs)
    for what, value in (('the slices are stacked', angle), ('GantryDetectorTilt is', said)):
        if abs(value) > TILT_TOLERANCE_DEG:
            raise CtError(f'{name}: gantry tilt: {what} {value:.2f}° off their normal, expected '
                          '0°; resample the series to an untilted one first')


def _hounsfield(label: str, data: Any) -> np.ndarray:
    """Return one slice in Hounsfield units, (rows, columns) float32, padding as air."""
    try:
        stored = data.pixel_array
    except Exception as error:  # pydicom and its decoders raise many kinds; each means unreadable.
        syntax = data.file_meta.get('TransferSyntaxUID')
        raise CtError(f'{label}: the pixel data cannot be read (transfer syntax '
                      f'{getattr(syntax, "name", syntax)}): {error}') from error
    if stored.ndim != 2:
        raise CtError(f'{label}: expected one grey image, got an array of shape {stored.shape}')
    hu = stored.astype(np.float32) * float(data.RescaleSlope) + float(data.RescaleIntercept)
    padding = data.get('PixelPaddingValue')
    if padding is not None:
        hu[stored == np.array(padding).astype(stored.dtype)] = AIR_HU
    return without_padding(hu)


def _lps_from_index(first: Any, normal: np.ndarray, gap_mm: float) -> np.ndarray:
    along_row, along_column, _ = _directions('', first)
    between_rows, between_columns = (float(s) for s in first.PixelSpacing)
    if min(between_rows, between_columns) <= 0:
        raise CtError(f'expected a positive PixelSpacing, got {between_rows} x {between_columns} '
                      'mm')
    affine = np.eye(4)
    affine[:3, 0] = 0.001 * between_columns * along_row
    affine[:3, 1] = 0.001 * between_rows * along_column
    affine[:3, 2] = 0.001 * gap_mm * normal
    affine[:3, 3] = 0.001 * _position(first)
    return affine
