"""``Shot`` and the reports to and from their messages."""

from __future__ import annotations

from dataclasses import dataclass, field

from geometry_msgs.msg import Vector3
import numpy as np

from ixgs.msg import Shot as ShotMessage
from ixgs.msg import ShotReport
from ixgs_ros.geometry.view import View
from ixgs_ros.ros.messages import (
    from_bytes,
    from_pose,
    header,
    MessageError,
    to_bytes,
    to_ns,
    to_pose,
    to_vector,
)
from ixgs_ros.shot import Shot
from ixgs_ros.verdict import Code, Verdict

NAN = float('nan')


def to_shot_message(shot: Shot, reference_frame: str) -> ShotMessage:
    """Return a shot as ``ixgs/msg/Shot``; its header names the reference frame."""
    return ShotMessage(
        header=header(shot.stamp_ns, reference_frame), id=shot.id,
        source=to_pose(shot.view.reference_from_source),
        source_covariance=np.asarray(shot.pose_covariance, dtype=np.float64).ravel(),
        k=shot.view.k.ravel(), height=shot.view.height, width=shot.view.width,
        line_integrals=to_bytes(shot.line_integrals), weights=to_bytes(shot.weights),
        quantity=shot.quantity, exposure_offset=float(shot.exposure_offset))


def from_shot_message(message: ShotMessage) -> Shot:
    """Return the shot of a message.

    Raises:
        MessageError: the arrays do not fit the size, or K, the pose, a pixel or the quantity is
            not what the message's definition asks for.
    """
    shape = (message.height, message.width)
    line_integrals = from_bytes(message.line_integrals, '<f4', shape, 'line_integrals')
    weights = from_bytes(message.weights, '<f4', shape, 'weights')
    try:
        view = View(np.asarray(message.k).reshape(3, 3), from_pose(message.source), *shape)
        return Shot(id=message.id, stamp_ns=to_ns(message.header.stamp), view=view,
                    line_integrals=line_integrals, weights=weights,
                    pose_covariance=np.asarray(message.source_covariance).reshape(6, 6),
                    quantity=message.quantity, exposure_offset=message.exposure_offset)
    except ValueError as error:
        raise MessageError(f'shot {message.id}: {error}') from error


@dataclass(frozen=True)
class Fit:
    """What the reconstruction found of one shot; the defaults say 'not fitted here'.

    Args:
        residual: weighted RMS of measured minus modelled line integrals, no unit.
        exposure_offset: added to all line integrals by the exposure, no unit.
        scale: factor on the model's line integrals, no unit.
        pose_translation: correction of the pose, (3,) metres in the reference frame.
        pose_rotation: correction of the pose, (3,) rotation vector in radians.
        pose_covariance: (6, 6) of the corrected pose as `Shot` has it; zero if taken as reported,
            NaN if not known.
    """

    residual: float = NAN
    exposure_offset: float = NAN
    scale: float = NAN
    pose_translation: np.ndarray = field(default_factory=lambda: np.zeros(3))
    pose_rotation: np.ndarray = field(default_factory=lambda: np.zeros(3))
    pose_covariance: np.ndarray = field(default_factory=lambda: np.zeros((6, 6)))


def to_report(shot_id: int, stamp_ns: int, reference_frame: str, verdict: Verdict, *,
              steady_ns: int = 0, fit: Fit | None = None) -> ShotReport:
    """Return the report of one shot.

    Args:
        shot_id: number of the shot, from 1; 0 if it was refused before it got one.
        stamp_ns: middle of the exposure.
        reference_frame: frame of the reconstruction.
        verdict: code and sentence.
        steady_ns: CLOCK_MONOTONIC of the event that the message's definition names, 0 if none.
        fit: what the reconstruction found.
    """
    found = Fit() if fit is None else fit
    return ShotReport(
        header=header(stamp_ns, reference_frame), id=shot_id, code=verdict.code.value,
        message=verdict.message, residual=float(found.residual),
        exposure_offset=float(found.exposure_offset), scale=float(found.scale),
        pose_correction_translation=to_vector(found.pose_translation),
        pose_correction_rotation=to_vector(found.pose_rotation),
        pose_covariance=np.asarray(found.pose_covariance, dtype=np.float64).ravel(),
        steady_ns=int(steady_ns))


def from_report(message: ShotReport) -> tuple[Verdict, Fit]:
    """Return the verdict and the fit of a report.

    Raises:
        MessageError: the code is none of the contract's.
    """
    try:
        code = Code(message.code)
    except ValueError as error:
        raise MessageError(f'expected a code of docs/contracts.md, got '
                           f'{message.code!r}') from error
    return Verdict(code, message.message), Fit(
        message.residual, message.exposure_offset, message.scale,
        _vector(message.pose_correction_translation),
        _vector(message.pose_correction_rotation),
        np.asarray(message.pose_covariance).reshape(6, 6))


def _vector(vector: Vector3) -> np.ndarray:
    return np.array([vector.x, vector.y, vector.z])
