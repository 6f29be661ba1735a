"""Isotropic total variation of a volume on the device: value and gradient, in plain torch."""

from __future__ import annotations

import torch


def total_variation(volume: torch.Tensor, epsilon: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the total variation of `gaussians.tv.total_variation` and its gradient.

    Args:
        volume: (z, y, x) float32, 1/m.
        epsilon: 1/m, > 0: differences well below it are smoothed.

    Returns:
        The value in 1/m, a float64 scalar on the device, and d value / d volume, (z, y, x).

    Raises:
        ValueError: the volume is not (z, y, x), or epsilon is not positive.
    """
    if volume.ndim != 3 or not epsilon > 0:
        raise ValueError(f'expected a volume (z, y, x) and epsilon > 0, got shape '
                         f'{tuple(volume.shape)} and {epsilon!r}')
    squared = torch.full_like(volume, epsilon * epsilon)
    differences = []
    for axis in range(3):
        difference = torch.zeros_like(volume)
        difference.narrow(axis, 0, volume.shape[axis] - 1).copy_(volume.diff(dim=axis))
        differences.append(difference)
        squared += difference * difference
    lengths = squared.sqrt()
    gradient = torch.zeros_like(volume)
    for axis, difference in enumerate(differences):
        flow, inner = difference / lengths, volume.shape[axis] - 1
        gradient -= flow
        gradient.narrow(axis, 1, inner).add_(flow.narrow(axis, 0, inner))
    return lengths.sum(dtype=torch.float64) - epsilon * volume.numel(), gradient
