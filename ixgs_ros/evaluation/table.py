"""What was measured: rows in a CSV file, and a table of their means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
import math
from pathlib import Path

from ixgs_ros.evaluation.arms import ARMS
from ixgs_ros.evaluation.csv_rows import read_rows, write_rows
from ixgs_ros.evaluation.figures_of_merit import gap_left


@dataclass(frozen=True)
class Question:
    """What one row answers.

    Args:
        ct: name of the patient.
        simulator: that took the shots, with their version (`Series.made_by`).
        trajectory: of the stations.
        seed: of stations and noise.
        pixels: edge of the images.
        seconds: CPU seconds of the reconstruction.
        arm: what it was fed with.
        version: of the network.
        views: how many shots.
    """

    ct: str
    simulator: str
    trajectory: str
    seed: int
    pixels: int
    seconds: float
    arm: str
    version: str
    views: int


@dataclass(frozen=True)
class Row(Question):
    """A question and its answer; see VolumeFigures and HeldOutFigures.

    Args:
        refused: shots that the standardizer refused.
        relative_l1: means over the shots that were used, see
            `standardization.network.evaluation`; NaN for raw.
        invented: the same.
        lost: the same.
    """

    psnr_db: float
    ssim: float
    dice: float
    threshold: float
    surface_mm: float
    surface95_mm: float
    invented_3d: float
    lost_3d: float
    view_psnr_db: float
    view_ssim: float
    refused: int
    relative_l1: float
    invented: float
    lost: float

    @property
    def question(self) -> Question:
        """What this answers."""
        return Question(*(getattr(self, field.name) for field in fields(Question)))


class Rows:
    """All rows, in memory and in a CSV file.

    Args:
        path: the file; its rows are read if it is there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.rows = read_rows(path, Row)
    def has(self, question: Question) -> bool:
        """Return whether a question is answered."""
        return any(row.question == question for row in self.rows)

    def add(self, row: Row) -> None:
        """Keep a row and write all of them."""
        self.rows.append(row)
        write_rows(self._path, Row, self.rows)


def mean(rows: Sequence[Row], name: str) -> float:
    """Return the mean of a figure over rows, NaN for none."""
    return sum(getattr(row, name) for row in rows) / len(rows) if rows else math.nan


HEADS = ('CT', 'shots', 'views', 'arm', 'seeds', '3-D PSNR, dB', 'SSIM', 'Dice', 'at, 1/m',
         'surface, mm', '95 %, mm', 'invented in 3-D', 'lost in 3-D',
         'view PSNR, dB', 'SSIM', 'relative L1', 'invented', 'lost',
         'refused', 'gap left: PSNR', 'Dice', 'view PSNR')
GAPS = ('psnr_db', 'dice', 'view_psnr_db')


def markdown(rows: Sequence[Row]) -> str:
    """Return the table of means over the seeds."""
    lines = ['| ' + ' | '.join(HEADS) + ' |', '|---' * len(HEADS) + '|']
    scenes = sorted({(r.ct, f'{r.simulator}, {r.trajectory}', r.views) for r in rows})
    for scene in scenes:
        here = [r for r in rows if (r.ct, f'{r.simulator}, {r.trajectory}', r.views) == scene]
        for arm, version in sorted({(r.arm, r.version) for r in here},
                                   key=lambda found: (ARMS.index(found[0]), found[1])):
            found = [r for r in here if (r.arm, r.version) == (arm, version)]
            lines.append(_line(scene, arm, found, here))
    return '\n'.join([*lines, ''])


def _line(scene: tuple[str, str, int], arm: str, found: list[Row], here: list[Row]) -> str:
    def figure(name: str, digits: int, factor: float = 1.0, unit: str = '') -> str:
        return _text(factor * mean(found, name), digits, unit)
    ends = [[row for row in here if row.arm == end] for end in ('raw', 'ideal')]
    gaps = [_text(100 * gap_left(mean(ends[0], name), mean(found, name), mean(ends[1], name)), 0,
                  ' %') for name in GAPS]
    version = f' {found[0].version}' if found[0].version else ''
    cells = [scene[0], scene[1], str(scene[2]), arm + version, str(len(found)),
             figure('psnr_db', 2), figure('ssim', 3), figure('dice', 3), figure('threshold', 1),
             figure('surface_mm', 2), figure('surface95_mm', 1),
             figure('invented_3d', 1, 100, ' %'), figure('lost_3d', 1, 100, ' %'),
             figure('view_psnr_db', 2), figure('view_ssim', 3), figure('relative_l1', 3),
             figure('invented', 1, 100, ' %'), figure('lost', 1, 100, ' %'),
             figure('refused', 1), *gaps]
    return '| ' + ' | '.join(cells) + ' |'


def _text(value: float, digits: int, unit: str = '') -> str:
    return '–' if math.isnan(value) else f'{value:.{digits}f}{unit}'
