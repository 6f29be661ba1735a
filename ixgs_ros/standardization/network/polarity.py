"""Whether a picture is a negative in its line integrals: ``c - L`` for ``L``, with any ``c``.

A logarithmic picture whose polarity was told wrongly looks like one: what is much in the way is
little, and the other way round. Ranges of statistics do not tell it from an odd body. A small
network of its own does, from the high-pass copies and the levels that the bone network sees
(`inputs.channels_of`). All of these change their sign in the negative, so the network is made odd:

    score(x) = g(x) - g(-x)

A negative has the score of its positive with the sign turned round, by construction; what is
learned from right pictures holds for wrong ones. It is trained by ``softplus(-score)``, the
logistic loss.
"""

from __future__ import annotations

import torch
from torch import nn, Tensor
from torch.nn import functional

from ixgs_ros.standardization.network.inputs import CHANNELS

WIDTH = 24
# Kernels, channels over WIDTH and strides of the convolutions.
LAYERS = ((5, 1, 2), (3, 2, 2), (3, 2, 2), (3, 2, 1))
LEAST_SPREAD = 1e-3


def seen_of(channels: Tensor) -> tuple[Tensor, Tensor]:
    """Return what a negative has the other way round, (B, CHANNELS - 2, H, W), and the mask.

    Args:
        channels: (B, CHANNELS, H, W) of ``inputs.channels_of``.
    """
    level, copies, mask = channels[:, :1], channels[:, 2:-1], channels[:, -1:]
    pixels = mask.sum((1, 2, 3), keepdim=True).clamp_min(1.0)
    mean = (level * mask).sum((1, 2, 3), keepdim=True) / pixels
    spread = torch.sqrt(((level - mean) ** 2 * mask).sum((1, 2, 3), keepdim=True) / pixels)
    return torch.cat([torch.tanh(level / (spread + LEAST_SPREAD)) * mask, copies], dim=1), mask


class Polarity(nn.Module):
    """The odd network."""

    def __init__(self) -> None:
        """Make an untrained network; torch's generator decides its weights."""
        super().__init__()
        before, layers = CHANNELS - 2, []
        for kernel, wider, stride in LAYERS:
            layers.append(nn.Conv2d(before, wider * WIDTH, kernel, stride, kernel // 2))
            before = wider * WIDTH
        self.layers = nn.ModuleList(layers)
        self.head = nn.Linear(before, 1, bias=False)

    def forward(self, channels: Tensor) -> Tensor:
        """Return the scores (B,): above 0 where a picture is likelier right than a negative.

        Args:
            channels: (B, CHANNELS, H, W) of ``inputs.channels_of``.
        """
        seen, mask = seen_of(channels)
        return self._half(seen, mask) - self._half(-seen, mask)

    def _half(self, features: Tensor, mask: Tensor) -> Tensor:
        for layer in self.layers:
            features = functional.silu(layer(features))
        usable = functional.adaptive_avg_pool2d(mask, features.shape[-2:])
        means = (features * usable).sum((2, 3)) / usable.sum((2, 3)).clamp_min(LEAST_SPREAD)
        return self.head(means)[:, 0]
