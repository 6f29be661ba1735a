"""Pixels that are never fitted, and the rule that stops when they no longer improve.

The projections go on improving while the volume gets worse, so the residual of what is fitted says
nothing; held-out blocks do. Blocks, because neighbouring pixels share their blur and so betray
each other.
"""

from __future__ import annotations

import numpy as np

BLOCK = 8
# Converged when a pass lowers the best held-out residual by less than this, PATIENCE times
# running.
LEAST_GAIN = 0.003
PATIENCE = 3


def held_out_blocks(shape: tuple[int, int], share: float, seed: tuple[int, int]) -> np.ndarray:
    """Return which pixels are held out, (h, w) bool.

    Args:
        shape: of the image.
        share: of the blocks; at least one block is held out.
        seed: of the choice.
    """
    rows, columns = -(-shape[0] // BLOCK), -(-shape[1] // BLOCK)
    count = max(1, round(share * rows * columns))
    chosen = np.zeros(rows * columns, dtype=bool)
    chosen[np.random.default_rng(seed).choice(rows * columns, count, replace=False)] = True
    return np.kron(chosen.reshape(rows, columns),
                   np.ones((BLOCK, BLOCK), dtype=bool))[:shape[0], :shape[1]]


def weighted_rms(residual: np.ndarray, weights: np.ndarray) -> float:
    """Return the weighted root mean square of (h, w) residuals; NaN if all weights are 0."""
    total = float(weights.sum(dtype=np.float64))
    if total == 0:
        return float('nan')
    return float(np.sqrt((weights * residual * residual).sum(dtype=np.float64) / total))


class StopRule:
    """Says when the held-out residual has stopped improving; one value a pass over all views."""

    def __init__(self) -> None:
        """Start anew, as after every change of the shots."""
        self.best = float('inf')
        self.idle = 0

    def update(self, residual: float) -> bool:
        """Take the residual after a pass; return whether refinement has converged."""
        if residual < (1 - LEAST_GAIN) * self.best:
            self.idle = 0
        else:
            self.idle += 1
        self.best = min(self.best, residual)
        return self.idle >= PATIENCE
