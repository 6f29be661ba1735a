"""Adam on the device: the steps and bounds of `gaussians.optimizer.Adam`, in plain torch."""

from __future__ import annotations

import math

import torch

from ixgs_ros.gaussians.cuda.model import Blocks, DeviceGradients, DeviceModel
from ixgs_ros.gaussians.model import BLOCKS
from ixgs_ros.gaussians.optimizer import AdamConfig, SAMPLE, TINY


class DeviceAdam:
    """The optimiser's state for one model of changing size.

    Args:
        count: Gaussians at the start.
        device: where model and gradients are.
        config: rates, decays and bounds.

    Each Gaussian has its own age, as in `gaussians.optimizer.Adam`. A rate of 0 leaves a block
    untouched, state included.
    """

    def __init__(self, count: int, device: torch.device | str,
                 config: AdamConfig | None = None) -> None:
        self.config = AdamConfig() if config is None else config
        if self.config.min_scale > self.config.max_scale:
            raise ValueError(f'expected min_scale <= max_scale, got {self.config.min_scale} m and '
                             f'{self.config.max_scale} m')
        self._first = DeviceGradients.zeros(count, device)
        self._second = DeviceGradients.zeros(count, device)
        self._ages = torch.zeros(count, dtype=torch.int64, device=self._first.device)

    def __len__(self) -> int:
        """Return the number of Gaussians."""
        return len(self._ages)

    def step(self, model: DeviceModel, gradients: DeviceGradients, factor: float = 1.0) -> None:
        """Move the model against the gradients, in place.

        Args:
            model: as many Gaussians as this state has.
            gradients: of the loss to be made smaller.
            factor: multiplies all rates (a schedule).

        Raises:
            ValueError: the counts or devices differ.
            FloatingPointError: gradients are not finite; those Gaussians were left as they were.
        """
        for blocks in (model, gradients):
            blocks.check_layout(len(self), self._ages.device)
        finite = finite_rows(gradients)
        self._ages += finite
        for name in BLOCKS:
            rate = getattr(self.config, f'rate_{name}') * factor
            if rate > 0:
                moved = self._moved(name, model, gradients, rate, finite)
                old = getattr(model, name)
                old.copy_(torch.where(_beside(finite, old), self._bounded(name, moved), old))
        bad = len(self) - int(finite.sum())
        if bad:
            raise FloatingPointError(f'expected finite gradients, got {bad} of {len(self)} '
                                     'Gaussians with NaN or infinity')

    def select(self, which: torch.Tensor) -> None:
        """Keep the state of an index tensor or boolean mask, as `DeviceModel.select` does."""
        self._first, self._second = self._first.select(which), self._second.select(which)
        self._ages = self._ages[which]

    def extend(self, count: int) -> None:
        """Append ``count`` Gaussians without a history."""
        news = DeviceGradients.zeros(count, self._ages.device).blocks()
        self._first, self._second = (
            DeviceGradients(**{name: torch.cat([block, news[name]])
                               for name, block in state.blocks().items()})
            for state in (self._first, self._second))
        self._ages = torch.cat([self._ages, self._ages.new_zeros(count)])

    def forget(self, which: torch.Tensor) -> None:
        """Restart the history of the Gaussians ``which`` (index tensor or mask)."""
        for block in (*self._first.blocks().values(), *self._second.blocks().values()):
            block[which] = 0
        self._ages[which] = 0

    def _moved(self, name: str, model: DeviceModel, gradients: DeviceGradients, rate: float,
               finite: torch.Tensor) -> torch.Tensor:
        """Update the running means of a block where ``finite``; return its stepped parameters."""
        gradient, c = getattr(gradients, name), self.config
        first, second = getattr(self._first, name), getattr(self._second, name)
        keep = _beside(finite, gradient)
        first.copy_(torch.where(keep, first + (1 - c.decay_mean) * (gradient - first), first))
        second.copy_(torch.where(
            keep, second + (1 - c.decay_square) * (gradient * gradient - second), second))
        # In float64: 1 - decay^age of a young Gaussian is a small difference.
        ages = _beside(self._ages, gradient).double()
        corrections = [(1 / (1 - decay ** ages)).float()
                       for decay in (c.decay_mean, c.decay_square)]
        sizes = torch.sqrt(second * corrections[1])
        step = first * corrections[0] / (sizes + self._damping(sizes, finite))
        return getattr(model, name) - rate * step

    def _damping(self, sizes: torch.Tensor, finite: torch.Tensor) -> torch.Tensor:
        """Return what is added to the sizes of a block's gradients, by the mean of some."""
        some = slice(None, None, max(1, len(self) // SAMPLE))
        known = sizes[some][finite[some]]
        return self.config.damping * known.sum() / max(1, known.numel()) + float(TINY)

    def _bounded(self, name: str, block: torch.Tensor) -> torch.Tensor:
        """Return stepped parameters within the bounds of their block."""
        c = self.config
        if name == 'densities':
            return block.clamp(min=0.0)
        if name == 'quaternions':
            return block / block.norm(dim=1, keepdim=True)
        if name == 'log_scales':
            low, high = math.log(c.min_scale), math.log(c.max_scale)
            top = block.amax(dim=1, keepdim=True).clamp(max=high)
            floor = (top - math.log(c.max_anisotropy)).clamp(min=low)
            return torch.maximum(block, floor).clamp(max=high)
        return block


def finite_rows(blocks: Blocks) -> torch.Tensor:
    """Return which Gaussians have only finite entries, (N,) bool."""
    rows = [torch.isfinite(block).reshape(len(blocks), -1).all(dim=1)
            for block in blocks.blocks().values()]
    return rows[0] & rows[1] & rows[2] & rows[3]


def _beside(per_gaussian: torch.Tensor, block: torch.Tensor) -> torch.Tensor:
    """Return (N,) as (N, 1) where the block has columns."""
    return per_gaussian[:, None] if block.ndim > 1 else per_gaussian
