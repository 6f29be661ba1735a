"""The Gaussian model, and gradients of the same shape, as tensors on a device."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch

from ixgs_ros.gaussians.model import BLOCKS, GaussianModel, Gradients


def check_tensor(name: str, tensor: torch.Tensor, shape: tuple[int, ...],
                 device: torch.device) -> None:
    """Raise unless ``tensor`` is contiguous float32 of the given shape on the device.

    Raises:
        TypeError: it is no tensor, or its dtype differs.
        ValueError: its shape, memory order or device differs.
    """
    if not isinstance(tensor, torch.Tensor) or tensor.dtype != torch.float32:
        kind = tensor.dtype if isinstance(tensor, torch.Tensor) else type(tensor).__name__
        raise TypeError(f'expected {name} as a float32 tensor, got {kind}')
    if tuple(tensor.shape) != shape or not tensor.is_contiguous():
        raise ValueError(f'expected {name} of shape {shape}, contiguous, got '
                         f'{tuple(tensor.shape)} with strides {tensor.stride()}')
    if tensor.device != device:
        raise ValueError(f'expected {name} on {device}, got it on {tensor.device}')


@dataclass
class Blocks:
    """One float32 tensor for each block of parameters, all on one device, contiguous.

    Args:
        means: (N, 3).
        log_scales: (N, 3).
        quaternions: (N, 4) w, x, y, z.
        densities: (N,).

    Raises:
        TypeError, ValueError: a block has another dtype, shape, order or device.
    """

    means: torch.Tensor
    log_scales: torch.Tensor
    quaternions: torch.Tensor
    densities: torch.Tensor

    def __post_init__(self) -> None:
        self.check_layout()

    def __len__(self) -> int:
        """Return the number of Gaussians."""
        return len(self.means)

    @property
    def device(self) -> torch.device:
        """Where the tensors are."""
        return self.means.device

    def blocks(self) -> dict[str, torch.Tensor]:
        """Return the four tensors by name, in a fixed order."""
        return {name: getattr(self, name) for name in BLOCKS}

    def check_layout(self, count: int | None = None, device: torch.device | None = None) -> None:
        """Raise unless dtypes, shapes, order and device are as promised, and as given here."""
        count = len(self) if count is None else count
        for name, tensor in self.blocks().items():
            columns = BLOCKS[name]
            check_tensor(name, tensor, (count,) if columns is None else (count, columns),
                         self.device if device is None else device)

    def copy(self) -> Self:
        """Return a deep copy on the same device."""
        return type(self)(**{name: tensor.clone() for name, tensor in self.blocks().items()})

    def select(self, which: torch.Tensor) -> Self:
        """Return the Gaussians of an index tensor or a boolean mask, copied."""
        return type(self)(**{name: tensor[which] for name, tensor in self.blocks().items()})

    def _arrays(self) -> dict[str, np.ndarray]:
        return {name: tensor.cpu().numpy().copy() for name, tensor in self.blocks().items()}


class DeviceModel(Blocks):
    """The density of `gaussians.model.GaussianModel`, kept on a device; units as there.

    The tensors may be changed in place (the optimiser does).
    """

    @staticmethod
    def from_host(model: GaussianModel, device: torch.device | str) -> DeviceModel:
        """Return a copy of a model on a device."""
        model.check_layout()
        return DeviceModel(**{name: torch.tensor(array, device=device)
                              for name, array in model.blocks().items()})

    def to_host(self) -> GaussianModel:
        """Return a copy as arrays."""
        return GaussianModel(**self._arrays())

    @staticmethod
    def concatenate(models: Iterable[DeviceModel]) -> DeviceModel:
        """Return all Gaussians of one model or more, one model after another."""
        parts = list(models)
        return DeviceModel(**{name: torch.cat([getattr(part, name) for part in parts])
                              for name in BLOCKS})


class DeviceGradients(Blocks):
    """Derivatives of a loss by the model's parameters, as in `gaussians.model.Gradients`."""

    @staticmethod
    def zeros(count: int, device: torch.device | str) -> DeviceGradients:
        """Return gradients of ``count`` Gaussians, all 0."""
        return DeviceGradients(**{
            name: torch.zeros((count,) if columns is None else (count, columns), device=device)
            for name, columns in BLOCKS.items()})

    def to_host(self) -> Gradients:
        """Return a copy as arrays."""
        return Gradients(**self._arrays())

    def add(self, other: DeviceGradients, factor: float = 1.0) -> None:
        """Add ``factor`` times other gradients of the same model, in place."""
        for name, tensor in self.blocks().items():
            tensor.add_(getattr(other, name), alpha=factor)
