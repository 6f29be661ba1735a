"""A kernel compiled just now and the same kernel from numba's cache give the same bytes."""

import os
import subprocess
import sys

PROGRAM = """
import hashlib
import numpy as np
from ixgs_ros.reconstruction.tv_prox import prox_tv

volume = np.random.default_rng(0).uniform(0, 20, (64, 61, 63)).astype(np.float32)
dual = np.zeros((3, *volume.shape), np.float32)
result = prox_tv(volume, 0.25, 10, dual)
print(hashlib.sha256(result.tobytes() + dual.tobytes()).hexdigest())
"""


def test_the_first_process_computes_what_those_after_it_do(tmp_path):
    environment = {**os.environ, 'NUMBA_CACHE_DIR': str(tmp_path)}
    compiled, loaded = [subprocess.run([sys.executable, '-P', '-c', PROGRAM], env=environment,
                                       check=True, capture_output=True, text=True).stdout
                        for _ in range(2)]
    assert any(tmp_path.rglob('*.nbc'))
    assert compiled == loaded
