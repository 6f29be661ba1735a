"""Tables and a figure of the kernels' times."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
import csv
import math
from pathlib import Path

from _kernels_busy import BusyRow
from _kernels_rows import Row
from matplotlib.figure import Figure

COLUMNS = ('gaussians', 'on', 'kernel', 'cpu_ms_one', 'cpu_ms_all', 'wall_ms_one', 'wall_ms_all',
           'speed_up', 'exp_roof_share', 'fma_roof_share', 'copy_roof_share', 'machine')
IN_VIEW = ('project', 'render', 'forward', 'gradient', 'forward + gradient', 'moments',
           'view_gradient', 'slice')
IN_BOX = ('voxelize', 'voxelize_gradient', 'total_variation')


def number(value: float, digits: int = 2) -> str:
    """Return a number as text, nothing for NaN."""
    return '' if math.isnan(value) else f'{value:.{digits}f}'


def table(header: Sequence[str], lines: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table."""
    return [f'| {" | ".join(header)} |', '|' + '---|' * len(header),
            *(f'| {" | ".join(line)} |' for line in lines), '']


def write_csv(path: Path, rows: Iterable[Row], machine: str) -> None:
    """Write every row, the machine in each."""
    with path.open('w', newline='') as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow(COLUMNS)
        for row in rows:
            values = (row.one.cpu_ms, row.all.cpu_ms, row.one.wall_ms, row.all.wall_ms,
                      row.one.wall_ms / row.all.wall_ms, row.exp_share, row.fma_share,
                      row.copy_share)
            writer.writerow([row.gaussians, row.on, row.kernel,
                             *(number(value, 4) for value in values), machine])


def kernels_table(rows: Iterable[Row]) -> list[str]:
    """Return the table of times, threads and roofs."""
    header = ('on', 'kernel', 'CPU ms, one thread', 'CPU ms, all', 'wall ms, one', 'wall ms, all',
              'speed-up', 'of exp roof', 'of FMA roof', 'of copy roof')
    return table(header, ([row.on, row.kernel, number(row.one.cpu_ms), number(row.all.cpu_ms),
                           number(row.one.wall_ms), number(row.all.wall_ms),
                           number(row.one.wall_ms / row.all.wall_ms), number(row.exp_share),
                           number(row.fma_share), number(row.copy_share)] for row in rows))


def scaling_table(rows: Sequence[Row], counts: Sequence[int]) -> list[str]:
    """Return CPU milliseconds of one thread against the number of Gaussians."""
    times = {(row.on, row.kernel, row.gaussians): row.one.cpu_ms for row in rows}
    names = dict.fromkeys((row.on, row.kernel) for row in rows)
    return table(('on', 'kernel', *(f'{count:,}'.replace(',', ' ') for count in counts)),
                 ([*name, *(number(times.get((*name, count), math.nan)) for count in counts)]
                  for name in names))


def peers_table(rows: Iterable[Row], ours: Mapping[tuple[int, str, str], Row]) -> list[str]:
    """Return each peer's times beside ours, by (Gaussians, on, kernel)."""
    lines = []
    for row in rows:
        own = ours[row.gaussians, row.on, row.kernel.split(',')[0]]
        lines.append([str(row.gaussians), row.on, row.kernel, number(row.one.cpu_ms),
                      number(own.one.cpu_ms), number(row.one.cpu_ms / own.one.cpu_ms, 1),
                      number(row.all.wall_ms / own.all.wall_ms, 1)])
    return table(('Gaussians', 'on', 'peer', 'CPU ms, one thread', 'ours', 'times slower',
                  'the same, all threads, wall'), lines)


def errors_table(errors: Mapping[str, tuple[float, float]]) -> list[str]:
    """Return the differences from float64, as shares of the largest value."""
    return table(('result', 'ours', 'torch float32'),
                 ([name, *('' if math.isnan(value) else f'{value:.1e}' for value in pair)]
                  for name, pair in errors.items()))


def busy_table(rows: Iterable[BusyRow]) -> list[str]:
    """Return the times on busy cores."""
    return table(('kernel', 'one thread, median ms', 'all, median ms', 'one thread, mean ms',
                  'all, mean ms', 'speed-up of the mean'),
                 ([row.kernel, number(row.one_median), number(row.all_median),
                   number(row.one_mean), number(row.all_mean),
                   number(row.one_mean / row.all_mean)] for row in rows))


def draw(path: Path, rows: Sequence[Row], count: int, machine: str) -> None:
    """Draw time against the number of Gaussians and against the detector's edge."""
    sizes = sorted({int(row.on[:-1]) for row in rows if row.kernel in IN_VIEW})
    voxels = max(int(row.on[:-1]) for row in rows if row.kernel in IN_BOX)
    middle = f'{sizes[len(sizes) // 2]}²'
    figure = Figure(figsize=(12, 5), layout='constrained')
    left, right = figure.subplots(1, 2, sharey=True)
    kernels = {**dict.fromkeys(IN_VIEW, middle), 'adam': 'all parameters',
               **dict.fromkeys(IN_BOX, f'{voxels}³')}
    for k, (name, on) in enumerate(kernels.items()):
        style = {'label': f'{name}, {on}', 'color': f'C{k % 10}',
                 'linestyle': '--' if name in IN_BOX else '-', 'marker': '.'}
        left.plot(*zip(*sorted((row.gaussians, row.one.cpu_ms) for row in rows
                               if (row.kernel, row.on) == (name, on))), **style)
        if name in IN_VIEW:
            right.plot(*zip(*sorted((int(row.on[:-1]), row.one.cpu_ms) for row in rows
                                    if (row.kernel, row.gaussians) == (name, count))), **style)
    left.set(xscale='log', yscale='log', xlabel='Gaussians', ylabel='CPU ms, one thread')
    right.set(xscale='log', xlabel="detector's edge, pixels", title=f'{count} Gaussians')
    for axes, ticks in ((left, sorted({row.gaussians for row in rows})), (right, sizes)):
        axes.minorticks_off()
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
        axes.grid(alpha=0.3)
    figure.legend(*left.get_legend_handles_labels(), loc='outside right center')
    figure.suptitle(machine)
    figure.savefig(path, dpi=100)
