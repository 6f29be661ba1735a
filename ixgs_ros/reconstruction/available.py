"""How much memory there is, and whether a reconstruction fits into it."""

from __future__ import annotations

from pathlib import Path
import resource

from ixgs_ros.parameters import ParameterError
from ixgs_ros.reconstruction.config import ReconstructionConfig
from ixgs_ros.reconstruction.memory import MemoryEstimate


def available_memory(root: Path = Path('/')) -> int | None:
    """Return the bytes that this process may still take; None where nothing says so (no Linux).

    The least of what the machine has free or can free (MemAvailable), what is left under the
    limits of the control groups the process is in, and under its own limit of address space.

    Args:
        root: folder that holds ``proc`` and ``sys``.
    """
    left = [_left_in_group(group) for group in _groups(root)]
    meminfo = _table(root / 'proc/meminfo')
    if 'MemAvailable:' in meminfo:
        left.append(1024 * meminfo['MemAvailable:'])
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    status = _table(root / 'proc/self/status')
    if limit != resource.RLIM_INFINITY and 'VmSize:' in status:
        left.append(limit - 1024 * status['VmSize:'])
    known = [count for count in left if count is not None]
    return max(0, min(known)) if known else None


def check_memory(config: ReconstructionConfig, estimate: MemoryEstimate,
                 available: int | None) -> None:
    """Raise unless a reconstruction fits.

    Args:
        config: its settings.
        estimate: what it takes at most.
        available: bytes there are; None: unknown, and all passes.

    Raises:
        ParameterError: it does not; named are the settings that decide, and both numbers.
    """
    if available is None or estimate.total <= available:
        return
    size = ' x '.join(f'{length:g}' for length in config.region.size)
    box = f'{size} m' if any(config.region.size) else 'automatic'
    raise ParameterError(
        f'model.max_gaussians {config.model.max_gaussians}, volume.spacing '
        f'{config.volume.spacing:g} m, region.size {box}: expected a reconstruction that fits '
        f'into the {1e-6 * available:.0f} MB of memory that are free, got one of up to '
        f'{estimate}: set fewer Gaussians, a wider spacing or a smaller region.size')


def _groups(root: Path) -> list[Path]:
    """Return the folders of the process's control groups that may limit memory, parents too."""
    folders = []
    try:
        lines = (root / 'proc/self/cgroup').read_text().splitlines()
    except OSError:
        return []
    for line in lines:
        _, controllers, path = line.split(':', 2)
        if controllers in ('', 'memory'):
            top = root / 'sys/fs/cgroup' / controllers
            inner = top / path.lstrip('/')
            # In a container the path may be that of the host, of which only the top is there.
            folders += [folder for folder in (inner, *inner.parents)
                        if folder == top or top in folder.parents]
    return folders


def _left_in_group(folder: Path) -> int | None:
    """Return what a control group has left, version 2 or 1; None if it has no limit."""
    for limit, used in (('memory.max', 'memory.current'),
                        ('memory.limit_in_bytes', 'memory.usage_in_bytes')):
        try:
            most, now = int((folder / limit).read_text()), int((folder / used).read_text())
        except (OSError, ValueError):  # no such group, or 'max'
            continue
        # Pages of files that nobody uses are counted but go when they are in the way.
        return most - now + _table(folder / 'memory.stat').get('inactive_file', 0)
    return None


def _table(path: Path) -> dict[str, int]:
    """Return the lines 'name number …' of a file; empty if it is not there."""
    try:
        rows = [line.split() for line in path.read_text().splitlines()]
    except OSError:
        return {}
    return {row[0]: int(row[1]) for row in rows if len(row) > 1 and row[1].isdigit()}
