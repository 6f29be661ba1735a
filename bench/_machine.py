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
    return f'{processor()}, {max(1, len(_cpuinfo("model name")))} cores'


def processor() -> str:
    """Return the processor's name, and whether it has vectors of 512 bits if that is known."""
    names, flags = _cpuinfo('model name'), _cpuinfo('flags')
    wide = f" with{'' if 'avx512f' in flags[0].split() else 'out'} AVX-512" if flags else ''
    return (names[0] if names else platform.processor() or platform.machine()) + wide


def _cpuinfo(field: str) -> list[str]:
    """Return what Linux says in a field of each core; nothing elsewhere."""
    cpuinfo = Path('/proc/cpuinfo')
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    return [line.split(':')[1].strip() for line in lines if line.split(':')[0].strip() == field]


@cache
def engine() -> str:
    """Return the date of the engine's last commit, yyyy-mm-dd; empty outside of a repository.

    Asked once a run: what is committed while it goes on is not what it measures.
    """
    done = subprocess.run(['git', '-C', str(ROOT), 'log', '-1', '--format=%cs', '--', *ENGINE],
                          capture_output=True, text=True, check=False)
    return done.stdout.strip()
