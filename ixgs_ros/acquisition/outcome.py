"""What becomes of an image message: a shot, or a refusal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ixgs_ros.shot import Shot
from ixgs_ros.verdict import Code, Verdict


@dataclass(frozen=True, eq=False)
class AcquiredShot:
    """An image that became a shot.

    Args:
        shot: line integrals, weights and view.
        counts: the detector counts as stored, (H, W).
        air_counts: the unattenuated signal that was used, counts; 0 for images that were
            logarithmic.
        arrival_ns: arrival of the image message, the caller's steady clock.
        verdict: ACCEPTED with a sentence.
    """

    shot: Shot
    counts: np.ndarray
    air_counts: float
    arrival_ns: int
    verdict: Verdict

    @property
    def id(self) -> int:
        """Number of the image message in order of arrival, from 1."""
        return self.shot.id

    @property
    def stamp_ns(self) -> int:
        """Stamp of the image, nanoseconds."""
        return self.shot.stamp_ns


@dataclass(frozen=True)
class RefusedShot:
    """An image that became none.

    Args:
        id: number of the image message in order of arrival, from 1.
        stamp_ns: stamp of the image, nanoseconds.
        frame_id: its frame.
        arrival_ns: arrival of the image message, the caller's steady clock.
        verdict: why.
    """

    id: int
    stamp_ns: int
    frame_id: str
    arrival_ns: int
    verdict: Verdict


Outcome = AcquiredShot | RefusedShot


class Waiting(Exception):
    """Something is missing that may still arrive; carries the verdict for when it does not."""

    def __init__(self, code: Code, message: str) -> None:
        """Keep the verdict of the deadline."""
        super().__init__(f'{code.value}: {message}')
        self.verdict = Verdict(code, message)
