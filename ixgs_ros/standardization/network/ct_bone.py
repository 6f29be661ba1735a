"""The bone of a CT as the source sees it: what a shot of the same body is to become."""

from __future__ import annotations

from functools import cached_property
import hashlib
from pathlib import Path

import numpy as np

from ixgs_ros.geometry.view import View
from ixgs_ros.simulation.bone_target import bone_volume, HARD_HU
from ixgs_ros.simulation.ct import CtError
from ixgs_ros.simulation.ray_caster import RayCaster
from ixgs_ros.simulation.sources import load_ct


class CtBone:
    """Renders the bone target of a CT; it is found when the first view is asked for.

    Args:
        path: a folder with a DICOM series, or a NIfTI, NRRD or .npz file.

    Raises:
        CtError: it is not a usable CT.
    """

    def __init__(self, path: Path) -> None:
        self._ct = load_ct(path)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the CT's grey values and of where they are."""
        found = hashlib.sha256(repr(self._ct.hu.shape).encode())
        found.update(self._ct.lps_from_index.tobytes())
        found.update(self._ct.hu.data)
        return found.hexdigest()

    def render(self, view: View) -> np.ndarray:
        """Return the bone's line integrals (H, W) float32.

        Args:
            view: its reference frame is the CT's LPS, metres.

        Raises:
            CtError: there is no bone in the CT.
            ValueError: the view sees none of it.
        """
        bone = self._caster.project(view)
        if not bone.max() > 0.0:
            raise ValueError(self._unseen(view))
        return bone

    @cached_property
    def _caster(self) -> RayCaster:
        bone = bone_volume(self._ct)
        if not bone.any():
            raise CtError(f'{self._ct.name}: expected bone in the CT, something harder than '
                          f'{HARD_HU:g} HU and wrapped in nothing denser, found none')
        return RayCaster.from_affine(bone, self._ct.lps_from_index)

    def _unseen(self, view: View) -> str:
        """Return why a view shows nothing, in numbers that tell what is wrong with it."""
        middle = self._ct.center
        (u, v), depth = view.project(middle)
        seen = f'at pixel ({u:.0f}, {v:.0f})' if depth > 0.0 else 'behind the source'
        return (f'the pose sees no bone of the CT: the source is at {_metres(view.source)} m, '
                f'looks along {_metres(view.axis)}, and has the middle of the CT, '
                f'{_metres(middle)} m, {seen}, {depth:.3f} m along its axis; the image has '
                f'{view.height} × {view.width} pixels (height × width). Expected '
                "lps_from_source in metres, in the LPS of the CT's own file, not its inverse")


def _metres(vector: np.ndarray) -> str:
    return '(' + ', '.join(f'{value:.3f}' for value in vector) + ')'
