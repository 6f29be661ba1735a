"""The images of a folder of pairs: real shots to line integrals and mask, DRRs to bone."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pydicom

from ixgs_ros.acquisition.dicom_file import DicomError, frame_count, read_dicom
from ixgs_ros.acquisition.dicom_shot import DicomFrame, read_shots
from ixgs_ros.standardization.beer_lambert import check_size
from ixgs_ros.standardization.network.folder_settings import PairsError, PairsSettings
from ixgs_ros.standardization.standardizer import Standardizer
from ixgs_ros.verdict import Refusal

KINDS = ('.npy', '.png', '.dcm')
# The only number of an image that is no cine.
SINGLE = 1


@dataclass(frozen=True, eq=False)
class RealImage:
    """A real shot, as its file shows it: not flipped.

    Args:
        line_integrals: (H, W) float32, 0 where masked.
        mask: (H, W) bool, usable pixels.
        assumptions: sentences on what the file does not tell.
    """

    line_integrals: np.ndarray
    mask: np.ndarray
    assumptions: tuple[str, ...] = ()


def kind(path: Path) -> str:
    """Return the ending of a file, in small letters: one of KINDS if it is an image."""
    return path.suffix.lower()


def names_of(path: Path) -> dict[str, int]:
    """Return the names of a file's shots with the numbers of their frames, from 1.

    A cine has NAME_0001 and so on, as ``./ixgs standardize`` names its frames.

    Raises:
        PairsError: the file cannot be used.
    """
    count = SINGLE
    if kind(path) == '.dcm':
        try:
            count = frame_count(read_dicom(path))
        except DicomError as error:
            raise PairsError(str(error)) from error
    if count == SINGLE:
        return {path.stem: SINGLE}
    return {f'{path.stem}_{number:04d}': number for number in range(1, count + 1)}


def read_real(path: Path, wanted: Collection[int],
              settings: PairsSettings) -> Iterator[tuple[int, RealImage]]:
    """Read shots of a file, frame by frame.

    Args:
        path: of the file.
        wanted: numbers of the frames that are read.
        settings: what the pixels are.

    Yields:
        The number of a frame, and what it shows.

    Raises:
        PairsError: the file cannot be used, or a frame that is wanted is refused.
    """
    if kind(path) != '.dcm':
        yield SINGLE, _from_pixels(path, settings)
        return
    standardizer = Standardizer()
    try:
        for frame in read_shots(path, settings.optional('air_counts', path.name)):
            if frame.number in wanted:
                yield frame.number, _from_dicom(path, frame, standardizer)
    except DicomError as error:
        raise PairsError(str(error)) from error


def read_drr(path: Path, settings: PairsSettings) -> np.ndarray:
    """Return the line integrals of bone (H, W) float32 of a DRR.

    Raises:
        PairsError: it cannot be read, or a value is not finite or negative.
    """
    bone = _pixels(path).astype(np.float32)
    if kind(path) != '.npy':
        bone = bone * np.float32(settings.number('drr_per_count', path.name))
    if not np.isfinite(bone).all() or bone.min() < 0.0:
        raise PairsError(f'{path}: expected finite line integrals of at least 0, got '
                         f'{bone.min():g} to {bone.max():g}')
    return bone


def _from_pixels(path: Path, settings: PairsSettings) -> RealImage:
    """Return an image whose pixels are line integrals (.npy) or counts (.png)."""
    pixels = _pixels(path)
    try:
        check_size(*pixels.shape)
    except Refusal as refusal:
        raise PairsError(f'{path}: {refusal}') from refusal
    if kind(path) == '.npy':
        mask = np.isfinite(pixels)
        return RealImage(np.where(mask, pixels, 0.0).astype(np.float32), mask)
    mask = (pixels > 0) & (pixels < np.iinfo(pixels.dtype).max)
    counts = np.where(mask, pixels, 1).astype(np.float64)
    air = settings.number('air_counts', path.name)
    return RealImage(np.where(mask, -np.log(counts / air), 0.0).astype(np.float32), mask)


def _from_dicom(path: Path, frame: DicomFrame, standardizer: Standardizer) -> RealImage:
    """Return a frame as the stream would have it, but turned back to how it is stored."""
    name = path if frame.count == SINGLE else f'{path}, frame {frame.number}'
    if frame.shot is None:
        assert frame.refusal is not None
        raise PairsError(f'{name}: {frame.refusal.code.value}: {frame.refusal.message}')
    try:
        shot = standardizer.standardize(frame.shot)
    except Refusal as refusal:
        raise PairsError(f'{name}: {refusal}') from refusal
    mask = shot.weights > 0
    turn = frame.geometry.turn  # done twice, it is undone
    return RealImage(turn.apply(np.where(mask, shot.line_integrals, np.float32(0.0))),
                     turn.apply(mask), frame.assumptions)


def _pixels(path: Path) -> np.ndarray:
    """Return the pixels (H, W) of an .npy, .png or .dcm file, as they are stored.

    Raises:
        PairsError: it cannot be read, or holds no single grey image.
    """
    try:
        if kind(path) == '.npy':
            pixels = np.load(path, allow_pickle=False)
        elif kind(path) == '.png':
            pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        else:
            dataset = pydicom.dcmread(path)
            if dataset.PhotometricInterpretation != 'MONOCHROME2':
                raise PairsError(f'{path}: expected MONOCHROME2 (bright where there is more '
                                 f'bone), got {dataset.PhotometricInterpretation}')
            pixels = dataset.pixel_array
    except PairsError:
        raise
    except Exception as error:  # each reader raises kinds of its own
        raise PairsError(f'{path}: cannot be read ({error})') from error
    if pixels is None or pixels.ndim != 2 or pixels.dtype.kind not in 'uif':
        raise PairsError(f'{path}: expected one grey image (H, W)')
    if kind(path) != '.npy' and pixels.dtype.kind == 'f':
        raise PairsError(f'{path}: expected whole numbers, got {pixels.dtype}')
    return pixels
