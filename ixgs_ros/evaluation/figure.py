"""The figure of the experiment: quality against the number of views, a line for each arm."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ixgs_ros.evaluation.arms import ARMS
from ixgs_ros.evaluation.table import mean, Row

PANELS = {'psnr_db': '3-D PSNR, dB', 'dice': 'bone Dice', 'surface_mm': 'surface distance, mm',
          'view_psnr_db': 'held-out views PSNR, dB'}


def draw(rows: Sequence[Row], path: Path) -> None:
    """Draw the means over the seeds, a line of panels for each CT, simulator and trajectory."""
    import matplotlib
    matplotlib.use('Agg')
    from matplotlib import pyplot
    scenes = sorted({(row.ct, row.simulator, row.trajectory) for row in rows})
    drawing, panels = pyplot.subplots(len(scenes), len(PANELS), squeeze=False,
                                      figsize=(3.4 * len(PANELS), 3.0 * len(scenes)))
    for line, scene in zip(panels, scenes, strict=True):
        here = [r for r in rows if (r.ct, r.simulator, r.trajectory) == scene]
        line[0].set_title(', '.join(scene), loc='left')
        for panel, (name, title) in zip(line, PANELS.items(), strict=True):
            for arm, version in sorted({(r.arm, r.version) for r in here}):
                ours = [r for r in here if (r.arm, r.version) == (arm, version)]
                counts = sorted({r.views for r in ours})
                panel.plot(counts, [mean([r for r in ours if r.views == n], name)
                                    for n in counts], 'o-', color=f'C{ARMS.index(arm)}',
                           label=f'{arm} {version}'.strip())
            panel.set_xlabel('views')
            panel.set_ylabel(title)
    panels[0][-1].legend(fontsize='small')
    drawing.tight_layout()
    drawing.savefig(path, dpi=120)
    pyplot.close(drawing)
