"""Find the field that the collimator leaves open."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Field:
    """The open field: its mask (H, W) bool and its shape, 'none' where nothing is cut."""

    mask: np.ndarray
    shape: str


def find_field(intensity: np.ndarray) -> Field:
    """Return the open field of an image (H, W), linear, bright where nothing absorbs."""
    return Field(np.ones(intensity.shape, dtype=bool), 'none')
