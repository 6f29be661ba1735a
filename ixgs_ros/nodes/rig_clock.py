"""The clock of a simulated rig: it runs along the plan, stands where it must, never goes back.

The plan says where the C-arm is at each plan time. While the rig waits (for listeners, a request,
an image that is still computed) plan time stands and stamps run on: the C-arm stands still and the
tracker goes on reporting it.
"""

from __future__ import annotations

from dataclasses import dataclass

# A tick that comes later than this makes the rig late instead of hasty.
LONGEST_TICK_NS = 50_000_000


@dataclass(frozen=True)
class Step:
    """What passed in one tick.

    Args:
        start_ns: plan time before.
        end_ns: plan time after; the same where the rig stood.
        offset_ns: what made the plan times of this run into stamps.
        stood: whether the rig stood for some of the tick.
    """

    start_ns: int
    end_ns: int
    offset_ns: int
    stood: bool


class RigClock:
    """Plan time and stamps.

    Args:
        start_ns: first plan time; the first stamp is the same.
        speed: plan seconds a second of the steady clock.
    """

    def __init__(self, start_ns: int, speed: float) -> None:
        self.plan_ns = start_ns
        self.offset_ns = 0
        self.limit_ns = start_ns
        self._speed = speed
        self._last_ns: int | None = None

    @property
    def stamp_ns(self) -> int:
        """The stamp of now."""
        return self.plan_ns + self.offset_ns

    def run_until(self, plan_ns: int) -> None:
        """Let plan time run up to ``plan_ns`` and stand there."""
        self.limit_ns = plan_ns

    def tick(self, steady_ns: int) -> Step:
        """Advance to a time of the steady clock, nanoseconds."""
        late_ns = 0 if self._last_ns is None else steady_ns - self._last_ns
        self._last_ns = steady_ns
        elapsed = round(min(late_ns, LONGEST_TICK_NS) * self._speed)
        start, offset = self.plan_ns, self.offset_ns
        run = min(elapsed, max(0, self.limit_ns - start))
        self.plan_ns += run
        self.offset_ns += elapsed - run
        return Step(start, self.plan_ns, offset, run < elapsed)
