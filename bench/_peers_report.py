"""What was measured of the peers: a file of rows, a table and a figure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from statistics import median
from typing import NamedTuple

from _peers_methods import METHODS, REFERENCE

from ixgs_ros.evaluation.csv_rows import read_rows, write_rows

# A checkpoint counts for a moment that it misses by no more than this share.
LATE = 1.1
MOMENTS = (0.2, 1.0)


class Cell(NamedTuple):
    """One problem: which CT, what is wrong with the shots, how many, and their seed."""

    scene: str
    condition: str
    views: int
    seed: int


@dataclass(frozen=True)
class Row:
    """One volume of one method: CPU seconds and agreement inside the sphere of 76 mm.

    ``engine`` is the date of the engine's last commit when it was measured, ``processor`` where,
    or they are empty. ``beside_metal_db`` is NaN where there is no metal, or it was not measured.
    """

    scene: str
    condition: str
    views: int
    seed: int
    method: str
    seconds: float
    psnr_db: float
    rmse_hu: float
    ssim: float
    engine: str = ''
    processor: str = ''
    beside_metal_db: float = float('nan')

    @property
    def cell(self) -> Cell:
        """The problem."""
        return Cell(self.scene, self.condition, self.views, self.seed)


class Rows:
    """All rows, in memory and in a CSV file.

    Args:
        path: the file; its rows are read if it is there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows = read_rows(path, Row)

    def of(self, cell: Cell, method: str) -> list[Row]:
        """Return a method's rows of a cell in the order of their seconds."""
        return sorted((row for row in self._rows if (row.cell, row.method) == (cell, method)),
                      key=lambda row: row.seconds)

    def cells(self) -> list[Cell]:
        """Return the cells that hold anything, in order."""
        return sorted({row.cell for row in self._rows})

    def add(self, rows: Iterable[Row]) -> None:
        """Keep, write and say rows."""
        for row in rows:
            self._rows.append(row)
            print(f'{row.scene} {row.condition} {row.views} views, seed {row.seed}: {row.method} '
                  f'{row.seconds:.1f} CPU-s, {row.psnr_db:.2f} dB, {row.rmse_hu:.0f} HU, SSIM '
                  f'{row.ssim:.3f}', flush=True)
        self._write()

    def drop(self, cells: Sequence[Cell], methods: Sequence[str]) -> None:
        """Forget the rows of some methods in some cells."""
        self._rows = [row for row in self._rows
                      if row.cell not in cells or row.method not in methods]
        self._write()

    def _write(self) -> None:
        write_rows(self._path, Row, self._rows, digits=4)


def at(rows: Sequence[Row], seconds: float) -> Row | None:
    """Return the last of a method's rows that was there by then."""
    return next((row for row in reversed(rows) if row.seconds <= LATE * seconds), None)


def summary(rows: Rows, problem: tuple[str, str, int], method: str,
            share: float) -> tuple[str, list[Row]] | None:
    """Return the medians over seeds at a share of the reference's seconds, and what they are of.

    Args:
        rows: all.
        problem: scene, condition and number of views.
        method: its name.
        share: of the CPU seconds of RTK's SART with TV on the same problem.
    """
    found, without = [], 0
    for cell in rows.cells():
        reference, own = rows.of(cell, REFERENCE), rows.of(cell, method)
        if cell[:3] == problem and reference and own:
            row = at(own, share * reference[-1].seconds)
            found += [] if row is None else [row]
            without += row is None
    if not found:
        return None
    beside = median(row.beside_metal_db for row in found)
    beside_metal = '' if isnan(beside) else f', {beside:.2f} beside metal'
    few = f' (of {len(found)} seeds; {without} without a volume)' if without else ''
    return (f'{median(row.psnr_db for row in found):.2f} / '
            f'{median(row.rmse_hu for row in found):.0f} / '
            f'{median(row.ssim for row in found):.3f}{beside_metal}{few}'), found


def names(rows: Iterable[Row], field: str) -> str:
    """Return what the rows have in a field, each once, in order."""
    return ', '.join(sorted({str(getattr(row, field)) or 'unknown' for row in rows}))


