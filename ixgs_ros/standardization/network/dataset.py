"""Training examples, made anew at every step: the same for the same seed and step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ixgs_ros.simulation.material_shot import MaterialShot
from ixgs_ros.standardization.network.config import NetworkConfig, TrainingConfig
from ixgs_ros.standardization.network.inputs import (
    channels_of,
    masked_resize,
    Scaled,
    scaled_shape,
)


@dataclass(frozen=True, eq=False)
class Example:
    """One shot with what a perfect standardizer would make of it.

    Args:
        line_integrals: (H, W) float32, as the physics stage leaves them.
        mask: (H, W) bool, usable pixels.
        bone: (H, W) float32, line integrals of the bone target.
        focal: focal length in pixels, the mean of fx and fy.
    """

    line_integrals: np.ndarray
    mask: np.ndarray
    bone: np.ndarray
    focal: float


# What a detector makes of a material shot: line integrals and usable pixels.
Exposure = Callable[[MaterialShot, np.random.Generator], tuple[np.ndarray, np.ndarray]]


class Shots(Protocol):
    """Material shots by number, such as a ShotPool."""

    def __getitem__(self, i: int, /) -> MaterialShot:
        """Return a shot."""


class Examples(Protocol):
    """A source of examples: simulated shots, or pairs from a folder."""

    def __len__(self) -> int:
        """Return how many shots there are."""

    def example(self, index: int, rng: np.random.Generator) -> Example:
        """Return one of them, as exposed with what ``rng`` draws."""


class ExposedShots:
    """Material shots, each exposed with physics drawn anew.

    Args:
        shots: of which some are taken.
        indices: which.
        exposure: what the detector makes of them.
    """

    def __init__(self, shots: Shots, indices: Sequence[int], exposure: Exposure) -> None:
        self._shots, self._indices, self._exposure = shots, list(indices), exposure

    def __len__(self) -> int:
        """Return how many shots there are."""
        return len(self._indices)

    def example(self, index: int, rng: np.random.Generator) -> Example:
        """Return one of them, as exposed with what ``rng`` draws."""
        shot = self._shots[self._indices[index]]
        line_integrals, mask = self._exposure(shot, rng)
        return Example(line_integrals, mask, shot.bone, float(shot.view.intrinsics[:2].mean()))


@dataclass(frozen=True, eq=False)
class Batch:
    """Examples at the network's pixel size.

    Args:
        channels: (B, CHANNELS, N, N) float32.
        bone: (B, 1, N, N) float32; the mask is the last channel.
    """

    channels: np.ndarray
    bone: np.ndarray


def draw_batch(examples: Examples, config: TrainingConfig, seed: int, step: int) -> Batch:
    """Return the batch of a step: it depends on nothing but what is given."""
    rng = np.random.default_rng([seed, step])
    found = [_drawn(examples.example(int(rng.integers(len(examples))), rng), config, rng)
             for _ in range(config.batch)]
    return Batch(np.stack([channels for channels, _ in found]),
                 np.stack([bone[None] for _, bone in found]))


def at_network_size(example: Example, config: NetworkConfig) -> tuple[Scaled, np.ndarray]:
    """Return an example's image and bone (h, w) at the network's pixel size, 0 where masked."""
    shape = scaled_shape(example.bone.shape, example.focal, config)
    bone, _ = masked_resize(example.bone, example.mask, shape)
    return Scaled(*masked_resize(example.line_integrals, example.mask, shape)), bone


def _drawn(example: Example, config: TrainingConfig, rng: np.random.Generator
           ) -> tuple[np.ndarray, np.ndarray]:
    """Return the channels and the bone of a flipped tile."""
    scaled, bone = at_network_size(example, config.network)
    flips = tuple(slice(None, None, int(step)) for step in rng.choice([1, -1], size=2))
    stacked = np.stack([scaled.line_integrals, bone, scaled.mask])[(slice(None), *flips)]
    image, bone, mask = _tile(stacked.astype(np.float32), config.tile, rng)
    return channels_of(Scaled(image, mask > 0.5), config.network), bone


def _tile(stacked: np.ndarray, edge: int, rng: np.random.Generator) -> np.ndarray:
    """Return a tile (C, edge, edge) at a random place, 0 where it is beyond the images."""
    tile = np.zeros((stacked.shape[0], edge, edge), dtype=np.float32)
    source, target = [slice(None)], [slice(None)]
    for length in stacked.shape[1:]:
        # An image that is larger than the tile is cropped, a smaller one lies somewhere in it.
        spare = length - edge
        at = int(rng.integers(abs(spare) + 1))
        source.append(slice(at, at + edge) if spare > 0 else slice(None))
        target.append(slice(None) if spare > 0 else slice(at, at + length))
    tile[tuple(target)] = stacked[tuple(source)]
    return tile
