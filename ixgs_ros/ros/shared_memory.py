"""Shared memory that killed processes left behind.

Fast DDS keeps a segment ``/dev/shm/fastdds_<16 hex digits>`` for each participant and holds an
exclusive lock on the file of that name with ``_el`` as long as it lives. A process that is killed
leaves both; a free lock tells so, by which ``fastdds shm clean`` finds them as well.
"""

from __future__ import annotations

import fcntl
from pathlib import Path
import re
import time

FOLDER = Path('/dev/shm')
LOCK = re.compile(r'fastdds_[0-9a-f]{16}_el')
# A participant that just starts has made its file and not yet locked it.
YOUNG_S = 2.0


def remove_orphans() -> list[str]:
    """Remove the segments of processes that live no more; return their names."""
    removed = []
    for lock in sorted(FOLDER.glob('fastdds_*_el')) if FOLDER.is_dir() else []:
        if LOCK.fullmatch(lock.name) and _is_orphaned(lock):
            segment = lock.with_name(lock.name.removesuffix('_el'))
            segment.unlink(missing_ok=True)
            lock.unlink(missing_ok=True)
            removed.append(segment.name)
    return removed


def _is_orphaned(lock: Path) -> bool:
    try:
        with lock.open('r+') as file:
            if time.time() - lock.stat().st_mtime < YOUNG_S:
                return False
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    except (BlockingIOError, FileNotFoundError, PermissionError):
        # Locked: it lives. Gone: removed meanwhile. Not permitted: another user's.
        return False
