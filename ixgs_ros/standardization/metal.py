"""Find metal in a shot: screws, K-wires, rods and retractors.

Two things tell metal from bone. It is machined, so its line integral climbs from nothing to much
within a pixel or two. And it is denser: a piece of round cross-section has a line integral of
attenuation times width, so its height over its width, both seen in the image, is an attenuation
in 1/m. Titanium adds about 150/m to the tissue it replaces, steel 600/m, dense bone 40/m.

A white top-hat (the image minus its opening) holds what is narrower than a disk, and of its bright
pieces those are metal that are sharp and dense. One image does not say more: a vessel full of
undiluted contrast passes for a wire, and metal that covers a third of the image is not found.
Where the line integrals are not physical, as those of an image made for display, ribs pass too.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy import ndimage

from ixgs_ros.standardization.pixels import local_noise

# Disks, as shares of the image's smaller side, and how far what is narrower must stand out: a
# K-wire of 1.5 mm or a titanium screw of 5 mm does by 0.5; what is wide has to by more.
SCALES = ((0.04, 0.45), (0.16, 1.5))
OUTLINE = 0.6          # of that height still belongs to a piece
NOISE_SIGMAS = 4.0     # of single pixels' noise that a piece stands out by, at least
FIELD = 0.2            # metres at the patient along the image's smaller side, typical of C-arms
MIN_ATTENUATION = 70.0  # 1/m
EDGE_SHARE = 0.5       # of the piece's own height must be climbed across its border
SHARP_SHARE = 0.6      # of the border must be so sharp
EDGE_WIDTH = 5         # pixels across which the climb is measured: two on either side
MIN_PIXELS = 6         # a smaller piece is a defect or noise
HALO = 1               # pixels around a piece that it blurs into


def find_metal(line_integrals: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Return the mask (H, W) of metal.

    Args:
        line_integrals: (H, W) float32, no unit.
        usable: (H, W) bool; the others are neither judged nor compared with.
    """
    metal = np.zeros(usable.shape, dtype=bool)
    if not usable.any():
        return metal
    y = _denoised(line_integrals, usable)
    noise = local_noise(np.where(usable, line_integrals, np.nan).astype(np.float32))
    for share, step in SCALES:
        height, climb = _top_hat(y, share), _climb(y)
        wanted = np.maximum(step, NOISE_SIGMAS * noise)
        metal |= _pieces(height, climb, wanted, usable)
    return ndimage.binary_dilation(metal, iterations=HALO) & usable if metal.any() else metal


def _denoised(line_integrals: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Return the image with unusable pixels filled from the nearest usable one, median of 3 x 3.

    Filled so, the collimator's edge is no step. A median keeps edges of what is two pixels wide.
    """
    y = np.asarray(line_integrals, dtype=np.float32)
    if not usable.all():
        nearest = ndimage.distance_transform_edt(~usable, return_distances=False,
                                                 return_indices=True)
        y = y[tuple(nearest)]
    return cv2.medianBlur(np.ascontiguousarray(y), 3)


def _top_hat(y: np.ndarray, share: float) -> np.ndarray:
    """Return how far each pixel (H, W) rises above what is as wide as a disk."""
    radius = max(2, round(share * min(y.shape)))
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    opened = cv2.morphologyEx(y, cv2.MORPH_OPEN, disk, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(y - opened)


def _climb(y: np.ndarray) -> np.ndarray:
    """Return the largest difference of line integrals around each pixel (H, W)."""
    window = np.ones((EDGE_WIDTH, EDGE_WIDTH), np.uint8)
    return np.asarray(cv2.dilate(y, window) - cv2.erode(y, window))


def _pieces(height: np.ndarray, climb: np.ndarray, wanted: np.ndarray,
            usable: np.ndarray) -> np.ndarray:
    """Return the connected pieces (H, W) that stand out as wanted, sharp and dense."""
    labels, _ = ndimage.label((height > OUTLINE * wanted) & usable, np.ones((3, 3)))
    metal = np.zeros(height.shape, dtype=bool)
    pixel = FIELD / min(height.shape)
    for number, where in enumerate(ndimage.find_objects(labels), start=1):
        piece = labels[where] == number
        if (piece & (height[where] > wanted[where])).sum() < MIN_PIXELS:
            continue
        own = height[where][piece]
        border = piece & ~ndimage.binary_erosion(piece)
        sharp = (climb[where][border] > EDGE_SHARE * np.median(own)).mean() >= SHARP_SHARE
        # The depth of a pixel in the middle of n across is (n + 1) / 2.
        width = 2 * float(ndimage.distance_transform_edt(np.pad(piece, 1)).max()) - 1
        dense = np.quantile(own, 0.9) > MIN_ATTENUATION * width * pixel
        if sharp and dense:
            metal[where] |= piece
    return metal
