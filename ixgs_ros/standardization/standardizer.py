"""The standardizer: which pixels of a shot take part, with what weight, and of what they speak.

Masks come first: collimator, defective pixels and, if wanted, metal. Then, by mode, the line
integrals stay as the physics gives them, or a network turns them into those of bone alone, or
both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ixgs_ros.shot import Shot
from ixgs_ros.standardization.bone import BoneStandardizer
from ixgs_ros.standardization.collimator import Field, find_field
from ixgs_ros.standardization.config import StandardizerConfig
from ixgs_ros.standardization.metal import find_metal
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
        metal: screws, wires and instruments; empty where they are kept.
    """

    unusable: np.ndarray
    field: Field
    defects: np.ndarray
    metal: np.ndarray

    @property
    def usable(self) -> np.ndarray:
        """The pixels that take part."""
        return ~self.unusable & self.field.mask & ~self.defects & ~self.metal


class Standardizer:
    """Shot in, shot out; a pure function of the shot.

    Args:
        config: which masks are wanted, and whether the network is.

    Raises:
        ParameterError: the network is wanted and cannot be loaded.
    """

    def __init__(self, config: StandardizerConfig | None = None) -> None:
        """Keep the settings; load the network if the mode asks for it."""
        self.config = StandardizerConfig() if config is None else config
        self._bone: BoneStandardizer | None = None
        if self.config.mode != 'physics':
            self._bone = BoneStandardizer(self.config.weights)

    def warm_up(self) -> None:
        """Make the first shot as quick as the others."""
        if self._bone is not None:
            self._bone.warm_up()

    def standardize(self, shot: Shot) -> Shot:
        """Return the shot with its final weights, as bone unless the mode is 'physics'.

        Raises:
            Refusal: NO_SIGNAL if hardly any pixel remains; OUT_OF_DOMAIN if the network does not
                know the like of it.
        """
        usable = self._usable(shot)
        if self._bone is None:
            return _attenuation(shot, usable)
        return self._bone.standardize(shot, usable)

    def standardize_both(self, shot: Shot) -> tuple[Shot, Shot]:
        """Return the shot as bone and as attenuation; it is in both models or in none.

        Raises:
            Refusal: as :meth:`standardize`.
            ValueError: the mode is 'physics', which knows no bone.
        """
        if self._bone is None:
            raise ValueError("expected mode 'both' or 'network' for bone, got 'physics'")
        usable = self._usable(shot)
        return self._bone.standardize(shot, usable), _attenuation(shot, usable)

    def _usable(self, shot: Shot) -> np.ndarray:
        """Return the pixels (H, W) bool that take part; refuse a shot with hardly any."""
        masks = self.masks(shot.line_integrals, shot.weights)
        share = float(masks.usable.mean())
        if share < MIN_USABLE:
            raise Refusal(Code.NO_SIGNAL, f'{share:.1%} of the pixels remain inside the '
                          f'collimator ({masks.field.shape}) and free of defects; expected at '
                          f'least {MIN_USABLE:.0%}')
        return masks.usable

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
        nothing = np.zeros(usable.shape, dtype=bool)
        within = usable & field.mask
        defects = find_defects(line_integrals, within) if self.config.dead_pixels else nothing
        metal = nothing
        if self.config.metal == 'mask':
            metal = find_metal(line_integrals, within & ~defects)
        return Masks(~usable, field, defects, metal)


def _attenuation(shot: Shot, usable: np.ndarray) -> Shot:
    """Return the shot with photon weights; the line integrals stay as they are."""
    return replace(shot, weights=photon_weights(shot.line_integrals, usable))
