"""What the tracker of a virtual rig says, at any moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ixgs_ros.geometry.orbits import CArmAngles
from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.simulation.faults import Fault
from ixgs_ros.simulation.perturbations import motion_about
from ixgs_ros.simulation.trajectories import leg_at, TimingConfig

TRACKER_FRAME = 'tracker'
REFERENCE_FRAME = 'patient_reference'
MARKER_FRAME = 'carm_marker'
IMAGE_FRAME = 'carm_source_optical'

# The tracker stands beside the table, looks down on it, and its axes are nobody's anatomy.
TRACKER_FROM_REFERENCE = RigidTransform.from_rotation_vector(np.array([0.4, -0.7, 1.1]),
                                                             np.array([0.35, -0.20, 1.60]))
# The marker is screwed to the detector's rim, half a metre from the isocentre.
SOURCE_FROM_MARKER = RigidTransform.from_rotation_vector(np.array([1.2, -0.5, 1.9]),
                                                         np.array([0.36, -0.20, 0.92]))
_HIDDEN_NS = 1_500_000_000
_SWING_RAD_PER_S = np.deg2rad(20.0)
_WRONG_TURN = np.deg2rad(25.0) * np.array([0.6, 0.0, 0.8, 0.0, 0.0, 0.0])


@dataclass(frozen=True, eq=False)
class StampedTransform:
    """One transform as TF carries it: ``p_parent = parent_from_child · p_child``.

    A quaternion rather than a :class:`RigidTransform`, because a faulty tracker may send one that
    is no rotation.

    Args:
        parent: the header's frame.
        child: the child frame.
        stamp_ns: the header's stamp.
        translation: (3,) metres.
        quaternion: (4,) x, y, z, w.
    """

    parent: str
    child: str
    stamp_ns: int
    translation: np.ndarray
    quaternion: np.ndarray

    @property
    def parent_from_child(self) -> RigidTransform:
        """The transform; raises ValueError where the quaternion is no rotation."""
        return RigidTransform.from_quaternion(self.quaternion, self.translation)


class Tracker:
    """Follows a C-arm from station to station.

    Args:
        stations: where it goes.
        jitters: the error of the reported pose at each, (6,): a motion about the pivot.
        stamps_ns: when it exposes at each.
        faults: what goes wrong, by index of the station.
        timing: rate, dwell and start.
        sod: distance from the source to the isocentre, metres.
        pivot: 'isocentre' or 'marker': what the jitter turns about.
    """

    def __init__(self, stations: Sequence[CArmAngles], jitters: Sequence[np.ndarray],
                 stamps_ns: Sequence[int], faults: Mapping[int, Fault], timing: TimingConfig,
                 sod: float, pivot: str) -> None:
        self._stations, self._jitters, self._stamps = stations, jitters, stamps_ns
        self._faults, self._sod, self._pivot = faults, sod, pivot
        self._dwell_ns = round(timing.dwell * 1e9)
        self._period_ns = round(1e9 / timing.transform_rate)
        self._reference = _stamped(TRACKER_FRAME, REFERENCE_FRAME, 0, TRACKER_FROM_REFERENCE)
        self.start_ns = timing.start_ns
        self.end_ns = stamps_ns[-1] + round(timing.interval * 1e9)

    def static_transforms(self) -> list[StampedTransform]:
        """Return the hand-eye calibration ``carm_marker`` → ``carm_source_optical``."""
        return [_stamped(MARKER_FRAME, IMAGE_FRAME, self.start_ns, SOURCE_FROM_MARKER.inverse())]

    def transforms_between(self, start_ns: int, end_ns: int) -> list[StampedTransform]:
        """Return the samples with ``start_ns <= stamp < end_ns``, in order of time."""
        first = max(0, -(-(start_ns - self.start_ns) // self._period_ns))
        stop = min(end_ns, self.end_ns)
        stamps = range(self.start_ns + first * self._period_ns, stop, self._period_ns)
        return [transform for stamp in stamps for transform in self.transforms_at(stamp)]

    def transforms_at(self, stamp_ns: int) -> list[StampedTransform]:
        """Return the reference's pose, and the marker's unless it is hidden."""
        sample = [replace(self._reference, stamp_ns=stamp_ns)]
        if self._hidden(stamp_ns):
            return sample
        marker = _stamped(TRACKER_FRAME, MARKER_FRAME, stamp_ns, TRACKER_FROM_REFERENCE
                          @ self.reported_pose(stamp_ns) @ SOURCE_FROM_MARKER)
        if self._dwelling_with(stamp_ns, Fault.BAD_QUATERNION) is not None:
            marker = replace(marker, quaternion=1.5 * marker.quaternion)
        return [*sample, marker]

    def reported_pose(self, stamp_ns: int) -> RigidTransform:
        """Return ``reference_from_source`` as the tracker believes it to be."""
        leg = leg_at(self._stamps, self._dwell_ns, stamp_ns)
        angles = self._stations[leg.start].blend(self._stations[leg.end], leg.fraction)
        swinging = self._dwelling_with(stamp_ns, Fault.MOVING)
        if swinging is not None:
            seconds = 1e-9 * (stamp_ns - self._stamps[swinging])
            angles = replace(angles, lao=angles.lao + _SWING_RAD_PER_S * seconds)
        true = angles.reference_from_source(self._sod)
        pivot = angles.isocentre
        if self._pivot == 'marker':
            pivot = true.apply(SOURCE_FROM_MARKER.translation)
        # On the way the error of one station fades into that of the next, so nothing jumps.
        jitter = ((1.0 - leg.fraction) * self._jitters[leg.start]
                  + leg.fraction * self._jitters[leg.end])
        reported = motion_about(jitter, pivot) @ true
        if self._dwelling_with(stamp_ns, Fault.WRONG_POSE) is not None:
            return motion_about(_WRONG_TURN, angles.isocentre) @ reported
        if self._dwelling_with(stamp_ns, Fault.INVERTED_POSE) is not None:
            return reported.inverse()
        return reported

    def _hidden(self, stamp_ns: int) -> bool:
        return any(fault is Fault.TF_GAP and abs(stamp_ns - self._stamps[index]) <= _HIDDEN_NS
                   for index, fault in self._faults.items())

    def _dwelling_with(self, stamp_ns: int, fault: Fault) -> int | None:
        """Return the station with this fault at which the C-arm stands just now, if any."""
        for index, found in self._faults.items():
            if found is fault and abs(stamp_ns - self._stamps[index]) <= self._dwell_ns // 2:
                return index
        return None


def _stamped(parent: str, child: str, stamp_ns: int, parent_from_child: RigidTransform,
             ) -> StampedTransform:
    return StampedTransform(parent, child, stamp_ns, parent_from_child.translation,
                            parent_from_child.quaternion())
