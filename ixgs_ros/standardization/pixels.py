"""Find detector pixels, rows and columns that do not measure: dead, stuck or hot.

A defect belongs to single pixels or single lines of the detector. Anatomy, screws and wires pass
through the optics first, whose blur spreads them over two pixels at least. So only what stands out
from **all** its neighbours, and by far more than the noise there, is a defect; an edge never does.
"""

from __future__ import annotations

import cv2
import numpy as np

NOISE_SIGMAS = 6.0     # a defect exceeds the noise around it this many times
MIN_STEP = 0.15        # and differs by at least this in line integral (15 % of the signal)
NOISE_WINDOW = 15      # pixels across which the noise is estimated
MAX_DIFFERENCE = 0.5   # of neighbours that still counts as noise
LINE_SEGMENTS = 4      # a defective line may be cut: each quarter is judged by itself
LINE_SHARE = 0.8       # of a segment's pixels must stand out to the same side
LINE_SIGMAS = 4.0      # of the noise of a segment's mean
MIN_LINE_STEP = 0.02


def find_defects(line_integrals: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Return the mask (H, W) of defective pixels.

    Args:
        line_integrals: (H, W) float32; logarithmic, so that noise and steps are relative.
        usable: (H, W) bool; the others are neither judged nor taken as neighbours.
    """
    y = np.where(usable, line_integrals, np.nan).astype(np.float32)
    lines = _defective_rows(y) | _defective_rows(y.T).T
    return (_defective_pixels(np.where(lines, np.nan, y)) | lines) & usable


def _defective_pixels(y: np.ndarray) -> np.ndarray:
    """Return the pixels beyond all neighbours but one, so that a pair of defects is found too."""
    known = np.isfinite(y)
    below = _second_smallest_neighbour(np.where(known, y, np.inf))
    above = -_second_smallest_neighbour(np.where(known, -y, np.inf))
    excess = np.maximum(np.where(known, below - y, 0), np.where(known, y - above, 0))
    threshold = np.maximum(MIN_STEP, NOISE_SIGMAS * local_noise(y))
    return np.isfinite(excess) & (excess > threshold)


def _second_smallest_neighbour(values: np.ndarray) -> np.ndarray:
    """Return the second smallest of the eight neighbours; infinity lies around the image."""
    height, width = values.shape
    padded = np.pad(values, 1, constant_values=np.inf)
    smallest = np.full(values.shape, np.inf, dtype=values.dtype)
    second = smallest.copy()
    for row, column in ((0, 0), (0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1), (2, 2)):
        neighbour = padded[row:row + height, column:column + width]
        second = np.minimum(second, np.maximum(smallest, neighbour))
        smallest = np.minimum(smallest, neighbour)
    return second


def local_noise(y: np.ndarray) -> np.ndarray:
    """Return the standard deviation (H, W) of the pixel noise.

    From the mean absolute difference to the mean of the left and right neighbours, which is free
    of gradients, over a window; a normal distribution of deviation σ makes it
    ``sqrt(2 / π) sqrt(3 / 2) σ``. Differences are clipped, so that a defect does not hide itself.
    """
    filled = np.where(np.isfinite(y), y, 0)
    difference = np.abs(filled - 0.5 * (np.roll(filled, 1, 1) + np.roll(filled, -1, 1)))
    valid = np.isfinite(y) & np.isfinite(np.roll(y, 1, 1)) & np.isfinite(np.roll(y, -1, 1))
    valid[:, [0, -1]] = False
    if not valid.any():
        return np.zeros(y.shape, dtype=np.float32)
    difference = np.where(valid, np.minimum(difference, MAX_DIFFERENCE), 0).astype(np.float32)
    window = (NOISE_WINDOW, NOISE_WINDOW)
    weight = cv2.blur(valid.astype(np.float32), window)
    mean = cv2.blur(difference, window)
    elsewhere = np.full(y.shape, difference[valid].mean(), dtype=np.float32)
    mean = np.divide(mean, weight, out=elsewhere, where=weight > 0)
    return mean / np.float32(np.sqrt(3 / np.pi))


def _defective_rows(y: np.ndarray) -> np.ndarray:
    """Return the mask of row segments that stand out from the rows above and below."""
    mask = np.zeros(y.shape, dtype=bool)
    if y.shape[0] < 3:
        return mask
    up, down = y[1:-1] - y[:-2], y[1:-1] - y[2:]
    # Beyond both neighbours or not at all: a step has one side only.
    smaller = np.minimum(np.abs(up), np.abs(down))
    excess = np.where(np.sign(up) == np.sign(down), np.sign(up) * smaller, 0)
    excess[~np.isfinite(up + down)] = np.nan
    edges = np.linspace(0, y.shape[1], LINE_SEGMENTS + 1).astype(int)
    for start, stop in zip(edges[:-1], edges[1:]):
        segment = excess[:, start:stop]
        for row in _standing_out(segment):
            mask[row + 1, start:stop] = True
    return mask


def _standing_out(excess: np.ndarray) -> np.ndarray:
    """Return the rows of a segment (rows, n) whose excess has one sign and exceeds the others'."""
    count = np.isfinite(excess).sum(axis=1)
    enough = count >= max(8, excess.shape[1] // 4)
    filled = np.nan_to_num(excess)
    mean = filled.sum(axis=1) / np.maximum(count, 1)
    share = np.maximum((filled > 0).sum(axis=1), (filled < 0).sum(axis=1)) / np.maximum(count, 1)
    spread = np.median(np.abs(mean[enough])) / 0.6745 if enough.any() else 0.0
    return np.flatnonzero(enough & (share >= LINE_SHARE)
                          & (np.abs(mean) > np.maximum(MIN_LINE_STEP, LINE_SIGMAS * spread)))
