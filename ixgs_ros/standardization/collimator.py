"""Find the field that the collimator leaves open.

Outside the field it is dark and even, inside brighter, and the border between them is a sharp step
along a circle, a rectangle or both. A bright region is outlined at several levels, shapes are
fitted to it, and the one whose own border shows the step is taken. A dark body never passes: its
rim is no such shape, and no such step. When in doubt, nothing is cut.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage

from ixgs_ros.standardization.field_shapes import fit_shapes, NAMES, Shape

WORKING_SIZE = 128     # pixels across, at most; the shape found is drawn at full resolution
LEVELS = (0.002, 0.01, 0.03, 0.1, 0.25)  # between dark and bright, where regions are outlined
MIN_PIECE = 0.01       # of the image; a spine may cut the field in pieces, smaller ones are noise
MAX_LEAK = 0.05        # brightness outside, relative to the bright part inside
MIN_OUTSIDE = 0.01     # of the image must lie outside
MIN_INSIDE = 0.05      # of the image must lie inside
STEP_RATIO = 1.5       # intensity inside over outside, across the border
RIM = 1.5              # working pixels on either side of the border where the step is measured
MIN_EVIDENCE = 0.6     # of the border must show the step; organs at the rim hide it elsewhere
MARGIN = 0.5          # working pixels that the penumbra takes from the field
MIN_SIDE = 3          # working pixels; a narrower strip has no shape


@dataclass(frozen=True, eq=False)
class Field:
    """The open field.

    Args:
        mask: (H, W) bool, true inside.
        shape: 'round', 'rectangular', 'round and rectangular', or 'none' where nothing is cut.
    """

    mask: np.ndarray
    shape: str


def find_field(intensity: np.ndarray) -> Field:
    """Return the open field of an image (H, W), linear, bright where nothing absorbs."""
    factor = -(-max(intensity.shape) // WORKING_SIZE)
    if min(intensity.shape) // factor < MIN_SIDE:
        return Field(np.ones(intensity.shape, dtype=bool), 'none')
    small = _reduced(intensity, factor)
    smooth = cv2.medianBlur(small, 3)
    bright = float(np.quantile(smooth, 0.95))
    best, most = None, MIN_EVIDENCE
    if _border_is_dark(smooth, bright):
        for shape in _candidates(smooth, bright):
            evidence = _evidence(shape, smooth, bright)
            if evidence > most:
                best, most = shape, evidence
    if best is None:
        return Field(np.ones(intensity.shape, dtype=bool), 'none')
    depth = best.scaled(factor).depth(*intensity.shape)
    return Field(depth > MARGIN * factor, NAMES[type(best)])


def _reduced(intensity: np.ndarray, factor: int) -> np.ndarray:
    """Return the image as means of blocks of ``factor`` pixels a side."""
    height, width = (length // factor for length in intensity.shape)
    tiles = np.asarray(intensity, dtype=np.float32)[:height * factor, :width * factor]
    return tiles.reshape(height, factor, width, factor).mean(axis=(1, 3))


def _border_is_dark(smooth: np.ndarray, bright: float) -> bool:
    """Whether any stretch of the image's border can lie outside a collimator."""
    border = np.concatenate([smooth[0], smooth[-1], smooth[:, 0], smooth[:, -1]])
    return bool((border < MAX_LEAK * bright).mean() > MIN_OUTSIDE)


def _candidates(smooth: np.ndarray, bright: float) -> list[Shape]:
    """Return the shapes that fit the bright region, outlined at each level."""
    dark = float(np.quantile(smooth, 0.005))
    shapes: list[Shape] = []
    before = None
    for level in LEVELS:
        labels, count = ndimage.label(smooth > dark + level * (bright - dark))
        sizes = np.bincount(labels.ravel(), minlength=count + 1)
        sizes[0] = 0
        region = (sizes >= MIN_PIECE * smooth.size)[labels]
        share = region.mean()
        if MIN_INSIDE <= share <= 1 - MIN_OUTSIDE and share != before:
            shapes += fit_shapes(region)
        before = share
    return shapes


def _evidence(shape: Shape, smooth: np.ndarray, bright: float) -> float:
    """Return the share of the shape's border that shows the step; 0 if its outside is not dark."""
    depth = shape.depth(*smooth.shape)
    outside = smooth[depth < -RIM - 1]
    if outside.size < MIN_OUTSIDE * smooth.size or (depth > 0).mean() < MIN_INSIDE:
        return 0.0
    leak, most = np.quantile(outside, [0.5, 0.99])
    # Of neighbours, in the order of the rows: what varies slowly outside is no noise.
    noise = float(np.median(np.abs(np.diff(outside)))) / 0.6745
    if most > min(MAX_LEAK * bright, 1.3 * leak + 6 * noise + 0.003 * bright):
        return 0.0  # there is something to be seen outside: a body, not a collimator
    inner, outer = _across_border(depth)
    if inner.shape[1] < 8:
        return 0.0
    high, low = smooth[tuple(inner)], smooth[tuple(outer)]
    return float((high > STEP_RATIO * low + 4 * noise).mean())


def _across_border(depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixels (2, n) just inside and just outside a shape's border, pairwise."""
    border = np.stack(np.nonzero(np.abs(depth) <= 0.5))
    inward = np.stack([slope[tuple(border)] for slope in np.gradient(depth)])
    inward /= np.maximum(np.linalg.norm(inward, axis=0), 1e-6)
    inner = np.rint(border + RIM * inward).astype(int)
    outer = np.rint(border - RIM * inward).astype(int)
    limits = np.array(depth.shape)[:, None]
    visible = ((inner >= 0) & (inner < limits) & (outer >= 0) & (outer < limits)).all(axis=0)
    return inner[:, visible], outer[:, visible]
