"""NIfTI, NRRD and numpy files as a CT, in LPS metres whatever the file counts in."""

from __future__ import annotations

from pathlib import Path
import zipfile

import nibabel
from nibabel.filebasedimages import ImageFileError
import nrrd
import numpy as np

from ixgs_ros.simulation.ct import Ct, CtError, without_padding

# From millimetres to metres; NIfTI is RAS, so x and y turn round.
LPS_M_FROM_RAS_MM = np.diag([-0.001, -0.001, 0.001, 1.0])
# How the axes of NRRD's spaces point in LPS.
NRRD_SPACES = {'left-posterior-superior': (1, 1, 1), 'lps': (1, 1, 1),
               'right-anterior-superior': (-1, -1, 1), 'ras': (-1, -1, 1),
               'left-anterior-superior': (1, -1, 1), 'las': (1, -1, 1)}


def load_nifti(path: Path) -> Ct:
    """Load a NIfTI file in Hounsfield units.

    Raises:
        CtError: the file is damaged, not three-dimensional, has no orientation or no grey values.
    """
    try:
        image = nibabel.load(path)
        values = np.asanyarray(image.dataobj)
    except (ImageFileError, OSError, EOFError, ValueError) as error:
        raise CtError(f'{path}: not a readable NIfTI file: {error}') from error
    values = _three_dimensional(path, values)
    header = image.header
    if int(header['sform_code']) == 0 and int(header['qform_code']) == 0:
        raise CtError(f'{path}: expected an affine (sform or qform code at least 1), got '
                      "sform_code 0 and qform_code 0: the patient's orientation is unknown")
    unit = header.get_xyzt_units()[0]
    millimetres = {'mm': 1.0, 'unknown': 1.0, 'meter': 1000.0, 'micron': 0.001}[unit]
    affine = image.affine.copy()
    affine[:3] *= millimetres
    return Ct(without_padding(values.T.astype(np.float32)), LPS_M_FROM_RAS_MM @ affine, str(path))


def load_nrrd(path: Path) -> Ct:
    """Load an NRRD file in Hounsfield units.

    Raises:
        CtError: the file is damaged, not three-dimensional, or has no space and directions.
    """
    try:
        values, header = nrrd.read(str(path))
    except (nrrd.NRRDError, OSError, EOFError, ValueError) as error:
        raise CtError(f'{path}: not a readable NRRD file: {error}') from error
    values = _three_dimensional(path, values)
    space = str(header.get('space', 'none')).lower()
    if space not in NRRD_SPACES:
        raise CtError(f'{path}: expected a space among {", ".join(NRRD_SPACES)}, got {space}')
    if header.get('space directions') is None or header.get('space origin') is None:
        raise CtError(f"{path}: expected 'space directions' and 'space origin', which the file "
                      'lacks')
    units = [unit.strip('"') for unit in header.get('space units', ['mm'] * 3)]
    if set(units) != {'mm'}:
        raise CtError(f'{path}: expected space units mm, got {units}')
    affine = np.eye(4)
    affine[:3, :3] = np.array(header['space directions'], dtype=np.float64).T
    affine[:3, 3] = header['space origin']
    lps_from_space = np.diag([*NRRD_SPACES[space], 1.0])
    lps_from_space[:3] *= 0.001
    return Ct(without_padding(values.T.astype(np.float32)), lps_from_space @ affine, str(path))


def load_npz(path: Path) -> Ct:
    """Load a numpy archive: ``hu`` (z, y, x) and ``spacing_mm`` (3,) along z, y, x; axes of LPS.

    Raises:
        CtError: the file is damaged or lacks one of the two.
    """
    try:
        with np.load(path) as data:
            hu, spacing = data['hu'], np.asarray(data['spacing_mm'], dtype=np.float64)
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise CtError(f'{path}: not a readable .npz file: {error}') from error
    except KeyError as error:
        raise CtError(f"{path}: expected arrays 'hu' and 'spacing_mm': {error}") from error
    if spacing.shape != (3,) or not (spacing > 0.0).all():
        raise CtError(f'{path}: expected three positive spacing_mm, got {spacing.tolist()}')
    hu = _three_dimensional(path, hu)
    return Ct(without_padding(hu.astype(np.float32)), np.diag([*(0.001 * spacing[::-1]), 1.0]),
              str(path))


def _three_dimensional(path: Path, values: np.ndarray) -> np.ndarray:
    """Return the array without trailing axes of length 1, or raise."""
    shape = values.shape
    while values.ndim > 3 and values.shape[-1] == 1:
        values = values[..., 0]
    if values.ndim != 3:
        raise CtError(f'{path}: expected a volume of three axes, got {len(shape)} of sizes '
                      f'{shape}')
    if values.dtype.kind not in 'iuf':
        raise CtError(f'{path}: expected grey values, got {values.dtype}')
    return values
