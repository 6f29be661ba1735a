"""Whether the shots as a whole contradict each other: no one body explains them.

Where a third of the shots or more are wrong, none of them stands out and none can be set aside
(`outliers`). But what made them wrong happened at some moment: the reference marker was knocked,
another patient was laid down. So coarse voxels are filled from all shots, and for some moments
from those before and from those after it, each by themselves. What right shots leave of themselves
hardly depends on that, whatever the body and however much of it lies beyond the region; shots of
two bodies leave much less apart. Figures: decisions/0012.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ixgs_ros.reconstruction import trial
from ixgs_ros.reconstruction.config import ReconstructionConfig
from ixgs_ros.reconstruction.measurement import Measurement
from ixgs_ros.reconstruction.work import Pieces
from ixgs_ros.volume.grid import Region

# Moments that are tried, as shares of the shots.
MOMENTS = (0.25, 0.5, 0.75)
# So many views there are at least, and in each part: fewer are explained whatever they show.
LEAST_VIEWS, LEAST_PART = 8, 3
# Of right shots, residuals apart are so many times those together at least (geometric mean).
APART = 0.85


@dataclass(frozen=True)
class Halves:
    """Two parts of the shots, each of which is explained best by itself.

    Args:
        before: how many shots the first part has.
        apart: residuals of coarse voxels from each part alone, over those from all.
    """

    before: int
    apart: float

    @property
    def contradict(self) -> bool:
        """Whether shots of one body could not be so."""
        return self.apart < APART


def halves(measurements: list[Measurement], offsets: np.ndarray, used: np.ndarray, region: Region,
           config: ReconstructionConfig) -> Pieces[Halves]:
    """Return the moment at which the shots fall apart most.

    Args:
        measurements: of all views, in the order in which they came.
        offsets: (views,) their exposure offsets as known by now.
        used: (views,) bool, which take part; at least ``LEAST_VIEWS``.
        region: of the volume.
        config: extent and seed.
    """
    def left_by(seen: np.ndarray) -> Pieces[np.ndarray]:
        return trial.residuals(measurements, offsets, seen, region, config)

    together = yield from left_by(used)
    chosen, found = np.flatnonzero(used), []
    for share in MOMENTS:
        count = round(share * len(chosen))
        if min(count, len(chosen) - count) < LEAST_PART:
            continue
        first = chosen[count]
        early, late = used.copy(), used.copy()
        early[first:], late[:first] = False, False
        before, after = (yield from left_by(early)), (yield from left_by(late))
        apart = np.where(early, before, after)[used] / together[used]
        found.append(Halves(int(first), float(np.exp(np.mean(np.log(apart))))))
    return min(found, key=lambda one: one.apart)


def sentence(found: Halves, last_before: int) -> str:
    """Return what is said of the shots; '' if they do not contradict each other.

    Args:
        found: the moment at which they fall apart most.
        last_before: the id of the last shot before it.
    """
    if not found.contradict:
        return ''
    return (f'the shots contradict each other: those up to about shot {last_before} and those '
            f'after it, each part by itself, leave {found.apart:.2f} times the residuals that '
            f'they leave together, expected at least {APART}; has the patient or the reference '
            'marker moved then, or is it another patient? Remove the wrong shots, or reset')
