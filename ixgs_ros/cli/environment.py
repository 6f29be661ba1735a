"""Defaults of the environment for this process and those it starts; what the user set stays."""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path
import shutil

from ixgs_ros.cli import jit_cache
from ixgs_ros.cli.locate import shared_file

SHARED_MEMORY = Path('/dev/shm')
# The large profile takes 256 MiB of each process; all nodes, a recorder and an observer fit.
LARGE_PROFILE_BYTES = 8 * 256 * 2**20


def apply_defaults(environment: MutableMapping[str, str],
                   shared_memory: Path = SHARED_MEMORY) -> None:
    """Add what is missing; call it before rclpy and numba are imported.

    - ROS_AUTOMATIC_DISCOVERY_RANGE: this host only. Nothing of a patient leaves it unasked.
    - FASTDDS_DEFAULT_PROFILES_FILE: shared memory large enough for images and volumes, where the
      machine has that much (a container often has 64 MB). Elsewhere Fast DDS keeps its own
      default: our reliable topics work, a best-effort camera may lose frames.
    - NUMBA_CACHE_DIR: compiled kernels of just these sources (``jit_cache.py`` says why).
    - NUMBA_THREADING_LAYER: the one layer that is always there; all machines compute alike.
    """
    environment.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    if 'NUMBA_CACHE_DIR' not in environment:
        kernels = jit_cache.folder_in(environment)
        jit_cache.clear_old(kernels)
        environment['NUMBA_CACHE_DIR'] = str(kernels)
    environment.setdefault('NUMBA_THREADING_LAYER', 'workqueue')
    if shared_memory.is_dir() and shutil.disk_usage(shared_memory).free >= LARGE_PROFILE_BYTES:
        environment.setdefault('FASTDDS_DEFAULT_PROFILES_FILE',
                               str(shared_file('config/fastdds_large.xml')))
