"""How strong the bone of one body is: thick cortex, dense cortex and dense marrow go together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# How far one bone of a body strays from the others, as a share of the whole range.
SPREAD = 0.2


@dataclass(frozen=True)
class Quality:
    """Bone from osteoporotic (0) to young and dense (1)."""

    strength: float

    def draw(self, rng: np.random.Generator, low: float, high: float) -> float:
        """Return a value between ``low`` and ``high`` that goes with the body's strength."""
        share = np.clip(self.strength + rng.normal(0.0, SPREAD), 0.0, 1.0)
        return float(low + share * (high - low))


def draw_quality(rng: np.random.Generator) -> Quality:
    """Return any quality, all as often."""
    return Quality(float(rng.uniform()))
