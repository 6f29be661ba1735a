"""Whoever does not use the network does not load torch."""

from __future__ import annotations

import subprocess
import sys

MODULES = ('ixgs_ros.standardization', 'ixgs_ros.standardization.network.evaluation',
           'ixgs_ros.cli.train_standardizer')


def test_it_is_imported_without_torch():
    code = f'import sys, {", ".join(MODULES)}; sys.exit("torch" in sys.modules)'
    assert subprocess.run([sys.executable, '-P', '-c', code], check=False).returncode == 0
