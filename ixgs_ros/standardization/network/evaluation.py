"""How good a bone image is: three figures a view. Numpy only.

All arrays are (H, W): ``predicted`` and ``truth`` bone line integrals, ``mask`` the usable pixels.
"""

from __future__ import annotations

import numpy as np

# A pixel with a true line integral below the first holds no bone, above the second it does; one
# above the third is called bone. In between, at the edges of bone, neither is asked.
NO_BONE, BONE, CALLED = 0.02, 0.2, 0.1


def relative_l1(predicted: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """Return ``Σ |predicted - truth| / Σ truth`` over the mask; nan where there is no bone."""
    total = float(truth[mask].sum())
    error = float(np.abs(predicted[mask] - truth[mask]).sum())
    return error / total if total > 0.0 else float('nan')


def invented(predicted: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """Return the share of the pixels without bone that are called bone; nan if there are none."""
    return _share(predicted > CALLED, mask & (truth < NO_BONE))


def lost(predicted: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """Return the share of the bone pixels with less than half of their bone; nan if none."""
    return _share(predicted < 0.5 * truth, mask & (truth > BONE))


def figures(predicted: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """Return the three figures by name."""
    return {function.__name__: function(predicted, truth, mask)
            for function in (relative_l1, invented, lost)}


def mean_figures(views: list[dict[str, float]]) -> dict[str, float]:
    """Return the mean of each figure over the views where it is defined; nan if none."""
    means = {}
    for name in views[0] if views else ():
        values = np.array([view[name] for view in views])
        values = values[np.isfinite(values)]
        means[name] = float(values.mean()) if values.size else float('nan')
    return means


def _share(found: np.ndarray, among: np.ndarray) -> float:
    return float(found[among].mean()) if among.any() else float('nan')
