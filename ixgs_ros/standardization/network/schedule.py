"""How far training is, and the learning rate there."""

from __future__ import annotations

from dataclasses import dataclass
import math
import time

# The rate rises over this share of the training, from a part of the largest rate, and falls to
# another.
RISE, FIRST, LAST = 0.1, 0.04, 1e-3


def one_cycle(progress: float, largest: float) -> float:
    """Return the learning rate at a progress in [0, 1].

    Source: Smith and Topin, Super-convergence (2018); cosines up and down.
    """
    progress = min(max(progress, 0.0), 1.0)
    if progress < RISE:
        share = FIRST + (1.0 - FIRST) * 0.5 * (1.0 - math.cos(math.pi * progress / RISE))
    else:
        fall = (progress - RISE) / (1.0 - RISE)
        share = LAST + (1.0 - LAST) * 0.5 * (1.0 + math.cos(math.pi * fall))
    return largest * share


@dataclass(frozen=True)
class Budget:
    """How long to train: by steps, which repeats exactly, or by time, which a machine decides.

    Args:
        steps: how many; 0 = as many as the time allows.
        seconds: of the clock.
        clock: 'wall', or 'cpu': what this process computes, a thread's share of it, which a busy
            machine does not shorten.
        threads: over which the CPU time is shared.

    Raises:
        ValueError: both are given, none is, or one is negative or no number.
    """

    steps: int = 0
    seconds: float = 0.0
    clock: str = 'wall'
    threads: int = 1

    def __post_init__(self) -> None:
        possible = self.steps >= 0 and 0.0 <= self.seconds < math.inf
        if not possible or (self.steps > 0) == (self.seconds > 0.0):
            raise ValueError('expected either a number of steps or a time to train, got '
                             f'{self.steps} steps and {self.seconds} s')

    def now(self) -> float:
        """Return the clock in seconds."""
        return (time.process_time() / self.threads if self.clock == 'cpu'
                else time.monotonic())

    def progress(self, step: int, seconds: float) -> float:
        """Return the share of the training that is done, 1 at its end."""
        return step / self.steps if self.steps else seconds / self.seconds
