"""From line integrals to what a flat panel writes: 16-bit linear counts, bright where air is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ixgs_ros.parameters import setting


@dataclass(frozen=True)
class DetectorConfig:
    """A linear 16-bit detector.

    The signal of a pixel is Poisson distributed photons times a constant gain, so that air gives
    ``air_counts`` at the nominal exposure.
    """

    photons: float = setting(100_000.0, 'photons a pixel detects through air; 0 = no noise',
                             low=0.0, high=1e9)
    air_counts: float = setting(50_000.0, 'counts of a pixel in air at the nominal exposure',
                                unit='counts', low=100.0, high=65_535.0)
    full_scale: int = setting(65_535, 'counts at which a pixel saturates', unit='counts', low=255,
                              high=65_535)
    collimator: float = setting(0.0, 'radius of a round collimator as a share of half the smaller '
                                'side of the image; 0 = none', low=0.0, high=2.0)


def expose(line_integrals: np.ndarray, config: DetectorConfig, gain: float,
           rng: np.random.Generator) -> np.ndarray:
    """Return the counts (H, W) uint16 of one exposure.

    Args:
        line_integrals: (H, W) without unit; may be infinite where nothing passes.
        config: the detector.
        gain: how much brighter than nominal the tube shines; 1 = nominal.
        rng: draws the photons.
    """
    passed = gain * np.exp(-line_integrals.astype(np.float64))
    if config.collimator > 0.0:
        passed *= collimator_opening(line_integrals.shape, config.collimator)
    if config.photons > 0.0:
        passed = rng.poisson(config.photons * passed) / config.photons
    counts = np.rint(config.air_counts * passed)
    return np.minimum(counts, config.full_scale).astype(np.uint16)


def collimator_opening(shape: tuple[int, ...], radius: float) -> np.ndarray:
    """Return the share of light (H, W) in [0, 1] that a round collimator lets pass.

    Args:
        shape: (H, W).
        radius: as :class:`DetectorConfig` says; the edge falls off over two pixels, as the
            penumbra of a finite focal spot makes it.
    """
    height, width = shape
    y = np.arange(height)[:, None] - 0.5 * (height - 1)
    x = np.arange(width)[None, :] - 0.5 * (width - 1)
    edge = radius * 0.5 * min(height, width)
    return np.clip(0.5 * (edge - np.hypot(x, y)) + 0.5, 0.0, 1.0)
