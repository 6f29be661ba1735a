"""The place in the refinement: how many steps since the shots last changed, and what is due by it.

It begins anew whenever the shots change. So do the rates, unless a model goes on that knows all
shots but one: full rates would undo what it has found, and in the seconds to the next shot they
would hardly fall.
"""

from __future__ import annotations

import numpy as np

from ixgs_ros.reconstruction.held_out import StopRule
from ixgs_ros.reconstruction.replay import view_of_step

# Views are judged once each was fitted so many times since the shots last changed.
SETTLED = 2
# Where one shot comes to a model, rates stay as low as they have become, but not lower than after
# so many steps with each view: the new one has to move it.
KNOWN_STEPS = 10


class Schedule:
    """Counts steps.

    Args:
        views: shots that take part.
        newest: which of these came last and is replayed most; None if the last change brought
            none.
        known: steps done before the last change that the rates still count.
    """

    def __init__(self, views: int, newest: int | None, known: int = 0) -> None:
        self.views = views
        self.newest = newest
        self.known = known
        self.number = 0
        # Steps after which poses and exposures of all views are fitted. A new shot's pose was
        # fitted when it came; the others' wait until the model knows it.
        self.next_views = views if newest is None else 2 * views
        # Views whose poses are still to be fitted this time, one a step.
        self.unaligned: list[int] = []
        self.converged = False
        self._rule = StopRule()

    @property
    def rate_number(self) -> int:
        """The number of the step by which the rates have fallen."""
        return self.known + self.number

    @property
    def known_to_one_more(self) -> int:
        """What one more shot's schedule is to know of the steps of this one."""
        return min(self.rate_number, KNOWN_STEPS * self.views)

    @property
    def settled(self) -> bool:
        """Whether each view was fitted often enough to be judged."""
        return self.number >= SETTLED * self.views

    @property
    def views_are_due(self) -> bool:
        """Whether it is time to fit what belongs to each view."""
        return self.number == self.next_views

    def plan_views(self, count: int) -> None:
        """Put the poses of ``count`` views on the list, and all of it off to twice as many steps.

        Args:
            count: 0 where poses are not fitted.
        """
        self.next_views = 2 * self.number
        self.unaligned = list(range(count))

    def view(self, used: np.ndarray, seed: tuple[int, ...]) -> int:
        """Return the index of the view that the next step fits.

        Args:
            used: (shots,) bool, which take part.
            seed: of the order.
        """
        chosen = np.flatnonzero(used)
        return int(chosen[view_of_step(self.number, len(chosen), self.newest, seed)])

    def stepped(self) -> bool:
        """Count a step; return whether it was the last of a pass over all views."""
        self.number += 1
        return self.number % self.views == 0

    def judge(self, held_out_residual: float) -> None:
        """Take the residual after a pass."""
        self.converged = self._rule.update(held_out_residual)
