"""Find the unattenuated signal in an image, or say that it shows no air.

Air is a **spike** at the bright end of the histogram of log intensity: every pixel beside the body
has the same line integral, 0, and a skin line is crossed within a fraction of a pixel. Where the
body covers the whole field, the bright end is a slope: around the maximum of a smooth function the
area above a level falls linearly, so equal bands below the brightest level hold about equal areas,
and the darker one no less. Air also reaches the border of the field, which bowel gas does not, and
it needs something darker to be told from: a uniform image may be air or a slab.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage

from ixgs_ros.standardization.collimator import find_field

BLOCKS_ACROSS = 64         # block means of this many across the image carry the test
MIN_BLOCKS = 64            # fewer usable blocks prove nothing
MIN_AREA = 0.04            # of the field must be air
MIN_WIDTH = 0.01           # half-width of the spike in log intensity that vignetting may cause
SPIKE_SIGMAS = 3.0         # half-width in standard deviations of the noise of block means
NOISE_CORRELATION = 1.5    # a scintillator's blur makes block means noisier than their pixels say
MAX_WIDTH = 0.05           # a spike wider than this is no spike
SPIKE_OVER_SHOULDER = 3.0  # the slope of a covering body reaches about 1
MIN_CONTRAST = 0.1         # log intensity below air that counts as body
MIN_BODY = 0.005           # of the field must be body


def find_air(intensity: np.ndarray, usable: np.ndarray) -> float | None:
    """Return the unattenuated signal.

    Args:
        intensity: (H, W), linear, bright where nothing absorbs.
        usable: (H, W) bool: neither saturated nor without signal.

    Returns:
        The mean intensity of the air region in the image's unit; None if no air is visible.
    """
    air = _find_spike(intensity, usable)
    if air is None:
        return None
    # Only now is the field worth its search: a spike next to nothing but a collimator proves
    # nothing.
    field = find_field(intensity)
    return air if field.shape == 'none' else _find_spike(intensity, usable & field.mask)


def _find_spike(intensity: np.ndarray, usable: np.ndarray) -> float | None:
    """Return the mean intensity of the bright spike that reaches the border; None without one."""
    blocks = _log_block_means(intensity, usable)
    field = np.isfinite(blocks)
    if field.sum() < MIN_BLOCKS:
        return None
    half_width = _spike_half_width(intensity, blocks, field)
    if half_width > MAX_WIDTH:
        return None
    level = _bright_mode(blocks[field], half_width)
    air = field & (np.abs(blocks - level) <= half_width)
    if not (_is_spike(blocks[field] - level, half_width) and _reaches_border(air, field)):
        return None
    return float(np.exp(blocks[air]).mean())


def _tiles(image: np.ndarray) -> np.ndarray:
    """Return the image cut into square blocks, (rows, size, columns, size)."""
    size = max(2, min(image.shape) // BLOCKS_ACROSS)
    height, width = (length // size for length in image.shape)
    return image[:height * size, :width * size].reshape(height, size, width, size)


def _log_block_means(intensity: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Return ln of block means; NaN where a pixel is not usable or the mean not positive."""
    means = _tiles(np.asarray(intensity, dtype=np.float64)).mean(axis=(1, 3))
    good = _tiles(usable).all(axis=(1, 3)) & (means > 0)
    return np.log(means, out=np.full(means.shape, np.nan), where=good)


def _spike_half_width(intensity: np.ndarray, blocks: np.ndarray, field: np.ndarray) -> float:
    """Return how far block means of air may stray: by photon noise and by vignetting.

    The noise is that of neighbouring pixels, not of neighbouring blocks: the edge of the table,
    seen along its length, is bright and even too, but only photon noise averages out over a block.
    """
    bright = field & (blocks >= np.quantile(blocks[field], 1 - 2 * MIN_AREA))
    pixels = _tiles(np.asarray(intensity, dtype=np.float64)).transpose(0, 2, 1, 3)[bright]
    differences = (pixels[..., 1:] - pixels[..., :-1]) / pixels.mean(axis=(1, 2), keepdims=True)
    # Median absolute deviation of a normal distribution: 0.6745 σ; a difference has sqrt(2) σ.
    sigma = float(np.median(np.abs(differences))) / 0.6745 / math.sqrt(2)
    return max(MIN_WIDTH, SPIKE_SIGMAS * NOISE_CORRELATION * sigma / pixels.shape[-1])


def _bright_mode(values: np.ndarray, half_width: float) -> float:
    """Climb from the brightest values to the middle of their crowd (mean shift)."""
    level = float(np.median(values[values >= np.quantile(values, 1 - MIN_AREA)]))
    for _ in range(10):
        level = float(np.median(values[np.abs(values - level) <= half_width]))
    return level


def _is_spike(relative: np.ndarray, half_width: float) -> bool:
    """Whether the crowd at 0 is a spike at the bright end, with a body below it."""
    crowd = np.count_nonzero(np.abs(relative) <= half_width)
    shoulder = np.count_nonzero((relative < -half_width) & (relative >= -3 * half_width))
    brighter = np.count_nonzero(relative > half_width)
    body = np.count_nonzero(relative < -max(MIN_CONTRAST, 3 * half_width))
    return bool(crowd >= MIN_AREA * relative.size and crowd >= SPIKE_OVER_SHOULDER * shoulder
            and brighter <= 0.05 * crowd and body >= MIN_BODY * relative.size)


def _reaches_border(air: np.ndarray, field: np.ndarray) -> bool:
    """Whether most of the air is connected to the border of the field."""
    inner = ndimage.binary_erosion(field, np.ones((3, 3)), border_value=0)
    labels, _ = ndimage.label(air, np.ones((3, 3)))
    touching = np.unique(labels[air & ~inner])
    return bool(np.isin(labels[air], touching).mean() > 0.5)
