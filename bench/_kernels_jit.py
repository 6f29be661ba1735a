"""What compiling the kernels costs: CPU seconds of a new process, cold and from numba's cache."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

# The child's own clock leaves out the interpreter's start.
CHILD = """
import time
start = time.process_time()
import numpy as np
from ixgs_ros.gaussians.cpu import CpuSplatter
from ixgs_ros.gaussians.optimizer import Adam
from ixgs_ros.gaussians.tv import total_variation
imported = time.process_time()
CpuSplatter().warm_up()
Adam(1).warm_up()
total_variation(np.zeros((2, 2, 2), np.float32), 1.0)
print(imported - start, time.process_time() - imported)
"""


def start_seconds() -> dict[str, tuple[float, float]]:
    """Return CPU seconds of imports and of warming up, 'cold' (an empty cache) and 'warm'."""
    result = {}
    with tempfile.TemporaryDirectory() as cache:
        environment = dict(os.environ, NUMBA_CACHE_DIR=cache)
        for name in ('cold', 'warm'):
            done = subprocess.run([sys.executable, '-P', '-c', CHILD], env=environment, text=True,
                                  capture_output=True, check=True)
            imports, warm_up = map(float, done.stdout.split())
            result[name] = (imports, warm_up)
    return result
