"""Camera and nominal pose from the attributes of a DICOM X-ray image.

The pose is nominal: what the gantry's encoders say of an ideal gantry, in LPS about its isocentre,
which is nobody's anatomy. It serves for looking and for a first guess, not for a reconstruction.

A stored image is what a reader looks at, mostly as seen from the detector; ours is seen from the
source, since a mirrored image has no proper rotation (geometry/orbits.py). `ImageTurn` says what
is to be flipped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ixgs_ros.geometry import View
from ixgs_ros.geometry.orbits import CArmAngles

MILLIMETRE = 1e-3
# PatientOrientation's letters as directions in LPS.
LETTERS = {'L': (1, 0, 0), 'R': (-1, 0, 0), 'P': (0, 1, 0), 'A': (0, -1, 0), 'H': (0, 0, 1),
           'F': (0, 0, -1)}
# An axis of the image agrees with the letters if it lies within 60° of them, or of their opposite.
MIN_AGREEMENT = 0.5


@dataclass(frozen=True)
class ImageTurn:
    """What makes a stored image one that is seen from the source.

    Args:
        columns: the order of the columns is turned round.
        rows: the order of the rows is.
    """

    columns: bool = False
    rows: bool = False

    def apply(self, image: np.ndarray) -> np.ndarray:
        """Return the image (H, W), flipped."""
        turned = image[:, ::-1] if self.columns else image
        return np.ascontiguousarray(turned[::-1] if self.rows else turned)


@dataclass(frozen=True, eq=False)
class DicomGeometry:
    """What is known of the geometry of one frame.

    Args:
        k: (3, 3) intrinsics in pixels, with the principal point in the middle; None if unknown.
        view: K and nominal pose, of the image after ``turn``; None if unknown.
        turn: to be applied to the image.
        lacking: why there is no K or no pose; empty if there are both.
    """

    k: np.ndarray | None
    view: View | None
    turn: ImageTurn
    lacking: str


class _Lacking(Exception):
    """An attribute that is needed is not there or impossible."""


def geometry_of(dataset: Any, frame: int = 0) -> DicomGeometry:
    """Return the geometry of one frame, counted from 0; what is not told is not guessed."""
    k = None
    try:
        k = _intrinsics(dataset)
        angles = _angles(dataset, frame)
        turn = _turn(dataset, angles.rotation())
        sod, sdd = _source_to_isocentre(dataset), _positive(dataset, 'DistanceSourceToDetector')
        if sod >= sdd:
            raise _Lacking(f'expected DistanceSourceToPatient below DistanceSourceToDetector, got '
                           f'{sod / MILLIMETRE:g} and {sdd / MILLIMETRE:g} mm')
        pose = angles.reference_from_source(sod)
    except _Lacking as lacking:
        return DicomGeometry(k, None, ImageTurn(), str(lacking))
    return DicomGeometry(k, View(k, pose, int(dataset.Rows), int(dataset.Columns)), turn, '')


def _intrinsics(dataset: Any) -> np.ndarray:
    """Return K of an image whose principal point is its middle."""
    sdd = _positive(dataset, 'DistanceSourceToDetector')
    between_rows, between_columns = _detector_spacing(dataset, sdd)
    fx, fy = sdd / between_columns, sdd / between_rows
    return np.array([[fx, 0.0, (int(dataset.Columns) - 1) / 2],
                     [0.0, fy, (int(dataset.Rows) - 1) / 2], [0.0, 0.0, 1.0]])


def _detector_spacing(dataset: Any, sdd: float) -> tuple[float, float]:
    """Return the distances of rows and of columns on the detector, metres.

    PixelSpacing is that of the detector too, unless it was calibrated: then it is that of the
    patient, and smaller by the magnification.
    """
    if _told(dataset, 'ImagerPixelSpacing') is not None:
        return _spacing(dataset, 'ImagerPixelSpacing')
    if _told(dataset, 'PixelSpacing') is None:
        raise _Lacking('no ImagerPixelSpacing and no PixelSpacing')
    between_rows, between_columns = _spacing(dataset, 'PixelSpacing')
    if not dataset.get('PixelSpacingCalibrationType'):
        return between_rows, between_columns
    magnification = sdd / _source_to_isocentre(dataset)
    return between_rows * magnification, between_columns * magnification


def _source_to_isocentre(dataset: Any) -> float:
    """Return the distance from the source to the isocentre, metres (PS3.3 C.8.7.5)."""
    return _positive(dataset, 'DistanceSourceToPatient')


def _angles(dataset: Any, frame: int) -> CArmAngles:
    """Return where the C-arm stands in one frame; a moving one tells increments to the first."""
    return CArmAngles(lao=_angle(dataset, 'PositionerPrimaryAngle', frame),
                      cran=_angle(dataset, 'PositionerSecondaryAngle', frame))


def _angle(dataset: Any, name: str, frame: int) -> float:
    first = _told(dataset, name)
    if first is None:
        raise _Lacking(f'no {name}')
    more = _told(dataset, f'{name}Increment')
    increments = [0.0] if more is None else [_number(f'{name}Increment', step)
                                             for step in np.atleast_1d(more)]
    if len(increments) > 1 and frame >= len(increments):
        raise _Lacking(f'expected a {name}Increment for each frame, got {len(increments)}')
    degrees = _number(name, first) + increments[frame if len(increments) > 1 else 0]
    if not abs(degrees) <= 360.0:
        raise _Lacking(f'expected {name} within 360°, got {degrees:g}°')
    return float(np.deg2rad(degrees))


def _turn(dataset: Any, rotation: np.ndarray) -> ImageTurn:
    """Return which axes of the stored image run against those of the view seen from the source.

    Without PatientOrientation the image is taken as a reader wants it: the patient's head up and
    his right side on the left, seen from the detector.
    """
    letters = dataset.get('PatientOrientation')
    if not letters:
        return ImageTurn(columns=True)
    agree = [_agreement(text, axis) for text, axis in zip(letters, rotation.T)]
    if len(agree) != 2 or min(abs(share) for share in agree) < MIN_AGREEMENT:
        raise _Lacking(f'PatientOrientation {"/".join(letters)} does not fit the angles of the '
                       'positioner: rows and columns run neither along nor against it')
    return ImageTurn(columns=agree[0] < 0, rows=agree[1] < 0)


def _agreement(letters: str, axis: np.ndarray) -> float:
    """Return the cosine between an axis of the view (3,) and the direction of the letters.

    Of several letters, such as 'LA', the first says the main direction.
    """
    direction = LETTERS.get(str(letters)[:1])
    return 0.0 if direction is None else float(axis @ np.array(direction, dtype=np.float64))


def _positive(dataset: Any, name: str) -> float:
    """Return a length of the file, given in millimetres, in metres."""
    value = _told(dataset, name)
    if value is None:
        raise _Lacking(f'no {name}')
    return _checked(name, _number(name, value))


def _spacing(dataset: Any, name: str) -> tuple[float, float]:
    values = np.atleast_1d(_told(dataset, name))
    if len(values) != 2:
        raise _Lacking(f'expected two values of {name}, got {len(values)}')
    rows, columns = (_checked(name, _number(name, value)) for value in values)
    return rows, columns


def _told(dataset: Any, name: str) -> Any:
    """Return an attribute's value; None where it is absent or empty."""
    try:
        return dataset.get(name)
    except ValueError as error:  # pydicom reads it only now; '0,2' is no decimal of DICOM
        raise _Lacking(f'{name} cannot be read: {error}') from error


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise _Lacking(f'expected one number as {name}, got {value}') from error


def _checked(name: str, millimetres: float) -> float:
    if not 0.0 < millimetres < np.inf:
        raise _Lacking(f'expected a positive {name}, got {millimetres:g} mm')
    return millimetres * MILLIMETRE
