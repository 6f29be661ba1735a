"""A computed tomography scan with its place in the patient, whatever it was stored as."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

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


def load_ct(source: str | Path) -> Ct:
    """Load a CT.

    Args:
        source: 'lidc' (LIDC-IDRI-0001, downloaded on first use), 'phantom' or 'phantom+screws'
            (procedural lumbar spine), a folder that holds one DICOM series, or a NIfTI (.nii,
            .nii.gz) or NRRD (.nrrd, .nhdr) file.

    Raises:
        CtError: there is no such source, or it is not a usable CT.
    """
    # Imported here: these modules build on this one, and few users need every format.
    from ixgs_ros.simulation import ct_dicom, ct_files, lidc, phantom
    if str(source) == 'lidc':
        return lidc.load_lidc()
    if str(source) in ('phantom', 'phantom+screws'):
        return phantom.lumbar_phantom(screws=str(source).endswith('screws'))
    path = Path(source)
    if path.is_dir():
        return ct_dicom.load_dicom_folder(path)
    if not path.exists():
        raise CtError(f'{path}: there is no such file; expected a folder with a DICOM series, a '
                      "NIfTI or NRRD file, 'lidc' or 'phantom'")
    if path.name.endswith(('.nii', '.nii.gz')):
        return ct_files.load_nifti(path)
    if path.name.endswith(('.nrrd', '.nhdr')):
        return ct_files.load_nrrd(path)
    if path.name.endswith('.dcm'):
        raise CtError(f'{path}: expected the folder of a DICOM series, got a single file')
    raise CtError(f'{path}: expected a folder with a DICOM series or a file ending in .nii, '
                  '.nii.gz, .nrrd or .nhdr')
