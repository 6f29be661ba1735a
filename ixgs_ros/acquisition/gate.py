"""The gate: every image message becomes exactly one shot or one refusal, and nothing ever blocks.

Images, camera infos and transforms come in any order. An image waits for what it lacks, at most
``tf.timeout`` on the caller's steady clock; then it is refused by what is still missing.
"""

from __future__ import annotations

from collections import Counter, deque, OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
import math

import numpy as np

from ixgs_ros.acquisition import quaternions
from ixgs_ros.acquisition.camera import CameraModel, undistort
from ixgs_ros.acquisition.config import AcquisitionConfig, to_ns
from ixgs_ros.acquisition.images import decode, Frame
from ixgs_ros.acquisition.outcome import AcquiredShot, Outcome, RefusedShot, Waiting
from ixgs_ros.acquisition.pose import PoseFinder
from ixgs_ros.acquisition.sample_times import SampleTimes
from ixgs_ros.acquisition.transform_buffer import TransformBuffer, TransformSource
from ixgs_ros.geometry import View
from ixgs_ros.shot import Shot
from ixgs_ros.standardization import counts_to_line_integrals, LineIntegrals
from ixgs_ros.verdict import Code, failure, Refusal, Verdict

KEPT_CAMERAS = 1000       # camera infos without their image, newest kept
KEPT_STAMPS = 100_000     # stamps of shots that a copy is recognised by
KEPT_EVENTS = 100
# A sample that comes so long after newer ones of its edge may mean that time went back. Longer
# than messages are late on their way; and `tf.timeout` says for how long that counts.
BACK_NS = to_ns(2.0)
PIXEL_PITCH = (1e-5, 1e-2)  # plausible detector pixels, m


@dataclass(eq=False)
class _Pending:
    """An image that waits; its counts once they are decoded."""

    id: int
    frame: Frame
    arrival_ns: int
    counts: np.ndarray | None = None


