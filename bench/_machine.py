"""What a benchmark's figures belong to: the machine, and the engine as it then was."""

from __future__ import annotations

from functools import cache
from pathlib import Path
import platform
import subprocess

ROOT = Path(__file__).resolve().parents[1]
ENGINE = ('ixgs_ros/gaussians', 'ixgs_ros/reconstruction')


def machine() -> str:
    """Return the processor's name and the number of cores."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path('/proc/cpuinfo')
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.split(':')[1].strip() for line in lines if line.startswith('model name')]
    return f'{models[0] if models else name}, {max(1, len(models))} cores'


@cache
def engine() -> str:
    """Return the date of the engine's last commit, yyyy-mm-dd; empty outside of a repository.

    Asked once a run: what is committed while it goes on is not what it measures.
    """
    done = subprocess.run(['git', '-C', str(ROOT), 'log', '-1', '--format=%cs', '--', *ENGINE],
                          capture_output=True, text=True, check=False)
    return done.stdout.strip()
