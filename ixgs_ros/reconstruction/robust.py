"""Pixels that the body does not explain count less, the farther off they are.

A wire that lay in some shots only, a dead pixel that nobody found, a mark that was burnt in: the
squared residual makes the body follow them, and what is held out of them asks for smoothing that
the rest does not need. A residual r counts as ``1 / (1 + (r / (c s))²)``, with s the deviation of
the view's own residuals by their median, which a wire hardly moves, but not below what the model
itself leaves at sharp edges: where there is no noise, these would be the outliers. Residuals are
taken times the roots of their weights, so that a pixel of few photons may be farther off.

Source: Cauchy's weights, as in Holland and Welsch, Robust regression using iteratively reweighted
least-squares, Communications in Statistics 6(9), 1977.
"""

from __future__ import annotations

import numpy as np

# The median is taken over every so manieth pixel; a prime, so that no column is left out.
EVERY = 7
# The deviation of a normal distribution over its median absolute value.
DEVIATION = 1.4826
# No deviation of weighted residuals is below this: edges of bone leave 0.1 to 0.2 for a while.
LEAST_DEVIATION = 0.05


def trusted(residual: np.ndarray, weights: np.ndarray, times: float) -> np.ndarray:
    """Return how much each pixel of a view counts, (h, w) float32 in (0, 1].

    Args:
        residual: (h, w) measured minus model, line integrals.
        weights: (h, w), mean about 1, 0 where not to be used.
        times: c, the deviations at which a pixel counts half; 0: all count in full.
    """
    if times == 0:
        return np.ones_like(residual)
    standardized = residual * np.sqrt(weights)
    known = standardized.ravel()[::EVERY]
    known = np.abs(known[weights.ravel()[::EVERY] > 0])
    deviation = DEVIATION * float(np.median(known)) if known.size else 0.0
    standardized *= np.float32(1.0 / (times * max(deviation, LEAST_DEVIATION)))
    standardized *= standardized
    standardized += 1.0
    return np.reciprocal(standardized, out=standardized)