class Acquisition:
    """Pairs, waits, checks and converts.

    Args:
        config: frames, times and what the counts mean.
        transforms: the buffer that interpolates; ours if not given.
        ids: where the shots' numbers come from; from 1 on if not given.
    """

    def __init__(self, config: AcquisitionConfig, transforms: TransformSource | None = None,
                 ids: Iterator[int] | None = None) -> None:
        """Start empty."""
        self.config = config
        self._ids = count(1) if ids is None else ids
        self.times = SampleTimes()
        self.transforms = TransformBuffer() if transforms is None else transforms
        self.poses = PoseFinder(config, self.times, self.transforms)
        self.verdicts: Counter[Code] = Counter()
        self.received: Counter[str] = Counter()
        self._cameras: OrderedDict[int, CameraModel] = OrderedDict()
        self._pending: list[_Pending] = []
        self._done: list[Outcome] = []
        self._stamps: OrderedDict[int, int] = OrderedDict()  # the accepted shots' numbers
        self._late: dict[str, int] = {}
        self._events: deque[str] = deque(maxlen=KEPT_EVENTS)
        self._notes: set[str] = set()

    @property
    def waiting(self) -> int:
        """Images whose verdict has not been given out yet."""
        return len(self._pending) + len(self._done)

    def take_events(self) -> list[str]:
        """Return what happened besides verdicts since the last call, in words for a log."""
        events = list(self._events)
        self._events.clear()
        return events

    def summary(self) -> dict[str, int]:
        """Return how many messages of each kind came, how many images wait, and the verdicts."""
        counts = {name: self.received[name] for name in
                  ('images', 'camera_infos', 'transforms', 'invalid_transforms')}
        return {**counts, 'waiting': len(self._pending),
                **{code.value: number for code, number in self.verdicts.items()}}

    # --- input

    def add_image(self, frame: Frame, arrival_ns: int) -> int:
        """Take an image message; its verdict comes from a later :meth:`poll`.

        Args:
            frame: the message.
            arrival_ns: when it arrived, steady clock, nanoseconds.

        Returns:
            Its number in order of arrival.
        """
        self.received['images'] += 1
        pending = _Pending(next(self._ids), frame, arrival_ns)
        if frame.stamp_ns in self._stamps or any(other.frame.stamp_ns == frame.stamp_ns
                                                 for other in self._pending):
            self._refuse(pending, Verdict(
                Code.DUPLICATE, f'an image of stamp {frame.stamp_ns} ns came before; expected a '
                'new stamp for each shot'))
        elif len(self._pending) >= self.config.queue:
            self._refuse(pending, Verdict(
                Code.OVERLOAD, f'{len(self._pending)} images are waiting already; expected at '
                f'most {self.config.queue} (parameter queue)'))
        else:
            self._pending.append(pending)
        return pending.id

    def add_camera_info(self, camera: CameraModel) -> None:
        """Take a camera info; it belongs to the image of the same stamp."""
        self.received['camera_infos'] += 1
        self._cameras[camera.stamp_ns] = camera
        self._cameras.move_to_end(camera.stamp_ns)
        if len(self._cameras) > KEPT_CAMERAS:
            self._cameras.popitem(last=False)

    def add_transform(self, parent: str, child: str, stamp_ns: int, translation: Sequence[float],
                      quaternion: Sequence[float], static: bool = False) -> None:
        """Take ``parent_from_child`` as the message holds it.

        A sample that is no pose is remembered as such: a shot next to it is refused as
        INVALID_POSE. An impossible edge (no name, a loop) is dropped with an event.

        Args:
            parent: ``header.frame_id``.
            child: ``child_frame_id``.
            stamp_ns: ``header.stamp``, nanoseconds.
            translation: x, y, z in metres.
            quaternion: x, y, z, w.
            static: whether it came from /tf_static.
        """
        self.received['transforms'] += 1
        parent, child = parent.lstrip('/'), child.lstrip('/')
        fault = _fault(translation, quaternion)
        if fault is not None:
            self.received['invalid_transforms'] += 1
            self._say_once(f'{parent} → {child} holds a sample that is no pose: {fault}')
        try:
            if not static and self._jumped(child, stamp_ns):
                self.time_jumped(f'{parent} → {child} went back to {stamp_ns} ns')
            fresh = self.times.add(parent, child, stamp_ns, static, fault)
            if fresh and fault is None:
                self.transforms.insert(parent, child, stamp_ns, translation, quaternion, static)
        except ValueError as error:
            self.received['invalid_transforms'] += 1
            self._say_once(f'transform dropped: {error}')

    def time_jumped(self, reason: str) -> None:
        """Forget all transforms and camera infos, as when a bag starts again; static ones stay.

        Images that wait get their verdict first. The stamps of earlier shots stay known: the same
        exposure played twice is a DUPLICATE.
        """
        self._settle(self._pending, final=True)
        self.times.clear()
        self.transforms.clear()
        self._cameras.clear()
        self._late.clear()
        self._events.append(f'time jumped back ({reason}); transforms and camera infos were '
                            'cleared')

    def forget(self, shot_id: int, stamp_ns: int) -> bool:
        """Let the exposure of a shot come again: it was taken out of the model.

        Args:
            shot_id: number of the shot; nothing changes if the exposure has come again since, or
                was never accepted.
            stamp_ns: stamp of its image.

        Returns:
            Whether it may come again from now on and could not before.
        """
        if self._stamps.get(stamp_ns) != shot_id:
            return False
        del self._stamps[stamp_ns]
        return True

    def _jumped(self, child: str, stamp_ns: int) -> bool:
        """Whether a moving sample tells of time gone back, and is no single stray one.

        Two in a row that are much older than the newest, the second newer than the first, are the
        sign. Samples of before and after would else lie side by side, and a pose between them is
        one that the C-arm never had.
        """
        newest = self.times.newest_of(child)
        if newest is None or stamp_ns >= newest - max(BACK_NS, 2 * to_ns(self.config.tf.timeout)):
            self._late.pop(child, None)
            return False
        before = self._late.get(child)
        self._late[child] = stamp_ns
        return before is not None and stamp_ns > before

    # --- verdicts

    def poll(self, now_ns: int) -> list[Outcome]:
        """Return the verdicts that are due; never waits.

        Args:
            now_ns: the clock of ``arrival_ns``, nanoseconds.

        What is raised here is a fault of ours; its image is FAILED in the next answer.
        """
        timeout = to_ns(self.config.tf.timeout)
        late = [pending for pending in self._pending if now_ns - pending.arrival_ns >= timeout]
        in_time = [pending for pending in self._pending if now_ns - pending.arrival_ns < timeout]
        self._settle(late, final=True)
        self._settle(in_time, final=False)
        return self._take()

    def flush(self) -> list[Outcome]:
        """Return the verdicts of all images that wait: nothing more is to come."""
        self._settle(self._pending, final=True)
        return self._take()

    def _take(self) -> list[Outcome]:
        done = sorted(self._done, key=lambda outcome: outcome.id)
        self._done = []
        return done

    def _settle(self, candidates: list[_Pending], final: bool) -> None:
        """Give verdicts to those candidates that can have one now; all of them if ``final``."""
        for pending in list(candidates):  # the ones settled leave self._pending
            outcome: Outcome
            try:
                outcome = self._resolve(pending, final)
            except Refusal as refusal:
                outcome = _refused(pending, refusal.verdict)
            except Waiting as waiting:
                if not final:
                    continue
                outcome = _refused(pending, waiting.verdict)
            except Exception as error:
                # A fault of ours: told once, and it must not hold up all images behind this one.
                self._end(pending, _refused(pending, failure(error)))
                raise
            self._end(pending, outcome)

    def _end(self, pending: _Pending, outcome: Outcome) -> None:
        self._pending.remove(pending)
        self._count(outcome)
        self._done.append(outcome)

    def _resolve(self, pending: _Pending, final: bool) -> AcquiredShot:
        """Return the shot, or raise Refusal or Waiting."""
        frame = pending.frame
        counts = self._decoded(pending)
        camera = self._camera(frame)
        k = camera.intrinsics()
        camera.check_distortion()
        camera.check_image(*counts.shape)
        self._check_pitch(camera)
        source = frame.frame_id.lstrip('/')
        pose = self.poses.find(source, frame.stamp_ns)
        self.poses.check_rest(source, frame.stamp_ns, final)
        image = counts_to_line_integrals(counts, self.config)
        line_integrals, weights = image.line_integrals, image.weights
        if camera.distorted:
            line_integrals, weights = undistort(line_integrals, weights, k, camera)
        shot = Shot(pending.id, frame.stamp_ns, View(k, pose, *counts.shape), line_integrals,
                    weights, exposure_offset=0.0 if image.air_visible else math.nan)
        return AcquiredShot(shot, counts, image.air_counts, pending.arrival_ns,
                            Verdict(Code.ACCEPTED, self._sentence(image)))

    def _decoded(self, pending: _Pending) -> np.ndarray:
        if pending.counts is None:
            pending.counts, note = decode(pending.frame)
            if note:
                self._say_once(note)
        return pending.counts

    def _camera(self, frame: Frame) -> CameraModel:
        camera = self._cameras.get(frame.stamp_ns)
        if camera is None:
            raise Waiting(Code.UNCALIBRATED, f'none of {self.received["camera_infos"]} camera '
                          f'infos has the stamp of the image, {frame.stamp_ns} ns; expected one')
        if camera.frame_id != frame.frame_id:
            raise Refusal(Code.UNCALIBRATED, f'the camera info is for frame {camera.frame_id!r}; '
                          f'expected that of the image, {frame.frame_id!r}')
        return camera

    def _check_pitch(self, camera: CameraModel) -> None:
        """Refuse a K that contradicts ``sdd``: one of them is in another unit."""
        pitch = self.config.sdd / float(np.ravel(camera.k)[0])
        low, high = PIXEL_PITCH
        if self.config.sdd > 0 and not low <= pitch <= high:
            raise Refusal(Code.UNCALIBRATED, f'K[0] and the parameter sdd = {self.config.sdd:g} m '
                          f'make pixels of {pitch * 1e3:g} mm; expected {low * 1e3:g} to '
                          f'{high * 1e3:g} mm')

    def _sentence(self, image: LineIntegrals) -> str:
        used = image.weights > 0
        low, high = np.quantile(image.line_integrals[used], [0.05, 0.95])
        origin = 'seen in the image' if image.air_visible else 'taken from the parameters'
        return (f'line integrals {low:.2f} to {high:.2f} (5 to 95 %) on {used.mean():.0%} of the '
                f'pixels; air {image.air_counts:g} counts, {origin}')

    def _refuse(self, pending: _Pending, verdict: Verdict) -> None:
        outcome = _refused(pending, verdict)
        self._count(outcome)
        self._done.append(outcome)

    def _count(self, outcome: Outcome) -> None:
        self.verdicts[outcome.verdict.code] += 1
        if isinstance(outcome, AcquiredShot):
            self._stamps[outcome.stamp_ns] = outcome.id
            if len(self._stamps) > KEPT_STAMPS:
                self._stamps.popitem(last=False)

    def _say_once(self, text: str) -> None:
        if text not in self._notes and len(self._notes) < KEPT_EVENTS:
            self._notes.add(text)
            self._events.append(text)


def _refused(pending: _Pending, verdict: Verdict) -> RefusedShot:
    return RefusedShot(pending.id, pending.frame.stamp_ns, pending.frame.frame_id,
                       pending.arrival_ns, verdict)


def _fault(translation: Sequence[float], quaternion: Sequence[float]) -> str | None:
    """Return why these numbers are no pose; None if they are one."""
    try:
        quaternions.pose(translation, quaternion)
    except ValueError as error:
        return str(error)
    return None
