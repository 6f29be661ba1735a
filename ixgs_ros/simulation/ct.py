"""A computed tomography scan with its place in the patient, whatever it was stored as."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

AIR_HU = -1000.0
# CT numbers end at -1024 (12 bit); what lies lower is padding outside the scanner's field.
LOWEST_HU = -1024.0


class CtError(ValueError):
    """A CT cannot be used; the message names what was found and what was expected."""


@dataclass(frozen=True, eq=False)
class Ct:
    """A CT.

    Args:
        hu: (z, y, x) Hounsfield units; kept as contiguous float32.
        lps_from_index: (4, 4) from voxel indices (x, y, z; centres are integers) to LPS metres;
            any invertible affine, so slices may be oblique.
        name: what to call it in messages and reports.
        target: (3,) LPS metres, the anatomy of interest, if known.

    Raises:
        CtError: a shape is wrong, a value is not finite, or the affine cannot be inverted.
    """

    hu: np.ndarray
    lps_from_index: np.ndarray
    name: str = 'CT'
    target: np.ndarray | None = None

    def __post_init__(self) -> None:
        hu = np.ascontiguousarray(self.hu, dtype=np.float32)
        affine = np.array(self.lps_from_index, dtype=np.float64)
        if hu.ndim != 3 or min(hu.shape) < 2:
            raise CtError(f'{self.name}: expected a volume of at least 2 voxels along three axes, '
                          f'got shape {hu.shape}')
        if affine.shape != (4, 4) or not np.isfinite(affine).all():
            raise CtError(f'{self.name}: expected a finite affine (4, 4), got {affine.tolist()}')
        if not abs(np.linalg.det(affine[:3, :3])) > 1e-15:
            raise CtError(f'{self.name}: expected an invertible affine, got '
                          f'{affine[:3, :3].tolist()} m')
        finite = int(np.isfinite(hu).sum())
        if finite < hu.size:
            raise CtError(f'{self.name}: expected finite Hounsfield units, got '
                          f'{hu.size - finite} voxels that are not')
        affine.setflags(write=False)
        object.__setattr__(self, 'hu', hu)
        object.__setattr__(self, 'lps_from_index', affine)

    @property
    def center(self) -> np.ndarray:
        """The middle of the volume, (3,) LPS metres."""
        middle = 0.5 * (np.array(self.hu.shape[::-1]) - 1.0)
        return self.lps_from_index[:3, :3] @ middle + self.lps_from_index[:3, 3]

    @property
    def spacing(self) -> np.ndarray:
        """The distances of voxel centres along the indices x, y, z, metres."""
        return np.linalg.norm(self.lps_from_index[:3, :3], axis=0)


def without_padding(hu: np.ndarray) -> np.ndarray:
    """Return Hounsfield units in which everything below what a CT can measure is air."""
    return np.where(hu < LOWEST_HU, np.float32(AIR_HU), hu)
