"""The settings of the acquisition: frames, times, plausibility, and the physics of the counts."""

from __future__ import annotations

from dataclasses import dataclass, field

from ixgs_ros.acquisition.frame_graph import NANOSECONDS
from ixgs_ros.parameters import setting
from ixgs_ros.standardization.config import PhysicsConfig


@dataclass(frozen=True)
class TransformConfig:
    """How poses are taken from the transforms."""

    max_gap: float = setting(
        0.1, 'largest distance of the two samples that a pose is interpolated between', unit='s',
        low=0.001, high=10.0)
    timeout: float = setting(
        1.0, 'how long after its arrival a shot waits for its camera info and its transforms',
        unit='s', low=0.0, high=60.0)
    time_offset: float = setting(
        0.0, 'added to the image stamp to get the time of its pose', unit='s', low=-10.0,
        high=10.0)


@dataclass(frozen=True)
class MotionConfig:
    """When a shot counts as taken in motion.

    At the limits, a tracker that is 15 ms late is off by 1.5 mm and 0.2°, no more than its own
    jitter.
    """

    max_speed: float = setting(
        0.1, 'largest speed of the X-ray source in the reference frame during a shot', unit='m/s',
        low=0.0, high=100.0)
    max_angular_speed: float = setting(
        0.2, 'largest angular speed of the C-arm in the reference frame during a shot',
        unit='rad/s', low=0.0, high=1000.0)
    window: float = setting(
        0.06, 'the speed is fitted to the samples up to this long before and after the shot',
        unit='s', low=0.001, high=1.0)


@dataclass(frozen=True)
class AcquisitionConfig(PhysicsConfig):
    """Everything that decides whether and how a message becomes a shot."""

    reference_frame: str = setting(
        'patient_reference', 'frame of the model and of every output')
    sdd: float = setting(
        0.0, 'distance from the source to the detector; 0 = unknown', unit='m', low=0.0, high=5.0)
    max_source_distance: float = setting(
        5.0, 'largest plausible distance of the source from the reference frame', unit='m',
        low=0.1)
    queue: int = setting(
        32, 'shots that may wait at once; more are refused', unit='shots', low=1, high=10000)
    tf: TransformConfig = field(default_factory=TransformConfig)
    motion: MotionConfig = field(default_factory=MotionConfig)


def to_ns(seconds: float) -> int:
    """Return a duration in integer nanoseconds."""
    return round(seconds * NANOSECONDS)
