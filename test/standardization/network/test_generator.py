"""The network before training: little, nowhere without a body, never more than its share."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from ixgs_ros.standardization.network.config import NetworkConfig
from ixgs_ros.standardization.network.discriminator import Discriminator
from ixgs_ros.standardization.network.generator import (
    blocks_as_channels,
    enlarging,
    Generator,
    halved,
)
from ixgs_ros.standardization.network.inputs import CHANNELS, channels_of, Scaled


def body(size=32):
    """Half air, half a body of 4 with a rod of 2 more; the last rows are masked."""
    image = np.zeros((size, size), np.float32)
    image[:, size // 2:] = 4.0
    image[:, 3 * size // 4] += 2.0
    mask = np.ones(image.shape, dtype=bool)
    mask[-4:] = False
    return Scaled(np.where(mask, image, 0.0), mask)


def output(config, weight_scale=1.0):
    torch.manual_seed(3)
    generator = Generator(config).eval()
    with torch.no_grad():
        generator.head.weight.mul_(weight_scale)
        bone, logit = generator(torch.from_numpy(channels_of(body(), config))[None])
    return bone[0, 0].numpy(), logit[0, 0].numpy()


@pytest.mark.parametrize('block', [1, 2, 4])
def test_an_untrained_share_is_small_and_there_is_none_without_a_body(block):
    config = NetworkConfig(block=block, channels=8, levels=3, presence=False)
    bone, logit = output(config)
    image = body()
    thick = image.line_integrals > 1.0
    assert np.median(bone[thick] / image.line_integrals[thick]) == pytest.approx(0.05, rel=0.4)
    assert (bone[~thick] == 0.0).all()
    assert logit.shape == bone.shape


def test_no_weights_make_more_bone_than_the_gain_allows():
    config = NetworkConfig(channels=8, levels=3, gain=1.5)
    bone, _ = output(config, weight_scale=1e4)
    assert bone.max() > 1.0
    assert (bone <= 1.5 * body().line_integrals + 1e-5).all()


def test_a_direct_output_begins_where_it_is_told_to():
    bone, _ = output(NetworkConfig(channels=8, levels=3, output='direct', presence=False))
    assert np.median(bone[body().mask]) == pytest.approx(0.05, rel=0.4)


def test_the_discriminator_judges_patches():
    scores = Discriminator(8)(torch.zeros(2, CHANNELS, 64, 64), torch.zeros(2, 1, 64, 64))
    assert scores.shape == (2, 1, 14, 14)


def test_an_enlarging_kernel_enlarges_and_convolves():
    torch.manual_seed(0)
    coarse, weight = torch.randn(2, 5, 6, 7), torch.randn(3, 5, 3, 3)
    enlarged = coarse.repeat_interleave(2, 2).repeat_interleave(2, 3)
    found = functional.conv_transpose2d(coarse, enlarging(weight), stride=2, padding=1)
    torch.testing.assert_close(found, functional.conv2d(enlarged, weight, padding=1),
                               rtol=1e-4, atol=1e-4)


def test_an_up_block_sees_the_fine_features_first():
    torch.manual_seed(0)
    block = Generator(NetworkConfig(channels=8, levels=2)).up[0]
    fine, coarse = torch.randn(1, 8, 8, 8), torch.randn(1, 16, 4, 4)
    both = torch.cat([fine, coarse.repeat_interleave(2, 2).repeat_interleave(2, 3)], dim=1)
    expected = both
    for layer in block:
        expected = layer(expected)
    torch.testing.assert_close(block(fine, coarse), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('edge', [1, 2, 4])
def test_blocks_become_channels_as_in_torch(edge):
    image = torch.randn(2, 3, 8, 16)
    assert torch.equal(blocks_as_channels(image, edge), functional.pixel_unshuffle(image, edge))


def test_half_as_many_pixels_are_means():
    image = torch.randn(2, 3, 8, 6)
    torch.testing.assert_close(halved(image), functional.avg_pool2d(image, 2))
