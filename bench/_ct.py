"""Which CT a benchmark runs on."""

from __future__ import annotations

import numpy as np

from ixgs_ros.simulation.ct import Ct
from ixgs_ros.simulation.sources import load_ct


def load(path: str) -> Ct:
    """Return a CT: 'lidc', 'phantom', a file, or .npz with hu and spacing_mm."""
    if not path.endswith('.npz'):
        return load_ct(path)
    data = np.load(path)
    # spacing_mm is (z, y, x), as the array.
    spacing = 1e-3 * np.asarray(data['spacing_mm'], dtype=np.float64)[::-1]
    return Ct(data['hu'].astype(np.float32), np.diag([*spacing, 1.0]))
