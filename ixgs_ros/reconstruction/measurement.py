"""A shot as the solver uses it: binned, with weights of fitted and of held-out pixels."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from ixgs_ros.geometry.view import View
from ixgs_ros.reconstruction.config import ReconstructionConfig
from ixgs_ros.reconstruction.correction import Correction, prior_covariance
from ixgs_ros.reconstruction.held_out import held_out_blocks
from ixgs_ros.shot import Shot

# A pixel at the region may be this much wider than the published voxels: finer ones cost time
# and show nothing that the volume could hold.
PIXEL_PER_VOXEL = 1.3


@dataclass(eq=False)
class Measurement:
    """One shot at the resolution of the work.

    Args:
        shot: what was added.
        view: the shot's view, corrected and binned.
        values: (h, w) float32 line integrals of the binned pixels.
        weights: (h, w) float32, mean 1 over the used pixels; 0 where masked or held out.
        held_out: (h, w) float32, likewise for the held-out pixels, 0 elsewhere.
        photons: (h, w) float32 relative to air; 0 where masked.
        half_view: the view once more binned by two, for the shell.
        factor: of the binning.
        correction: from the view as reported to the view as it is used.
        prior: (10, 10) covariance of the correction's numbers about the region's centre.
    """

    shot: Shot
    view: View
    values: np.ndarray
    weights: np.ndarray
    held_out: np.ndarray
    photons: np.ndarray
    half_view: View
    factor: int
    correction: Correction
    prior: np.ndarray

    def moved(self, correction: Correction) -> Measurement:
        """Return the same measurement as seen by another correction of the reported view."""
        view = correction.apply(self.shot.view)
        return dataclasses.replace(self, view=view.binned(self.factor),
                                   half_view=view.binned(2 * self.factor), correction=correction)

    def coarser(self, times: int) -> Measurement:
        """Return the fitted pixels of the measurement, so many times wider and higher."""
        values, weights = bin_photons(self.values, self.weights, times)
        _, photons = bin_photons(self.values, self.photons, times)
        factor = times * self.factor
        view = self.correction.apply(self.shot.view)
        return dataclasses.replace(self, view=view.binned(factor), values=values, weights=weights,
                                   held_out=np.zeros_like(weights), photons=photons,
                                   factor=factor,
                                   half_view=view.binned(2 * factor))

    @property
    def known_offset(self) -> float:
        """The exposure offset if it is known, else NaN."""
        return self.shot.exposure_offset


def binning(view: View, point: np.ndarray, spacing: float) -> int:
    """Return the power of two by which to bin: pixels at ``point`` about as wide as the voxels.

    Args:
        view: the view at the detector's resolution.
        point: (3,) metres, centre of the region.
        spacing: of the published volume, metres.
    """
    depth = view.source_from_reference.apply(point)[2]
    factor = 1
    pixel = depth / max(view.k[0, 0], view.k[1, 1])
    while (2 * factor * pixel <= PIXEL_PER_VOXEL * spacing
           and min(view.height, view.width) // (4 * factor) >= 16):
        factor *= 2
    return factor


def bin_photons(line_integrals: np.ndarray, weights: np.ndarray,
                factor: int) -> tuple[np.ndarray, np.ndarray]:
    """Bin as a detector with larger pixels would: intensities add, not their logarithms.

    The logarithm of few photons is biased by half its variance; binning first takes most of it
    away.

    Args:
        line_integrals: (H, W) float32.
        weights: (H, W) float32; 0 where masked.
        factor: pixels along each side.

    Returns:
        Line integrals and weights, (H // factor, W // factor) float32. A bin whose pixels are
        all masked has value and weight 0.
    """
    height, width = line_integrals.shape[0] // factor, line_integrals.shape[1] // factor

    def sums(image: np.ndarray) -> np.ndarray:
        cut = image[:height * factor, :width * factor].astype(np.float64)
        return cut.reshape(height, factor, width, factor).sum((1, 3))

    used = weights > 0
    count = sums(used)
    intensity = sums(np.where(used, np.exp(-line_integrals.astype(np.float64)), 0.0))
    with np.errstate(divide='ignore', invalid='ignore'):
        values = np.where(count > 0, -np.log(intensity / count), 0.0)
    return values.astype(np.float32), (sums(weights) / factor**2).astype(np.float32)


def measure(shot: Shot, center: np.ndarray, config: ReconstructionConfig,
            correction: Correction | None = None) -> Measurement:
    """Return the shot at the resolution of the work.

    Args:
        shot: the shot.
        center: (3,) metres, centre of the region.
        config: spacing, weights, the held-out share, and how far the pose may be off.
        correction: of the reported view, if it has been fitted before.
    """
    factor = binning(shot.view, center, config.volume.spacing)
    values, photons = bin_photons(shot.line_integrals, shot.weights, factor)
    weights = np.where(photons > 0, photons ** np.float32(config.refine.weight_power), 0)
    hidden = held_out_blocks(weights.shape, config.refine.held_out, (config.seed, shot.id))
    correction = Correction() if correction is None else correction
    view = correction.apply(shot.view)
    prior = prior_covariance(shot.view, shot.pose_covariance,
                             shot.view.source_from_reference.apply(center), config.poses)
    return Measurement(shot, view.binned(factor), values,
                       normalized(np.where(hidden, 0, weights)),
                       normalized(np.where(hidden, weights, 0)), photons,
                       view.binned(2 * factor), factor, correction, prior)


def normalized(weights: np.ndarray) -> np.ndarray:
    """Return weights (h, w) as float32, scaled to a mean of 1 over those above 0."""
    used = weights > 0
    scale = float(weights[used].mean()) if used.any() else 1.0
    return np.ascontiguousarray(weights / scale, dtype=np.float32)