def markdown(rows: Rows) -> str:
    """Return the table as a page."""
    lines = ['# Reconstruction against its peers', '',
             'Medians over the seeds of dB / HU / SSIM inside 76 mm, at a fifth of '
             "the CPU seconds (all threads) that ITK-RTK's SART with TV takes, and at all of "
             'them (or up to a tenth later); – where a method had no volume yet. Beside metal: '
             'dB of the voxels farther than 2.5 mm from it. The engine is named by the date of '
             'its last commit. Seconds compare within a processor only. What was measured of '
             'each seed is in peers.csv; what the conditions and methods are, in '
             'bench/_peers_scenes.py and bench/_*_peer.py.', '',
             '| scene | condition | views | seeds | engine | processor | CPU-s | method '
             '| a fifth | all |',
             '|---|---|---|---|---|---|---|---|---|---|']
    for problem in sorted({cell[:3] for cell in rows.cells()}):
        references = [rows.of(cell, REFERENCE) for cell in rows.cells() if cell[:3] == problem]
        seconds = [found[-1].seconds for found in references if found]
        for method in METHODS if seconds else ():
            early, late = (summary(rows, problem, method, share) for share in MOMENTS)
            if early or late:
                used = [row for found in (early, late) if found for row in found[1]]
                scene, condition, views = problem
                lines.append(f'| {scene} | {condition} | {views} | {names(used, "seed")} | '
                             f'{names(used, "engine")} | {names(used, "processor")} | '
                             f'{median(seconds):.0f} | {method} | '
                             f'{early[0] if early else "–"} | {late[0] if late else "–"} |')
    return '\n'.join([*lines, ''])


def figure(rows: Rows, path: Path) -> None:
    """Draw quality against CPU seconds: a panel for each scene and condition, most views only."""
    import matplotlib
    matplotlib.use('Agg')
    from matplotlib import pyplot
    cells = rows.cells()
    scenes = sorted({cell.scene for cell in cells})
    conditions = sorted({cell.condition for cell in cells})
    drawing, panels = pyplot.subplots(len(scenes), len(conditions), squeeze=False,
                                      layout='constrained',
                                      figsize=(3.6 * len(conditions), 3.2 * len(scenes)))
    for line, scene in zip(panels, scenes, strict=True):
        for panel, condition in zip(line, conditions, strict=True):
            _panel(panel, rows, [cell for cell in cells
                                 if (cell.scene, cell.condition) == (scene, condition)])
            panel.set_title(f'{scene}, {condition}')
    handles = {label: handle for panel in panels.ravel()
               for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)}
    drawing.legend(handles.values(), handles.keys(), loc='outside upper center', ncol=7)
    drawing.supxlabel('CPU seconds, all threads')
    drawing.supylabel('PSNR inside 76 mm, dB')
    drawing.savefig(path, dpi=120)
    pyplot.close(drawing)


def _panel(panel: object, rows: Rows, cells: Sequence[Cell]) -> None:
    """Draw the medians over seeds of each method's successive volumes, of the most views."""
    if not cells:
        panel.set_visible(False)
        return
    most = max(cell.views for cell in cells)
    for number, method in enumerate(METHODS):
        runs = [rows.of(cell, method) for cell in cells if cell.views == most]
        runs = [run for run in runs if run]
        if runs:
            panel.plot(*zip(*successive(runs), strict=True), '.-', color=f'C{number}',
                       label=method)
    panel.text(0.98, 0.03, f'{most} views', transform=panel.transAxes, ha='right')


def successive(runs: Sequence[Sequence[Row]]) -> list[tuple[float, float]]:
    """Return the medians over seeds of seconds and dB, moment by moment.

    Where a first volume comes late, a seed lacks the earliest moments: all have the last ones.
    """
    steps = zip(*(reversed(run) for run in runs), strict=False)
    return [(median(row.seconds for row in step), median(row.psnr_db for row in step))
            for step in steps][::-1]
