"""What the rays of one view meet, told by material: all that the physics of a shot needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ixgs_ros.geometry.view import View

# The order in which a material shot holds its area densities. Mineral is hydroxyapatite, the rest
# of a bone being water; metal is what `MaterialShot.metal` names.
MATERIALS = ('water', 'mineral', 'iodine', 'metal')


@dataclass(frozen=True, eq=False)
class MaterialShot:
    """Area densities along the rays of a view, and what a perfect standardizer would make of them.

    Args:
        view: K, pose and size (H, W).
        areas: (4, H, W) float32, kg/m² (density times length) of each of :data:`MATERIALS`.
        bone: (H, W) float32, no unit: the line integral of the bone target, in the project's
            attenuation at its reference energy (water 20/m).
        metal: 'titanium' or 'steel'; of what the fourth area is.
    """

    view: View
    areas: np.ndarray
    bone: np.ndarray
    metal: str = 'titanium'

    def __post_init__(self) -> None:
        shape = (self.view.height, self.view.width)
        for name, expected in (('areas', (len(MATERIALS), *shape)), ('bone', shape)):
            array = np.ascontiguousarray(getattr(self, name), dtype=np.float32)
            if array.shape != expected:
                raise ValueError(f'expected {name} of shape {expected}, got {array.shape}')
            if not np.isfinite(array).all() or array.min() < 0.0:
                raise ValueError(f'expected finite {name} of at least 0, got a value that is not')
            object.__setattr__(self, name, array)
        if self.metal not in ('titanium', 'steel'):
            raise ValueError(f"expected metal 'titanium' or 'steel', got {self.metal!r}")
