"""A virtual tracked C-arm: what a rig's recording holds (docs/contracts.md), made from a CT.

Frames: ``tracker`` → ``patient_reference``; ``tracker`` → ``carm_marker`` →
``carm_source_optical``. The patient reference has LPS axes and its origin at the centre of the
region. The image shows where the C-arm truly was, the transforms say where the tracker believed it
was; they differ by the jitter. Everything follows from the configuration's seed, in whatever order
it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np

from ixgs_ros.geometry.orbits import CArm, CArmAngles
from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.geometry.view import View
from ixgs_ros.parameters import setting
from ixgs_ros.simulation import counts, perturbations
from ixgs_ros.simulation.attenuation import attenuation
from ixgs_ros.simulation.ct import Ct
from ixgs_ros.simulation.faults import checked_faults, Fault
from ixgs_ros.simulation.ray_caster import RayCaster
from ixgs_ros.simulation.target import spine_target
from ixgs_ros.simulation.tracker import IMAGE_FRAME, StampedTransform, Tracker
from ixgs_ros.simulation.trajectories import OrbitConfig, TimingConfig
from ixgs_ros.volume.grid import Region

# Streams of random numbers, so that more noise in one place changes nothing in another.
_PLAN, _PHOTONS = 1, 2
_OUT_OF_VIEW_SHIFT = np.array([0.0, 0.0, -0.5])
_STALE_NS = 60_000_000_000
_LATE_NS = 800_000_000


@dataclass(frozen=True)
class RigConfig:
    """A rig as it is on a good day: noisy, a little off, and calibrated."""

    views: int = setting(24, 'number of shots', low=1, high=10_000)
    seed: int = setting(0, 'start of all random numbers', low=0, high=2**31)
    region_size: float = setting(0.16, 'edge of the cubic region of interest', unit='m', low=0.01,
                                 high=1.0)
    exposure_error: float = setting(0.05, 'relative error of the exposure from shot to shot',
                                    low=0.0, high=1.0)
    principal_wander: float = setting(0.016, 'how far the principal point strays from the image '
                                      'centre, on the detector', unit='m', low=0.0, high=0.1)
    rays_per_pixel: int = setting(1, 'rays cast along each side of a pixel', low=1, high=8)
    orbit: OrbitConfig = field(default_factory=OrbitConfig)
    carm: CArm = field(default_factory=CArm)
    detector: counts.DetectorConfig = field(default_factory=counts.DetectorConfig)
    jitter: perturbations.JitterConfig = field(default_factory=perturbations.JitterConfig)
    timing: TimingConfig = field(default_factory=TimingConfig)

    def ideal(self) -> RigConfig:
        """Return the same rig without noise, jitter, exposure error and wandering."""
        return replace(self, exposure_error=0.0, principal_wander=0.0,
                       detector=replace(self.detector, photons=0.0),
                       jitter=replace(self.jitter, rotation_deg=0.0, translation=0.0))


@dataclass(frozen=True, eq=False)
class PlannedShot:
    """One shot before it is taken.

    Args:
        index: from 0.
        stamp_ns: middle of the exposure, as the image's header says it.
        sent_ns: when the image message leaves the rig.
        frame_id: the image's frame.
        encoding: the image's encoding.
        station: where the C-arm was sent.
        view: K and the **true** pose; what the image shows.
        reported: the pose reference_from_source that the transforms give at the stamp.
        gain: intensity relative to the nominal exposure.
        fault: what is wrong with it, if anything.
    """

    index: int
    stamp_ns: int
    sent_ns: int
    frame_id: str
    encoding: str
    station: CArmAngles
    view: View
    reported: RigidTransform
    gain: float
    fault: Fault | None


@dataclass(frozen=True, eq=False)
class RigCamera:
    """What a CameraInfo message says: stamp, frame, size in pixels, K (3, 3); no distortion."""

    stamp_ns: int
    frame_id: str
    height: int
    width: int
    k: np.ndarray


class VirtualRig:
    """A C-arm, its tracker and its patient.

    Args:
        ct: the patient.
        config: the rig.
        center: (3,) LPS metres, the middle of the region and origin of the patient reference; by
            default the CT's target, or the spine half way up if it has none.
        faults: what goes wrong, by index of the shot.

    Raises:
        ValueError: the centre lies outside the CT, or a fault fits no shot.

    Attributes:
        region: the region of interest in the patient reference.
        lps_from_reference: where the patient reference lies in the CT.
        shots: the planned shots in order.
    """

    def __init__(self, ct: Ct, config: RigConfig | None = None, *,
                 center: np.ndarray | None = None, faults: Mapping[int, Fault] | None = None,
                 ) -> None:
        self.ct = ct
        self.config = config or RigConfig()
        if center is None:
            center = spine_target(ct) if ct.target is None else ct.target
        _check_inside(ct, center)
        self.lps_from_reference = RigidTransform(np.eye(3), center)
        self.region = Region(np.zeros(3), np.full(3, self.config.region_size))
        self._faults = checked_faults(faults or {}, self.config.views)
        stations = self._stations()
        self._stamps = self._exposure_stamps()
        generators = [np.random.default_rng([self.config.seed, _PLAN, index])
                      for index in range(self.config.views)]
        jitters = [perturbations.draw_jitter(self.config.jitter, rng) for rng in generators]
        self._tracker = Tracker(stations, jitters, self._stamps, self._faults, self.config.timing,
                                self.config.carm.sod, self.config.jitter.at)
        self.shots = self._plan(stations, generators)
        self._caster: RayCaster | None = None

    @property
    def start_ns(self) -> int:
        """The stamp of the first transform."""
        return self._tracker.start_ns

    @property
    def end_ns(self) -> int:
        """The stamp that no transform reaches any more."""
        return self._tracker.end_ns

    def static_transforms(self) -> list[StampedTransform]:
        """Return what goes to /tf_static: the hand-eye calibration."""
        return self._tracker.static_transforms()

    def transforms_at(self, stamp_ns: int) -> list[StampedTransform]:
        """Return what the tracker says at this moment; empty of the marker where it is hidden."""
        return self._tracker.transforms_at(stamp_ns)

    def transforms_between(self, start_ns: int, end_ns: int) -> list[StampedTransform]:
        """Return the tracker's samples with ``start_ns <= stamp < end_ns``, in order of time."""
        return self._tracker.transforms_between(start_ns, end_ns)

    def camera(self, index: int) -> RigCamera | None:
        """Return the calibration that goes with a shot; None where a fault withholds it."""
        shot = self.shots[index]
        if shot.fault is Fault.NO_CAMERA_INFO:
            return None
        k = np.zeros((3, 3)) if shot.fault is Fault.UNCALIBRATED else shot.view.k
        return RigCamera(shot.stamp_ns, shot.frame_id, shot.view.height, shot.view.width, k)

    def line_integrals(self, index: int) -> np.ndarray:
        """Return what a perfect detector would see, (H, W) float32 line integrals."""
        return self._ray_caster().project(self.shots[index].view, self.config.rays_per_pixel)

    def expose(self, index: int) -> np.ndarray:
        """Return the counts (H, W) uint16 of a shot, the same however often it is asked for."""
        shot = self.shots[index]
        if shot.fault is Fault.DUPLICATE:
            return self.expose(index - 1)
        if shot.fault is Fault.BLACK:
            return np.zeros((shot.view.height, shot.view.width), dtype=np.uint16)
        rng = np.random.default_rng([self.config.seed, _PHOTONS, index])
        image = counts.expose(self.line_integrals(index), self.config.detector, shot.gain, rng)
        return image[:shot.view.height // 2] if shot.fault is Fault.WRONG_SIZE else image

    def _ray_caster(self) -> RayCaster:
        """Return the caster, made at its first use: it holds the whole CT as attenuation."""
        if self._caster is None:
            reference_from_lps = self.lps_from_reference.inverse().matrix()
            self._caster = RayCaster.from_affine(attenuation(self.ct.hu),
                                                 reference_from_lps @ self.ct.lps_from_index)
        return self._caster

    def _stations(self) -> list[CArmAngles]:
        stations = self.config.orbit.stations(self.config.views, self.config.seed)
        return [replace(station, isocentre=station.isocentre + _OUT_OF_VIEW_SHIFT)
                if self._faults.get(index) is Fault.OUT_OF_VIEW else station
                for index, station in enumerate(stations)]

    def _exposure_stamps(self) -> list[int]:
        """Return the middles of the exposures, never on a sample of the tracker."""
        timing = self.config.timing
        interval, off_sample = round(timing.interval * 1e9), round(0.37e9 / timing.transform_rate)
        return [timing.start_ns + off_sample + (index + 1) * interval
                for index in range(self.config.views)]

    def _plan(self, stations: list[CArmAngles], generators: list[np.random.Generator],
              ) -> list[PlannedShot]:
        shots: list[PlannedShot] = []
        delay = round(self.config.timing.image_delay * 1e9)
        for index, (station, rng) in enumerate(zip(stations, generators, strict=True)):
            stamp, fault = self._stamps[index], self._faults.get(index)
            offset = perturbations.draw_principal_offset(self.config.principal_wander, rng)
            gain = perturbations.draw_gain(self.config.exposure_error, rng)
            shot = PlannedShot(
                index=index, stamp_ns=stamp, fault=fault, station=station,
                sent_ns=stamp + (_LATE_NS if fault is Fault.LATE else delay),
                frame_id='nowhere_optical' if fault is Fault.UNKNOWN_FRAME else IMAGE_FRAME,
                encoding='bayer_rggb16' if fault is Fault.UNSUPPORTED_ENCODING else 'mono16',
                view=self.config.carm.view(station, offset),
                reported=self._tracker.reported_pose(stamp),
                gain=1000.0 * gain if fault is Fault.SATURATED else gain)
            if fault is Fault.STALE:
                shot = replace(shot, stamp_ns=stamp - _STALE_NS)
            if fault is Fault.DUPLICATE:
                shot = replace(shots[-1], index=index, sent_ns=shot.sent_ns, fault=fault)
            shots.append(shot)
        return shots


def _check_inside(ct: Ct, center: np.ndarray) -> None:
    """Raise ValueError unless a point, (3,) LPS metres, lies in the CT: the rest is but air."""
    sizes, place = np.array(ct.hu.shape[::-1]), ct.lps_from_index
    index = np.linalg.solve(place[:3, :3], np.asarray(center) - place[:3, 3])
    if (index < -0.5).any() or (index > sizes - 0.5).any():
        corners = np.array(list(product(*((-0.5, size - 0.5) for size in sizes))))
        points = 1000.0 * (corners @ place[:3, :3].T + place[:3, 3])
        wanted = ', '.join(f'{low:.0f} to {high:.0f}' for low, high
                           in zip(points.min(axis=0), points.max(axis=0), strict=True))
        given = ', '.join(f'{1000.0 * value:.0f}' for value in center)
        raise ValueError(f'expected a centre inside the CT (LPS {wanted} mm), got {given} mm')
