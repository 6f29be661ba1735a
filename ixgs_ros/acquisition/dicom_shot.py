"""DICOM files to shots: one per frame, with K and nominal pose where the file tells them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
import math
from pathlib import Path

import numpy as np

from ixgs_ros.acquisition.dicom_counts import convert
from ixgs_ros.acquisition.dicom_file import DicomError, frame_count, frames, read_dicom
from ixgs_ros.acquisition.dicom_geometry import DicomGeometry, geometry_of
from ixgs_ros.geometry import View
from ixgs_ros.geometry.orbits import CArm, CArmAngles
from ixgs_ros.shot import Shot
from ixgs_ros.verdict import Refusal, Verdict

# What an image of unknown geometry is taken with, where a view must be given: a typical C-arm.
TYPICAL_DETECTOR = 0.3     # metres along the image's longer side


@dataclass(frozen=True, eq=False)
class DicomFrame:
    """One frame of a file.

    Args:
        number: of the frame, from 1.
        count: frames in the file.
        geometry: what the file tells of K and pose.
        intensity: (H, W) float32 relative to the full scale, seen from the source, bright where
            nothing absorbs; None where it was refused.
        shot: line integrals and weights; its view has a typical C-arm's pose, and K, where the
            file tells none, so `geometry` says what to believe. None where it was refused.
        refusal: why there is no shot; None if there is one.
        assumptions: sentences on what the file does not tell.
    """

    number: int
    count: int
    geometry: DicomGeometry
    intensity: np.ndarray | None = None
    shot: Shot | None = None
    refusal: Verdict | None = None
    assumptions: tuple[str, ...] = ()


def read_shots(path: str | Path, air_counts: float = 0.0) -> Iterator[DicomFrame]:
    """Read a file frame by frame, so that a long cine never lies in memory as a whole.

    Args:
        path: of the file.
        air_counts: stored value where nothing absorbs, for images that show no air; 0 = unknown.

    Raises:
        DicomError: the file cannot be used, or a frame is damaged.
    """
    dataset = read_dicom(path)
    count = frame_count(dataset)
    try:
        for index, stored in enumerate(frames(dataset)):
            geometry = geometry_of(dataset, index)
            frame = DicomFrame(index + 1, count, geometry)
            try:
                converted = convert(dataset, stored, air_counts)
            except Refusal as refusal:
                yield replace(frame, refusal=refusal.verdict)
                continue
            turn, image = geometry.turn, converted.image
            shot = Shot(index + 1, index + 1, _view_for(geometry, *stored.shape),
                        turn.apply(image.line_integrals), turn.apply(image.weights),
                        exposure_offset=0.0 if image.air_visible else math.nan)
            yield replace(frame, intensity=turn.apply(converted.intensity), shot=shot,
                          assumptions=converted.assumptions)
    except DicomError as error:
        raise DicomError(f'{path}: {error}') from error
    except (TypeError, ValueError) as error:  # a TypeError: several values, or a word for a number
        raise DicomError(f'{path}: {error}') from error


def _view_for(geometry: DicomGeometry, height: int, width: int) -> View:
    """Return the view of an image, with a typical C-arm's pose, and K, where they are unknown."""
    if geometry.view is not None:
        return geometry.view
    arm = CArm(pixel_pitch=TYPICAL_DETECTOR / max(height, width), height=height, width=width)
    k = arm.k() if geometry.k is None else geometry.k
    return View(k, CArmAngles().reference_from_source(arm.sod), height, width)
