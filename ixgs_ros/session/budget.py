"""How much an offline run refines: so many steps, CPU seconds, or until held-out pixels say stop.

A part of the budget is spread evenly over the shots as they come, so that the model is warm when
the next one arrives; the rest is spent when all are in.
"""

from __future__ import annotations

from typing import Protocol

from ixgs_ros.reconstruction.reconstructor import Reconstructor

# Of the budget, what is spent before the last shot is in. Steps on few views fit what later ones
# would correct, so it is small.
STREAM_SHARE = 0.25
# Without a budget: steps after each shot, and the most after the last.
STREAM_STEPS = 8
MOST_STEPS = 5000
# Voxelizing the result takes what it took before, and a little more.
VOLUME_MARGIN = 1.2


class Clock(Protocol):
    """What a budget is kept by."""

    @property
    def cpu_s(self) -> float:
        """CPU seconds of the work so far."""


class Budget(Protocol):
    """Decides how many steps are done when."""

    def after_shot(self, reconstructor: Reconstructor, clock: Clock) -> None:
        """Refine after a shot was taken in; more may come."""

    def at_end(self, reconstructor: Reconstructor, clock: Clock) -> None:
        """Refine after the last shot."""

    def halves(self) -> tuple[Budget, Budget]:
        """Return what each of two models gets; together it is this budget."""


class StepBudget:
    """Exactly so many steps in all.

    Args:
        steps: in all.
        images: how many shots may come.
    """

    def __init__(self, steps: int, images: int) -> None:
        """Share the steps out."""
        if steps < 0:
            raise ValueError(f'expected at least 0 steps, got {steps}')
        self._steps, self._images = steps, images
        self._each = int(STREAM_SHARE * steps) // max(1, images)

    def after_shot(self, reconstructor: Reconstructor, clock: Clock) -> None:
        """Refine this shot's share."""
        reconstructor.refine(self._each)

    def at_end(self, reconstructor: Reconstructor, clock: Clock) -> None:
        """Refine what is left."""
        reconstructor.refine(self._steps - reconstructor.steps)

    def halves(self) -> tuple[Budget, Budget]:
        """Return half of the steps, the odd one for the first."""
        second = self._steps // 2
        return (StepBudget(self._steps - second, self._images),
                StepBudget(second, self._images))


class CpuBudget:
    """So many CPU seconds in all, on the clock of the run; the volume at the end is part of it.

    Args:
        seconds: in all.
        images: how many shots may come.
    """

    def __init__(self, seconds: float, images: int) -> None:
        """Share the seconds out."""
        if not seconds > 0:
            raise ValueError(f'expected more than 0 CPU seconds, got {seconds}')
        self._seconds = seconds
        self._images = images
        self._shots = 0
        self._refined_s = 0.0

    def after_shot(self, reconstructor: Reconstructor, clock: Clock) -> None:
        """Refine this shot's share of what is spare beside the cost of taking later shots in."""
        self._shots += 1
        left = max(0, self._images - self._shots)
        taking_s = (clock.cpu_s - self._refined_s) / self._shots
        spare_s = self._seconds - clock.cpu_s - left * taking_s
        before = clock.cpu_s
        self._until(before + STREAM_SHARE * spare_s / (left + 1), reconstructor, clock)
        self._refined_s += clock.cpu_s - before

    def at_end(self, reconstructor: Reconstructor, clock: Clock) -> None:
        """Refine until only the time for the volume is left, or held-out pixels say stop."""
        before = clock.cpu_s
        if before >= self._seconds:
            return
        if reconstructor.grid is not None:
            reconstructor.volume()
        reserve = VOLUME_MARGIN * (clock.cpu_s - before)
        self._until(self._seconds - reserve, reconstructor, clock)

    def halves(self) -> tuple[Budget, Budget]:
        """Return half of the seconds, twice."""
        half = self._seconds / 2
        return CpuBudget(half, self._images), CpuBudget(half, self._images)

    def _until(self, end_s: float, reconstructor: Reconstructor, clock: Clock) -> None:
        while not reconstructor.converged and clock.cpu_s < end_s:
            if not reconstructor.advance():
                return


class UntilConverged:
    """A few steps a shot, then on until held-out pixels say stop."""

    def after_shot(self, reconstructor: Reconstructor, clock: Clock) -> None:
        """Refine a little."""
        reconstructor.refine(STREAM_STEPS)

    def at_end(self, reconstructor: Reconstructor, clock: Clock) -> None:
        """Refine until the held-out pixels no longer improve, at most MOST_STEPS."""
        for _ in range(MOST_STEPS // STREAM_STEPS):
            if reconstructor.converged or reconstructor.refine(STREAM_STEPS).steps == 0:
                return

    def halves(self) -> tuple[Budget, Budget]:
        """Return the same for each: their held-out pixels decide."""
        return UntilConverged(), UntilConverged()
