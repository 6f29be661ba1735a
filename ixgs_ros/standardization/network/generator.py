"""The generator: a small U-Net whose output is a share of what it is given."""

from __future__ import annotations

import math

import torch
from torch import nn, Tensor
from torch.nn import functional

from ixgs_ros.standardization.network.config import NetworkConfig
from ixgs_ros.standardization.network.inputs import CHANNELS, SCALE


def _double_convolution(inputs: int, outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in (inputs, outputs):
        layers += [nn.Conv2d(channels, outputs, 3, padding=1, bias=False),
                   nn.GroupNorm(max(1, outputs // 8), outputs), nn.SiLU()]
    return nn.Sequential(*layers)


class Generator(nn.Module):
    """A U-Net with two heads: how much bone, and whether there is any.

    Blocks of pixels become channels at the entrance and pixels again at the exit, so that no
    layer works at full resolution. The amount is ``bone = gain · L · sigmoid(f)`` with L the line
    integral: where there is no body there is no bone, by construction, and an untrained network
    puts out little (``config.initial``) rather than the same grey everywhere. With
    ``config.presence`` it is multiplied by the probability that there is bone at all: a share
    alone must fall to a hundredth where the body is thick to say 'none'.
    """

    def __init__(self, config: NetworkConfig) -> None:
        """Make an untrained network; torch's generator decides its weights."""
        super().__init__()
        self.config = config
        widths = [min(config.channels * 2 ** level, config.max_channels)
                  for level in range(config.levels)]
        inputs = CHANNELS * config.block ** 2
        self.down = nn.ModuleList(_double_convolution(before, after) for before, after
                                  in zip([inputs, *widths[:-1]], widths, strict=True))
        self.up = nn.ModuleList(_double_convolution(fine + coarse, fine) for fine, coarse
                                in zip(widths[:-1], widths[1:], strict=True))
        self.head = nn.Conv2d(widths[0], 2 * config.block ** 2, 1)
        self._begin_with_little()

    def _begin_with_little(self) -> None:
        """Set the biases of the head so that the output begins near ``config.initial``."""
        start = self.config.initial
        if self.config.output == 'share':
            part = min(start / self.config.gain, 0.99)
            bias = math.log(part / (1.0 - part))
        else:
            bias = math.log(math.expm1(start))
        amount, presence = self.head.bias.detach().chunk(2)
        amount.fill_(bias)
        presence.fill_(0.0)
        self.head.weight.detach().mul_(0.1)

    def forward(self, channels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the bone line integral and the logit of its presence, (B, 1, H, W) each.

        Args:
            channels: (B, CHANNELS, H, W) of ``inputs.channels_of``; H and W are multiples of
                ``config.multiple``.
        """
        amount, logit = self._heads(channels)
        mask = channels[:, -1:]
        if self.config.output == 'share':
            line_integrals = functional.relu(channels[:, 1:2]) * SCALE
            bone = self.config.gain * line_integrals * torch.sigmoid(amount)
        else:
            bone = functional.softplus(amount)
        if self.config.presence:
            bone = bone * torch.sigmoid(logit)
        return bone * mask, logit

    def _heads(self, channels: Tensor) -> tuple[Tensor, Tensor]:
        features = functional.pixel_unshuffle(channels, self.config.block)
        skipped = []
        for level, block in enumerate(self.down):
            features = block(functional.avg_pool2d(features, 2) if level else features)
            skipped.append(features)
        for block, fine in zip(reversed(self.up), reversed(skipped[:-1]), strict=True):
            features = functional.interpolate(features, scale_factor=2.0, mode='nearest')
            features = block(torch.cat([fine, features], dim=1))
        amount, logit = self.head(features).chunk(2, dim=1)
        return (functional.pixel_shuffle(amount, self.config.block),
                functional.pixel_shuffle(logit, self.config.block))
