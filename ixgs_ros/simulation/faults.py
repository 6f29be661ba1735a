"""What can go wrong on a rig, on request: so that a test can ask for each refusal by name."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class Fault(str, Enum):
    """A fault of one shot; behind it the code that a correct receiver answers with."""

    TF_GAP = 'tf_gap'                      # the marker is hidden for 3 s: TRANSFORM_GAP
    UNKNOWN_FRAME = 'unknown_frame'        # the image names a frame nobody publishes: NO_TRANSFORM
    STALE = 'stale'                        # stamped a minute before it was taken: TRANSFORM_STALE
    NO_CAMERA_INFO = 'no_camera_info'      # no CameraInfo comes: UNCALIBRATED
    UNCALIBRATED = 'uncalibrated'          # K is zero: UNCALIBRATED
    WRONG_SIZE = 'wrong_size'              # half of the rows are missing: SIZE_MISMATCH
    UNSUPPORTED_ENCODING = 'encoding'      # a colour mosaic: UNSUPPORTED_ENCODING
    BAD_QUATERNION = 'bad_quaternion'      # the marker's quaternion has norm 1.5: INVALID_POSE
    BLACK = 'black'                        # no X-rays: NO_SIGNAL
    SATURATED = 'saturated'                # a thousandfold exposure: SATURATED
    DUPLICATE = 'duplicate'                # the shot before, sent again: DUPLICATE
    MOVING = 'moving'                      # the C-arm swings during the exposure: MOVING
    OUT_OF_VIEW = 'out_of_view'            # aimed half a metre towards the feet: OUT_OF_VIEW
    INVERTED_POSE = 'inverted_pose'        # the pose is the inverse: OUT_OF_VIEW or INCONSISTENT
    WRONG_POSE = 'wrong_pose'              # the pose is turned by 25°: INCONSISTENT
    LATE = 'late'                          # the image comes 0.8 s after its stamp: none, accepted


def parse_faults(text: str) -> dict[int, Fault]:
    """Return the faults by index of the shot from ``'3:tf_gap, 5:black'``; '' is none.

    Raises:
        ValueError: with the part that is not of this form, and the faults there are; or a shot is
            named twice.
    """
    found: dict[int, Fault] = {}
    for part in filter(None, (part.strip() for part in text.split(','))):
        index, _, name = (piece.strip() for piece in part.partition(':'))
        if not index.isdecimal() or name not in {fault.value for fault in Fault}:
            raise ValueError(f'expected SHOT:FAULT with a fault of '
                             f'{", ".join(fault.value for fault in Fault)}, got {part!r}')
        if int(index) in found:
            raise ValueError(f'expected one fault a shot, got {part!r} beside '
                             f'{found[int(index)].value!r}')
        found[int(index)] = Fault(name)
    return found


def checked_faults(faults: Mapping[int, Fault], views: int) -> dict[int, Fault]:
    """Return the faults by index of the shot, or raise.

    Raises:
        ValueError: an index is not that of a shot, or the first one is to be a duplicate.
    """
    for index, fault in faults.items():
        if not 0 <= index < views:
            raise ValueError(f'expected faults on shots 0 to {views - 1}, got {fault.value} on '
                             f'shot {index}')
        if fault is Fault.DUPLICATE and index == 0:
            raise ValueError('expected a shot before a duplicate, got duplicate on shot 0')
    return dict(faults)
