"""The standardizer: which pixels of a shot take part, and with what weight.

The sequence of steps is the place of the network that turns line integrals into bone line
integrals: it will come between the masks and the weights, since it wants a clean image and changes
the photons' meaning.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ixgs_ros.shot import Shot
from ixgs_ros.standardization.collimator import Field, find_field
from ixgs_ros.standardization.config import StandardizerConfig
from ixgs_ros.standardization.pixels import find_defects
from ixgs_ros.standardization.weights import photon_weights
from ixgs_ros.verdict import Code, Refusal

# With fewer pixels a shot says nothing that its neighbours do not.
MIN_USABLE = 0.02


@dataclass(frozen=True, eq=False)
class Masks:
    """What was found in one image; all masks (H, W) bool.

    Args:
        unusable: without signal, or saturated, as the shot came.
        field: the open field of the collimator.
        defects: defective pixels.
    """

    unusable: np.ndarray
    field: Field
    defects: np.ndarray

    @property
    def usable(self) -> np.ndarray:
        """The pixels that take part."""
        return ~self.unusable & self.field.mask & ~self.defects


class Standardizer:
    """Shot in, shot out; a pure function of the shot.

    Args:
        config: which masks are wanted.
    """

    def __init__(self, config: StandardizerConfig | None = None) -> None:
        """Keep the settings."""
        self.config = StandardizerConfig() if config is None else config

    def standardize(self, shot: Shot) -> Shot:
        """Return the shot with its final weights; the line integrals stay as they are.

        Raises:
            Refusal: NO_SIGNAL if hardly any pixel remains.
        """
        masks = self.masks(shot.line_integrals, shot.weights)
        share = float(masks.usable.mean())
        if share < MIN_USABLE:
            raise Refusal(Code.NO_SIGNAL, f'{share:.1%} of the pixels remain inside the '
                          f'collimator ({masks.field.shape}) and free of defects; expected at '
                          f'least {MIN_USABLE:.0%}')
        return replace(shot, weights=photon_weights(shot.line_integrals, masks.usable))

    def masks(self, line_integrals: np.ndarray, weights: np.ndarray) -> Masks:
        """Find what does not take part.

        Args:
            line_integrals: (H, W) float32.
            weights: (H, W) float32, 0 = unusable already.
        """
        usable = weights > 0
        field = Field(np.ones(usable.shape, dtype=bool), 'none')
        if self.config.collimator == 'automatic':
            field = find_field(np.exp(-line_integrals))
        defects = np.zeros(usable.shape, dtype=bool)
        if self.config.dead_pixels:
            defects = find_defects(line_integrals, usable & field.mask)
        return Masks(~usable, field, defects)
