"""What the network is trained to make small."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ixgs_ros.standardization.network.config import LossConfig

# A pixel shows bone if its true line integral is above this: 5 mm of water, half that of bone.
PRESENT = 0.1
# Images with less bone than this on average are not divided by what little they have.
LEAST_MEAN = 0.05


def relative_l1(bone: Tensor, truth: Tensor, mask: Tensor) -> Tensor:
    """Return ``Σ |bone - truth| / Σ truth`` over the mask, as the mean over the images.

    Args:
        bone: (B, 1, H, W) line integrals.
        truth: (B, 1, H, W).
        mask: (B, 1, H, W), 1 or 0.
    """
    errors = ((bone - truth).abs() * mask).sum(dim=(1, 2, 3))
    return (errors / _bone_of(truth, mask)).mean()


def quantile_error(bone: Tensor, truth: Tensor, mask: Tensor, quantile: float) -> Tensor:
    """Return the relative error of a quantile of what may be there, as the mean over the images.

    Too little bone costs ``2 quantile`` times its error, too much ``2 (1 - quantile)`` times:
    the pinball loss, whose least value is at that quantile. One half is :func:`relative_l1`.

    Source: Koenker and Bassett, Regression quantiles, Econometrica 46(1), 1978.
    """
    missing = truth - bone
    errors = (torch.maximum(2.0 * quantile * missing, 2.0 * (quantile - 1.0) * missing)
              * mask).sum(dim=(1, 2, 3))
    return (errors / _bone_of(truth, mask)).mean()


def amplitude_error(bone: Tensor, truth: Tensor, mask: Tensor) -> Tensor:
    """Return ``|Σ (bone - truth)| / Σ truth`` over the mask, as the mean over the images.

    The least absolute error alone is met by the median of what may be there, which is too little
    wherever bone is in doubt; this term asks for the right total.
    """
    errors = ((bone - truth) * mask).sum(dim=(1, 2, 3)).abs()
    return (errors / _bone_of(truth, mask)).mean()


def presence_error(logit: Tensor, truth: Tensor, mask: Tensor) -> Tensor:
    """Return the cross-entropy of 'the bone line integral is above PRESENT' over the mask."""
    present = (truth > PRESENT).to(logit.dtype)
    errors = functional.binary_cross_entropy_with_logits(logit, present, reduction='none')
    return (errors * mask).sum() / mask.sum().clamp(min=1.0)


def generator_terms(bone: Tensor, logit: Tensor, truth: Tensor, mask: Tensor, config: LossConfig
                    ) -> dict[str, Tensor]:
    """Return the weighted terms of the generator's loss, but for the adversarial one."""
    return {'l1': quantile_error(bone, truth, mask, config.quantile),
            'amplitude': config.amplitude * amplitude_error(bone, truth, mask),
            'presence': config.presence * presence_error(logit, truth, mask)}


def adversarial_error(scores: Tensor, true: bool) -> Tensor:
    """Return how far scores are from what they should be: least squares, steadier than logs.

    Source: Mao et al., Least Squares Generative Adversarial Networks (ICCV 2017).
    """
    return torch.mean((scores - (1.0 if true else 0.0)) ** 2)


def _bone_of(truth: Tensor, mask: Tensor) -> Tensor:
    """Return the bone of each image, (B,), and not less than LEAST_MEAN a usable pixel."""
    return torch.maximum((truth * mask).sum(dim=(1, 2, 3)),
                         (LEAST_MEAN * mask.sum(dim=(1, 2, 3))).clamp(min=1.0))
