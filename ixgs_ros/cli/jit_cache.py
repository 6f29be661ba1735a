"""Where numba keeps compiled kernels: one folder for each state of the sources.

Numba's own check looks only at the file of the function that it compiled. A kernel into which a
function of another file was inlined would keep its old machine code after that file changed.
"""

from __future__ import annotations

from collections.abc import Mapping
import hashlib
import os
from pathlib import Path
import shutil
import time

from ixgs_ros.cli.errors import CliError
from ixgs_ros.cli.locate import PACKAGE

KEPT_S = 30 * 24 * 3600.0
# The packages that have kernels.
KERNELS = ('gaussians', 'reconstruction', 'simulation', 'volume')


def digest_of(package: Path = PACKAGE) -> str:
    """Return a digest of all sources that kernels are compiled from, 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for path in sorted(path for name in KERNELS for path in (package / name).rglob('*.py')):
        digest.update(str(path.relative_to(package)).encode() + b'\0' + path.read_bytes())
    return digest.hexdigest()[:16]


def folder_in(environment: Mapping[str, str]) -> Path:
    """Return the folder for these sources, below ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    base = environment.get('XDG_CACHE_HOME')
    caches = Path(base) if base else Path.home() / '.cache'
    return caches / 'ixgs' / 'numba' / digest_of()


def clear_old(folder: Path) -> None:
    """Mark ``folder`` as used, and remove its neighbours that nothing used for a month.

    Raises:
        CliError: it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CliError(f'{folder}: expected a folder that can be written, for compiled kernels: '
                       f'{error.strerror}; XDG_CACHE_HOME names another') from error
    os.utime(folder)
    for other in folder.parent.iterdir():
        if time.time() - other.stat().st_mtime > KEPT_S:
            shutil.rmtree(other, ignore_errors=True)
