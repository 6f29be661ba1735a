"""A small rig for the gate's tests: a source 0.6 m from the reference, 50 Hz transforms, one
image.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from ixgs_ros.acquisition import Acquisition, AcquisitionConfig, CameraModel, ImageFrame, Outcome
from ixgs_ros.parameters import build

START_NS = 1_700_000_000_000_000_000
MS = 1_000_000
PERIOD_NS = 20 * MS
SIZE = 32
SOURCE = 'carm_source_optical'
IDENTITY = (0.0, 0.0, 0.0, 1.0)
AIR = 50_000.0


def config(**changes: object) -> AcquisitionConfig:
    """Return a configuration; ``tf__timeout=2.0`` stands for ``tf.timeout``."""
    values = {'air_counts': AIR}
    values.update({name.replace('__', '.'): value for name, value in changes.items()})
    return build(AcquisitionConfig, values)


def counts(seed: int = 0) -> np.ndarray:
    """Return the image of a body wider than the field: line integrals from 1 to 3, with noise."""
    row = np.linspace(1.0, 3.0, SIZE)
    expected = AIR * np.exp(-np.add.outer(0.2 * np.sin(row), row))
    return np.random.default_rng(seed).poisson(expected).astype(np.uint16)


def frame(stamp_ns: int, image: np.ndarray | None = None, frame_id: str = SOURCE) -> ImageFrame:
    """Return an image message."""
    return ImageFrame.from_array(stamp_ns, frame_id, counts() if image is None else image)


def camera(stamp_ns: int, **changes: object) -> CameraModel:
    """Return a camera info message that fits :func:`frame`."""
    values: dict = {'frame_id': SOURCE, 'height': SIZE, 'width': SIZE, 'k': np.array(
        [100.0, 0, 15.5, 0, 100.0, 15.5, 0, 0, 1])}
    return CameraModel(stamp_ns, **{**values, **changes})


@dataclass(frozen=True)
class Sample:
    """One transform message."""

    parent: str
    child: str
    stamp_ns: int
    translation: tuple[float, float, float]
    quaternion: tuple[float, float, float, float] = IDENTITY
    static: bool = False

    def send(self, gate: Acquisition) -> None:
        """Hand it to the gate."""
        gate.add_transform(self.parent, self.child, self.stamp_ns, self.translation,
                           self.quaternion, self.static)


STATIC = Sample('carm_marker', SOURCE, 0, (0.0, 0.0, 0.1), static=True)


def samples(start_ns: int, end_ns: int, period_ns: int = PERIOD_NS,
            velocity: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Iterator[Sample]:
    """Return the two moving edges, sampled from start to end; the C-arm may move, m/s."""
    for stamp in range(start_ns, end_ns, period_ns):
        x, y, z = (0.001 * v * (stamp - START_NS) / MS for v in velocity)
        yield Sample('tracker', 'carm_marker', stamp, (0.1 + x, y, -0.7 + z))
        yield Sample('tracker', 'patient_reference', stamp + 3 * MS, (0.1, 0.0, 0.0))


@dataclass
class Rig:
    """A gate with its static transform and a second of transforms, and a clock."""

    gate: Acquisition
    now_ns: int = 5_000 * MS
    outcomes: list[Outcome] = field(default_factory=list)

    @staticmethod
    def ready(seconds: float = 1.0, **changes: object) -> Rig:
        """Return a rig whose transforms are there already."""
        rig = Rig(Acquisition(config(**changes)))
        STATIC.send(rig.gate)
        rig.feed(samples(START_NS, START_NS + round(seconds * 1000) * MS))
        return rig

    def feed(self, transforms: Iterator[Sample] | list[Sample]) -> None:
        """Send transforms."""
        for sample in transforms:
            sample.send(self.gate)

    def shoot(self, stamp_ns: int, image: np.ndarray | None = None,
              **camera_changes: object) -> int:
        """Send an image with its camera info."""
        self.gate.add_camera_info(camera(stamp_ns, **camera_changes))
        return self.gate.add_image(frame(stamp_ns, image), self.now_ns)

    def poll(self, after_ms: float = 0.0) -> list[Outcome]:
        """Poll after some time; collect what comes."""
        self.now_ns += round(after_ms * MS)
        new = self.gate.poll(self.now_ns)
        self.outcomes += new
        return new


MIDDLE_NS = START_NS + 507 * MS
