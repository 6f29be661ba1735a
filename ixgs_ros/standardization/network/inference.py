"""A trained network at work: line integrals in, bone line integrals with a confidence out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from ixgs_ros.geometry.view import View
from ixgs_ros.standardization.network import SHIPPED
from ixgs_ros.standardization.network.inputs import (
    channels_of,
    padded,
    scale_to_network,
    Scaled,
    scaled_shape,
)
from ixgs_ros.standardization.network.weights import load_weights, Weights

# Below this line integral there is no body to speak of and no share is taken.
LEAST_BODY = 0.02


@dataclass(frozen=True, eq=False)
class Standardized:
    """What the network makes of a shot.

    Args:
        bone: (H, W) float32, line integrals of the bone; 0 where masked.
        confidence: (H, W) float32 in [0, 1], see :func:`certainty`; 0 where masked.
        reason: why the shot is unlike those that the network was trained on; empty if it is not.
        polarity: score of the check of polarity, below 0 where a negative is likelier; NaN where
            nothing checks it.
    """

    bone: np.ndarray
    confidence: np.ndarray
    reason: str = ''
    polarity: float = float('nan')


class BoneNetwork:
    """Shot in, bone out; a pure function of the shot.

    Args:
        weights: the trained network with its domain and gate.
    """

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self._generator = weights.generator.eval()
        self.config = weights.generator.config

    @classmethod
    def load(cls, path: str | Path = SHIPPED) -> BoneNetwork:
        """Read and check a weights file.

        Raises:
            WeightsError: it is missing, damaged, or of another kind or version.
        """
        return cls(load_weights(Path(path)))

    def standardize(self, line_integrals: np.ndarray, mask: np.ndarray, view: View
                    ) -> Standardized:
        """Return the bone line integrals of a shot.

        The network works at its own pixel size. What it finds is the share of the line integral
        that is bone: the share is interpolated, and multiplied with the line integrals as they
        are. So a larger image costs no more, and keeps its detail.

        Args:
            line_integrals: (H, W) float32, of the physics stage.
            mask: (H, W) bool, usable pixels.
            view: its K says how wide a pixel is seen.

        Raises:
            ValueError: the shapes are not the view's.
        """
        shape = (view.height, view.width)
        if line_integrals.shape != shape or mask.shape != shape:
            raise ValueError(f'expected line integrals and mask of shape {shape} as the view, got '
                             f'{line_integrals.shape} and {mask.shape}')
        focal = float(view.intrinsics[:2].mean())
        reason = self.weights.domain.too_wide(scaled_shape(shape, focal, self.config))
        if reason:
            nothing = np.zeros(shape, dtype=np.float32)
            return Standardized(nothing, nothing, reason)
        scaled = scale_to_network(line_integrals, mask, focal, self.config)
        channels = torch.from_numpy(channels_of(padded(scaled, self.config.multiple),
                                                self.config))[None]
        share, presence = self._infer(scaled, channels)
        bone = np.maximum(line_integrals, 0.0) * _enlarged(share, shape)
        confidence = _enlarged(certainty(presence, self.weights.gate), shape)
        polarity = self._polarity(channels)
        return Standardized(np.where(mask, bone, 0.0).astype(np.float32),
                            np.where(mask, confidence, 0.0).astype(np.float32),
                            self.weights.domain.complaint(scaled) or self._negative(polarity),
                            polarity)

    def _polarity(self, channels: torch.Tensor) -> float:
        if self.weights.polarity is None:
            return float('nan')
        with torch.inference_mode():
            return float(self.weights.polarity(channels))

    def _negative(self, score: float) -> str:
        """Return that an image looks like a negative; empty if it does not, or nothing tells."""
        if not score < self.weights.negative_below:
            return ''
        return (f'the picture looks like a negative (score {score:.1f}; expected at least '
                f'{self.weights.negative_below:.1f}): is what is dense told as thin (parameters '
                'already_log and inverted, or the grey scale that the file declares)?')

    def _infer(self, scaled: Scaled, channels: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Return the share that is bone and the presence, (h, w) each, at the network's size."""
        height, width = scaled.mask.shape
        with torch.inference_mode():
            bone, logit = self._generator(channels)
            presence = torch.sigmoid(logit)
            bone = torch.where(presence < self.weights.gate, 0.0, bone)
        found = bone[0, 0, :height, :width].numpy()
        share = np.where(scaled.line_integrals > LEAST_BODY,
                         found / np.maximum(scaled.line_integrals, LEAST_BODY), 0.0)
        return share.astype(np.float32), presence[0, 0, :height, :width].numpy()


def certainty(presence: np.ndarray, gate: float) -> np.ndarray:
    """Return how sure the network is of what it says about a pixel, in [0, 1].

    1 where it is sure of bone or of none. Between one half and the gate a pixel is not called
    bone although bone is likelier there than none: that says nothing, and is worth 0.

    Args:
        presence: probability that there is bone, any shape.
        gate: least probability at which a pixel is called bone.
    """
    says_bone = presence >= gate
    return np.maximum(np.where(says_bone, 2.0 * presence - 1.0, 1.0 - 2.0 * presence),
                      0.0).astype(np.float32)


def _enlarged(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    return cv2.resize(image, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
