"""Scatter on a C-arm's panel, for gecatsim to add before its quantum noise.

gecatsim's own ``Scatter_ConvolutionModel`` has a kernel in pixels of one CT scanner's detector.
This is the same idea in millimetres: where a ray is attenuated by ``p = -ln(P / A)``, photons are
taken out of a primary P of which a share reaches the panel elsewhere, so ``k p P`` is spread over
it by two Gaussians, a narrow one (single scatter near the exit) and a wide one (multiple scatter).
Nothing scatters in from beyond the panel, since the beam is collimated to it. The scattered
photons have the primary's mean spectrum.

``k`` is chosen, not derived: 20 cm of water in the full field then give about 0.6 scattered
photons for each primary one, the range of an angiographic C-arm with an anti-scatter grid.
None of this is used by the simulator that training shots come from.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

SHARE = 0.16                                  # k
SPREAD_MM = ((0.35, 12.0), (0.65, 70.0))      # part and standard deviation, on the panel
LEAST = 1e-10


def panel_scatter(cfg: Any, view_id: int, subview_id: int) -> Any:
    """Add scatter to the photons of a view; gecatsim's ``physics.scatterCallback``.

    Args:
        cfg: its state: ``thisSubView`` and ``detFlux`` are (pixels, energies), photons with the
            body and without.
        view_id: not used, each view is a scan of its own.
        subview_id: not used.
    """
    shape = (cfg.scanner.detectorRowCount, cfg.scanner.detectorColCount)
    pitch_mm = float(cfg.scanner.detectorColSize)
    primary = np.asarray(cfg.thisSubView, dtype=np.float64)
    scattered = scatter_of(primary.sum(1).reshape(shape),
                           np.asarray(cfg.detFlux, dtype=np.float64).sum(1).reshape(shape),
                           pitch_mm)
    spectrum = primary.sum(0) / max(float(primary.sum()), LEAST)
    cfg.thisSubView += (scattered.ravel()[:, np.newaxis] * spectrum).astype(np.float32)
    return cfg


def scatter_of(primary: np.ndarray, air: np.ndarray, pitch_mm: float) -> np.ndarray:
    """Return the scattered photons that each pixel counts, (H, W).

    Args:
        primary: (H, W) photons that came straight through.
        air: (H, W) photons without a body.
        pitch_mm: distance of pixel centres.
    """
    attenuated = np.log(air / np.maximum(primary, LEAST * air))
    source = SHARE * primary * np.maximum(attenuated, 0.0)
    return sum((part * gaussian_filter(source, width / pitch_mm, mode='constant', truncate=3.0)
                for part, width in SPREAD_MM), np.zeros_like(source))
