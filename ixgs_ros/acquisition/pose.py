"""The pose of the X-ray source at a shot's stamp: checked, interpolated, plausible and at rest."""

from __future__ import annotations

from ixgs_ros.acquisition.config import AcquisitionConfig, to_ns
from ixgs_ros.acquisition.frame_graph import (
    FutureLookup,
    InvalidSample,
    PastLookup,
    TransformError,
    TransformGap,
)
from ixgs_ros.acquisition.motion import estimate_motion, MIN_SAMPLES
from ixgs_ros.acquisition.outcome import Waiting
from ixgs_ros.acquisition.sample_times import SampleTimes
from ixgs_ros.acquisition.transform_buffer import TransformSource
from ixgs_ros.geometry import RigidTransform
from ixgs_ros.verdict import Code, Refusal


class PoseFinder:
    """Looks up ``reference_from_source``; the account of stamps says whether it may.

    Args:
        config: reference frame, gap, offset and plausibility.
        times: the stamps of all samples.
        transforms: the buffer that interpolates.
    """

    def __init__(self, config: AcquisitionConfig, times: SampleTimes,
                 transforms: TransformSource) -> None:
        """Keep the three; nothing is looked up yet."""
        self.config = config
        self.times = times
        self.transforms = transforms

    def find(self, source_frame: str, image_stamp_ns: int) -> RigidTransform:
        """Return ``reference_from_source`` at the image's stamp plus ``tf.time_offset``.

        Raises:
            Waiting: NO_TRANSFORM, TRANSFORM_GAP, TRANSFORM_STALE or INVALID_POSE, which a late
                sample may still cure.
            Refusal: INVALID_POSE for a source too far away.
        """
        reference = self.config.reference_frame
        stamp = image_stamp_ns + to_ns(self.config.tf.time_offset)
        try:
            self.times.check(reference, source_frame, stamp, to_ns(self.config.tf.max_gap))
            pose = self.transforms.lookup(reference, source_frame, stamp)
        except TransformError as error:
            raise Waiting(self._code(error), str(error)) from error
        distance = float((pose.translation ** 2).sum() ** 0.5)
        if not distance <= self.config.max_source_distance:
            raise Refusal(Code.INVALID_POSE, f'the source is {distance:.2f} m from {reference}; '
                          f'expected at most {self.config.max_source_distance:g} m')
        return pose

    def _code(self, error: TransformError) -> Code:
        if isinstance(error, InvalidSample):
            return Code.INVALID_POSE
        if isinstance(error, PastLookup):
            return Code.TRANSFORM_STALE
        if isinstance(error, TransformGap):
            return Code.TRANSFORM_GAP
        # Whenever the next sample comes, it will be too far from the last one: that is a gap
        # already.
        if isinstance(error, FutureLookup) and error.age_ns > to_ns(self.config.tf.max_gap):
            return Code.TRANSFORM_GAP
        return Code.NO_TRANSFORM

    def check_rest(self, source_frame: str, image_stamp_ns: int, final: bool) -> None:
        """Raise if the source moved during the shot.

        Args:
            source_frame: the source's optical frame.
            image_stamp_ns: stamp of the image, nanoseconds.
            final: whether no further samples are to be waited for.

        Raises:
            Waiting: samples after the shot are still to come; never with ``final``.
            Refusal: MOVING with both speeds.
        """
        reference, limits = self.config.reference_frame, self.config.motion
        stamp = image_stamp_ns + to_ns(self.config.tf.time_offset)
        window = to_ns(limits.window)
        newest = self.times.newest(reference, source_frame)
        if newest is None:
            return  # all edges are static: nothing can move
        if newest < stamp + window and not final:
            raise Waiting(Code.NO_TRANSFORM, 'the samples after the shot are missing')
        motion = estimate_motion(*self._poses(source_frame, stamp, window))
        if motion and (motion.speed > limits.max_speed
                       or motion.angular_speed > limits.max_angular_speed):
            raise Refusal(Code.MOVING, f'the source moved at {motion.speed:.3f} m/s and '
                          f'{motion.angular_speed:.3f} rad/s beyond the noise of its poses; '
                          f'expected at most {limits.max_speed:g} m/s and '
                          f'{limits.max_angular_speed:g} rad/s')

    def _poses(self, source_frame: str, stamp: int,
               window: int) -> tuple[list[int], list[RigidTransform]]:
        """Return the stamps near a shot at which all edges have a valid pose, and these poses."""
        reference = self.config.reference_frame
        stamps, poses = [], []
        for near in self.times.near(reference, source_frame, stamp, window, MIN_SAMPLES):
            try:
                self.times.check(reference, source_frame, near, to_ns(self.config.tf.max_gap))
                poses.append(self.transforms.lookup(reference, source_frame, near))
            except TransformError:
                continue  # one sample fewer to judge by; the shot's own pose was checked
            stamps.append(near)
        return stamps, poses
