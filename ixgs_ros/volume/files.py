"""Volumes as NIfTI and NRRD files, written whole or not at all, the same bytes every time."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import nibabel
import numpy as np

from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.volume.grid import VoxelGrid
from ixgs_ros.volume.mpr import check_volume

MM_PER_M = 1000.0
RAS_FROM_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
# Float data compresses little; a higher level costs seconds and gains per cents.
GZIP_LEVEL = 4


def lps_mm_from_index(grid: VoxelGrid, lps_from_reference: RigidTransform) -> np.ndarray:
    """Return the affine (4, 4) from voxel indices (x, y, z) to LPS millimetres."""
    reference_from_index = np.eye(4)
    reference_from_index[:3, :3] = np.diag(grid.spacing)
    reference_from_index[:3, 3] = grid.origin
    return np.diag([MM_PER_M] * 3 + [1.0]) @ lps_from_reference.matrix() @ reference_from_index


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file whole: a temporary one beside it, fsync, rename.

    Raises:
        OSError: the folder does not exist or cannot be written, or the disk is full; it names the
            file, and nothing is left behind.
    """
    temporary = path.with_name(f'.{path.name}.{os.getpid()}.part')
    try:
        with open(temporary, 'wb') as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename, error.filename2 = str(path), None
        raise


def nifti_bytes(volume: np.ndarray, grid: VoxelGrid, lps_from_reference: RigidTransform) -> bytes:
    """Return an uncompressed NIfTI-1 file: float32, sform code 1, millimetres, RAS."""
    affine = RAS_FROM_LPS @ lps_mm_from_index(grid, lps_from_reference)
    # NIfTI stores x fastest; so does our (z, y, x) array, hence the transpose costs nothing.
    image = nibabel.Nifti1Image(check_volume(volume, grid).T, affine)
    image.set_sform(affine, code=1)
    image.set_qform(affine, code=1)
    image.header.set_xyzt_units('mm')
    image.header['descrip'] = b'linear attenuation in 1/m; research use only'
    return image.to_bytes()


def write_nifti(path: str | Path, volume: np.ndarray, grid: VoxelGrid,
                lps_from_reference: RigidTransform) -> None:
    """Write ``.nii`` or ``.nii.gz``: float32 in the volume's unit, sform code 1, millimetres, RAS.

    Args:
        path: the file; replaced if it exists.
        volume: (z, y, x), 1/m.
        grid: where its voxels lie in the reference frame.
        lps_from_reference: how the reference frame lies in the patient.

    Raises:
        ValueError: the suffix is another one.
        OSError: the file cannot be written.
    """
    path = Path(path)
    if not path.name.endswith(('.nii', '.nii.gz')):
        raise ValueError(f'expected a name ending in .nii or .nii.gz, got {path.name!r}')
    content = nifti_bytes(volume, grid, lps_from_reference)
    if path.name.endswith('.gz'):
        content = gzip.compress(content, GZIP_LEVEL, mtime=0)
    write_atomically(path, content)


def write_nrrd(path: str | Path, volume: np.ndarray, grid: VoxelGrid,
               lps_from_reference: RigidTransform) -> None:
    """Write ``.nrrd``: float32 in the volume's unit, millimetres, LPS; arguments as write_nifti.

    The header is written here because pynrrd puts the date into it, and two equal volumes are to
    be equal files. Format: http://teem.sourceforge.net/nrrd/format.html.
    """
    path = Path(path)
    if not path.name.endswith('.nrrd'):
        raise ValueError(f'expected a name ending in .nrrd, got {path.name!r}')
    affine = lps_mm_from_index(grid, lps_from_reference)
    directions = ' '.join(_nrrd_vector(affine[:3, axis]) for axis in range(3))
    header = '\n'.join([
        'NRRD0004', '# linear attenuation in 1/m; research use only', 'type: float',
        'dimension: 3',
        'space: left-posterior-superior', f'sizes: {" ".join(str(n) for n in grid.size)}',
        f'space directions: {directions}', 'kinds: domain domain domain', 'endian: little',
        'encoding: gzip', 'space units: "mm" "mm" "mm"',
        f'space origin: {_nrrd_vector(affine[:3, 3])}', '', ''])
    data = check_volume(volume, grid).astype('<f4', copy=False).tobytes()
    write_atomically(path, header.encode('ascii') + gzip.compress(data, GZIP_LEVEL, mtime=0))


def _nrrd_vector(vector: np.ndarray) -> str:
    return f'({",".join(repr(float(value)) for value in vector)})'


def write_volume(path: str | Path, volume: np.ndarray, grid: VoxelGrid,
                 lps_from_reference: RigidTransform) -> None:
    """Write NIfTI or NRRD, as the suffix says (.nii, .nii.gz, .nrrd)."""
    write = write_nrrd if str(path).endswith('.nrrd') else write_nifti
    write(path, volume, grid, lps_from_reference)
