"""Every place that a CT can come from, by what the user calls it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ixgs_ros.simulation import ct_dicom, ct_files, lidc, phantom
from ixgs_ros.simulation.ct import Ct, CtError

PHANTOMS = ('phantom', 'phantom+screws')
LIDC = 'lidc'


def check_source(source: str | Path) -> None:
    """Raise a CtError unless this is a place that a CT can come from; reads nothing of it."""
    path = Path(source)
    if str(source) in (LIDC, *PHANTOMS) or path.is_dir():
        return
    if not path.exists():
        raise CtError(f'{path}: there is no such file; expected a folder with a DICOM series, a '
                      "NIfTI, NRRD or .npz file, 'lidc' or 'phantom'")
    if path.name.endswith('.dcm'):
        raise CtError(f'{path}: expected the folder of a DICOM series, got a single file')
    if not path.name.endswith(('.nii', '.nii.gz', '.nrrd', '.nhdr', '.npz')):
        raise CtError(f'{path}: expected a folder with a DICOM series or a file ending in .nii, '
                      '.nii.gz, .nrrd, .nhdr or .npz')


def name_of(source: str | Path) -> str:
    """Return a name that two CTs share only if they are the same.

    It is the source's own without its ending, and of files and folders a part of their digest:
    series of two patients often lie in files or folders of one name.
    """
    found = fingerprint(source)
    stem = Path(source).resolve().name.split('.')[0] if found else str(source)
    return f'{stem}-{found[:8]}' if found else stem


def fingerprint(source: str | Path) -> str:
    """Return the SHA-256 of a file, or of the files of a folder; '' for what is none."""
    path = Path(source)
    if str(source) in (LIDC, *PHANTOMS) or not path.exists():
        return ''
    files = [path] if path.is_file() else sorted(p for p in path.rglob('*') if p.is_file())
    digest = hashlib.sha256()
    for file in files:
        with file.open('rb') as opened:
            digest.update(hashlib.file_digest(opened, 'sha256').digest())
    return digest.hexdigest()


def load_ct(source: str | Path) -> Ct:
    """Load a CT.

    Args:
        source: 'lidc' (LIDC-IDRI-0001, downloaded on first use), 'phantom' or 'phantom+screws'
            (procedural lumbar spine), a folder that holds one DICOM series, or a file: NIfTI
            (.nii, .nii.gz), NRRD (.nrrd, .nhdr) or numpy (.npz, see ct_files.load_npz).

    Raises:
        CtError: there is no such source, or it is not a usable CT.
    """
    check_source(source)
    if str(source) == LIDC:
        return lidc.load_lidc()
    if str(source) in PHANTOMS:
        return phantom.lumbar_phantom(screws=str(source).endswith('screws'))
    path = Path(source)
    if path.is_dir():
        return ct_dicom.load_dicom_folder(path)
    if path.name.endswith(('.nii', '.nii.gz')):
        return ct_files.load_nifti(path)
    if path.name.endswith('.npz'):
        return ct_files.load_npz(path)
    return ct_files.load_nrrd(path)
