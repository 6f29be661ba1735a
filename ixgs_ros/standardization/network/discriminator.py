"""The discriminator of the adversarial term: is a patch of bone true, given the shot?

A PatchGAN after Isola et al., Image-to-Image Translation with Conditional Adversarial Networks
(CVPR 2017): convolutions only, so that every output judges one patch. Off by default.
"""

from __future__ import annotations

import torch
from torch import nn, Tensor

from ixgs_ros.standardization.network.inputs import CHANNELS, SCALE


class Discriminator(nn.Module):
    """Judges patches of 34 × 34 pixels."""

    def __init__(self, channels: int = 32) -> None:
        """Make an untrained discriminator; torch's generator decides its weights."""
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(CHANNELS + 1, channels, 4, stride=2, padding=1), nn.LeakyReLU(0.2),
            nn.Conv2d(channels, 2 * channels, 4, stride=2, padding=1, bias=False),
            nn.GroupNorm(4, 2 * channels), nn.LeakyReLU(0.2),
            nn.Conv2d(2 * channels, 4 * channels, 4, stride=1, padding=1, bias=False),
            nn.GroupNorm(4, 4 * channels), nn.LeakyReLU(0.2),
            nn.Conv2d(4 * channels, 1, 4, stride=1, padding=1))

    def forward(self, channels: Tensor, bone: Tensor) -> Tensor:
        """Return a score for each patch, (B, 1, h, w): 1 true, 0 made.

        Args:
            channels: (B, CHANNELS, H, W), what the generator saw.
            bone: (B, 1, H, W), the bone line integral to judge.
        """
        return self.layers(torch.cat([channels, bone / SCALE], dim=1))
