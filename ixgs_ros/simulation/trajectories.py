"""How the C-arm travels: it stands at each station around the exposure, and glides between."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ixgs_ros.geometry.orbits import CArmAngles, circular_orbit, random_stations
from ixgs_ros.parameters import setting


@dataclass(frozen=True)
class OrbitConfig:
    """Where the shots are taken from."""

    kind: str = setting('random', 'random: drawn within the bounds; arc: evenly from -angle_deg '
                        'to +angle_deg LAO', choices=('random', 'arc'))
    angle_deg: float = setting(60.0, 'bound of LAO/RAO and of CRAN/CAUD', unit='deg', low=0.0,
                               high=180.0)
    roll_deg: float = setting(10.0, 'bound of the roll of the image', unit='deg', low=0.0,
                              high=180.0)
    isocentre_jitter: float = setting(0.005, "bound of the isocentre's offset along each axis",
                                      unit='m', low=0.0, high=1.0)

    def stations(self, views: int, seed: int) -> list[CArmAngles]:
        """Return the stations in the order of the shots."""
        angle = float(np.deg2rad(self.angle_deg))
        if self.kind == 'arc':
            return circular_orbit(views, start=-angle, stop=angle)
        return random_stations(views, seed, angle=angle, roll=float(np.deg2rad(self.roll_deg)),
                               isocentre_jitter=self.isocentre_jitter)


@dataclass(frozen=True)
class TimingConfig:
    """When things happen."""

    interval: float = setting(2.0, 'time from one shot to the next', unit='s', low=0.1, high=600.0)
    dwell: float = setting(0.6, 'how long the C-arm stands still around an exposure', unit='s',
                           low=0.0, high=600.0)
    image_delay: float = setting(0.08, 'time from the exposure to the image message', unit='s',
                                 low=0.0, high=60.0)
    transform_rate: float = setting(50.0, "rate of the tracker's transforms", unit='Hz', low=1.0,
                                    high=1000.0)
    start_ns: int = setting(1_700_000_000_123_456_789, 'stamp of the first transform', unit='ns',
                            low=0, high=2**62)

    def __post_init__(self) -> None:
        if self.dwell >= self.interval:
            raise ValueError(f'expected timing.dwell below timing.interval, got {self.dwell} s '
                             f'and {self.interval} s')


@dataclass(frozen=True)
class Leg:
    """Where the C-arm is between two stations: ``fraction`` of the way from one to the next."""

    start: int
    end: int
    fraction: float


def leg_at(stamps_ns: Sequence[int], dwell_ns: int, stamp_ns: int) -> Leg:
    """Return where on its way the C-arm is.

    Before the first and after the last dwell it stands. Between two it follows
    ``3 f² - 2 f³``, which starts and ends at rest.

    Args:
        stamps_ns: exposure stamps of the stations, increasing.
        dwell_ns: how long it stands around each.
        stamp_ns: when.
    """
    last = len(stamps_ns) - 1
    before = bisect.bisect_right(stamps_ns, stamp_ns) - 1
    if before < 0:
        return Leg(0, 0, 0.0)
    if before == last:
        return Leg(last, last, 0.0)
    departs, arrives = stamps_ns[before] + dwell_ns // 2, stamps_ns[before + 1] - dwell_ns // 2
    linear = min(max((stamp_ns - departs) / (arrives - departs), 0.0), 1.0)
    return Leg(before, before + 1, linear * linear * (3.0 - 2.0 * linear))
