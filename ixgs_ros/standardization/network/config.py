"""The settings of the network and of its training; the first are stored with the weights."""

from __future__ import annotations

from dataclasses import dataclass, field

from ixgs_ros.parameters import setting


@dataclass(frozen=True)
class NetworkConfig:
    """What the network is; weights fit only the configuration that they were trained with."""

    focal: float = setting(
        435.0, 'focal length at which the network sees every image: it is resampled to it. A '
        'detector 0.3 m wide at 1.02 m has 435 px with 128 pixels a row', unit='px', low=16.0,
        high=1e4)
    block: int = setting(
        2, 'edge of the pixel blocks that become channels at the entrance (space to depth)',
        low=1, high=8)
    channels: int = setting(16, 'channels of the first level, doubled at each', low=4, high=256)
    max_channels: int = setting(128, 'most channels of a level', low=4, high=1024)
    levels: int = setting(4, 'resolutions of the U-Net', low=1, high=7)
    output: str = setting(
        'share', 'bone as a share of the line integral, or directly', choices=('share', 'direct'))
    gain: float = setting(
        1.5, 'largest bone per line integral: above 1, since the beam hardens and the exposure '
        'may be off', low=0.1, high=10.0)
    initial: float = setting(
        0.05, 'share (or bone, if direct) that an untrained network puts out', low=1e-4, high=0.9)
    presence: bool = setting(True, 'the bone is multiplied by the probability that there is any')

    @property
    def multiple(self) -> int:
        """Of what the edges of an image must be multiples, in pixels."""
        return self.block * 2 ** (self.levels - 1)


@dataclass(frozen=True)
class LossConfig:
    """How the terms of the loss are weighted; the first has weight 1."""

    quantile: float = setting(
        0.65, 'which quantile of the bone that may be there is put out: 0.5 is the median, which '
        'is none where bone is less likely than none; more loses less bone', low=0.01, high=0.99)
    presence: float = setting(0.3, 'cross-entropy of the presence of bone', low=0.0, high=100.0)
    amplitude: float = setting(0.3, "error of the image's total bone", low=0.0, high=100.0)
    adversarial: float = setting(
        0.0, 'conditional adversarial term (Pix2Pix); 0: no discriminator', low=0.0, high=100.0)


@dataclass(frozen=True)
class TrainingConfig:
    """How the network is trained."""

    network: NetworkConfig = field(default_factory=NetworkConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    tile: int = setting(128, 'edge of the training images, cropped or padded', unit='px', low=16,
                        high=2048)
    batch: int = setting(8, 'images a step', low=1, high=1024)
    kernel_rate: float = setting(0.03, "largest rate of the one-cycle schedule, Muon's, for the "
                                 'kernels of convolutions', low=1e-7, high=1.0)
    learning_rate: float = setting(3e-3, "largest rate, AdamW's, for all else", low=1e-7,
                                   high=1.0)
    weight_decay: float = setting(0.01, 'decay of the weights', low=0.0, high=1.0)
    averaging: float = setting(
        0.995, 'decay a step of the moving average of the weights, which is what is kept',
        low=0.0, high=0.99999)
    polarity_steps: int = setting(
        0, 'steps that the check of polarity is trained for after the network, each of 16 images; '
        '0: it is that of --start-from, or there is none', low=0, high=10**6)
    clip: float = setting(1.0, 'largest norm of the gradient', low=1e-3, high=1e6)
    precision: str = setting(
        'float32', 'of the convolutions; bfloat16 is 1.3 times as fast on CPUs with its '
        'instructions (avx512_bf16) and 12 to 38 times as slow on others',
        choices=('float32', 'bfloat16'))
