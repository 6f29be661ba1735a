"""Where the shots of the experiment are taken, and which of them are held out.

There are 36 of each patient and seed: 30 to reconstruct from, of which fewer are used where fewer
views are asked for, and six that are never used, to be predicted.
"""

from __future__ import annotations

import numpy as np

from ixgs_ros.geometry.orbits import CArmAngles, circular_orbit, random_stations

STATIONS, HELD_OUT = 36, 6
MOST_VIEWS = STATIONS - HELD_OUT
TRAJECTORIES = ('arbitrary', 'orbit')


def stations(trajectory: str, seed: int) -> list[CArmAngles]:
    """Return all stations.

    Args:
        trajectory: 'arbitrary': random within 60° about both axes, with roll, the isocentre within
            5 mm; 'orbit': evenly over half a turn about the patient, as in the paper.
        seed: of the arbitrary ones.
    """
    if trajectory not in TRAJECTORIES:
        raise ValueError(f'expected a trajectory of {TRAJECTORIES}, got {trajectory!r}')
    return (random_stations(STATIONS, seed) if trajectory == 'arbitrary'
            else circular_orbit(STATIONS))


def held_out(trajectory: str) -> list[int]:
    """Return which stations are only predicted."""
    if trajectory == 'arbitrary':
        return list(range(MOST_VIEWS, STATIONS))
    step = STATIONS // HELD_OUT
    return list(range(step // 2, STATIONS, step))


def used(trajectory: str, views: int) -> list[int]:
    """Return the stations to reconstruct from, ``views`` of them.

    Arbitrary ones are the first; on the orbit they are spread evenly.
    """
    if not 2 <= views <= MOST_VIEWS:
        raise ValueError(f'expected 2 to {MOST_VIEWS} views, got {views}')
    left = [k for k in range(STATIONS) if k not in held_out(trajectory)]
    if trajectory == 'arbitrary':
        return left[:views]
    return [left[k] for k in np.rint(np.linspace(0, MOST_VIEWS - 1, views)).astype(int)]
