"""The machine that a benchmark's figures belong to."""

from __future__ import annotations

from pathlib import Path
import platform


def machine() -> str:
    """Return the processor's name and the number of cores."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path('/proc/cpuinfo')
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.split(':')[1].strip() for line in lines if line.startswith('model name')]
    return f'{models[0] if models else name}, {max(1, len(models))} cores'
