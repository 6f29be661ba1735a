"""The generator: a small U-Net whose output is a share of what it is given."""

from __future__ import annotations

import math

import torch
from torch import nn, Tensor
from torch.nn import functional

from ixgs_ros.standardization.network.config import NetworkConfig
from ixgs_ros.standardization.network.inputs import CHANNELS, SCALE


def _double_convolution(inputs: int, outputs: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for channels in (inputs, outputs):
        layers += [nn.Conv2d(channels, outputs, 3, padding=1, bias=False),
                   nn.GroupNorm(max(1, outputs // 8), outputs), nn.SiLU()]
    return layers


class _Joined(nn.Sequential):
    """Layers whose first, a convolution of 3 × 3, sees fine features and coarse ones enlarged."""

    def forward(self, fine: Tensor, coarse: Tensor) -> Tensor:
        """Return features at the fine resolution.

        Args:
            fine: (B, C, H, W), the first of what the convolution sees.
            coarse: (B, D, H / 2, W / 2), the others: every pixel stands for 2 × 2.
        """
        first, *others = self
        own, rest = first.weight.split([fine.shape[1], coarse.shape[1]], dim=1)
        features = functional.conv2d(fine, own, padding=1) + functional.conv_transpose2d(
            coarse, enlarging(rest), stride=2, padding=1)
        for layer in others:
            features = layer(features)
        return features


def enlarging(weight: Tensor) -> Tensor:
    """Return the kernel (D, C, 4, 4) that enlarges twofold and convolves at once.

    Of nine neighbours in an image enlarged by repetition only four differ, so that a transposed
    convolution does the same at less than half the cost.

    Args:
        weight: (C, D, 3, 3) of the convolution of the enlarged image.
    """
    turned = weight.transpose(0, 1).flip(2, 3)
    for pads in (((1, 0, 0, 0), (0, 1, 0, 0)), ((0, 0, 1, 0), (0, 0, 0, 1))):
        first, second = (functional.pad(turned, pad) for pad in pads)
        turned = first + second
    return turned


def blocks_as_channels(image: Tensor, edge: int) -> Tensor:
    """Return ``pixel_unshuffle`` of an image (B, C, H, W), in half its time."""
    parts = [image[..., row::edge, column::edge]
             for row in range(edge) for column in range(edge)]
    return torch.stack(parts, dim=2).flatten(1, 2)


def halved(features: Tensor) -> Tensor:
    """Return means of 2 × 2 pixels of (B, C, H, W), in a third of ``avg_pool2d``'s time."""
    rows = features[..., ::2, :] + features[..., 1::2, :]
    return 0.25 * (rows[..., ::2] + rows[..., 1::2])


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
        self.down = nn.ModuleList(nn.Sequential(*_double_convolution(before, after))
                                  for before, after
                                  in zip([inputs, *widths[:-1]], widths, strict=True))
        self.up = nn.ModuleList(_Joined(*_double_convolution(fine + coarse, fine))
                                for fine, coarse in zip(widths[:-1], widths[1:], strict=True))
        self.head = nn.Conv2d(widths[0], 2 * config.block ** 2, 1)
        self._begin_with_little()

    def kernels(self) -> list[nn.Parameter]:
        """Return the kernels of the hidden convolutions, (C, D, 3, 3): all but the head's."""
        return [module.weight for module in (*self.down.modules(), *self.up.modules())
                if isinstance(module, nn.Conv2d)]

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
        features = blocks_as_channels(channels, self.config.block)
        skipped = []
        for level, block in enumerate(self.down):
            features = block(halved(features) if level else features)
            skipped.append(features)
        for block, fine in zip(reversed(self.up), reversed(skipped[:-1]), strict=True):
            features = block(fine, features)
        amount, logit = self.head(features).chunk(2, dim=1)
        return (functional.pixel_shuffle(amount, self.config.block),
                functional.pixel_shuffle(logit, self.config.block))
