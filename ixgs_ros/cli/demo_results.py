"""What the demo leaves behind: volume, report, pictures, and what to do next."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ixgs_ros.cli.errors import ExitCode
from ixgs_ros.cli.progress import say
from ixgs_ros.cli.replay_online import reconstruction_of, report_of
from ixgs_ros.cli.results import Reconstruction, write_results
from ixgs_ros.ros.online import OnlineResult
from ixgs_ros.session.report import latency_statistics, Report
from ixgs_ros.simulation import attenuation, VirtualRig
from ixgs_ros.volume import pictures
from ixgs_ros.volume.metrics import Truth

# The shared pictures of the README are this large; a report page still holds them.
SIDE = 320


def leave(result: OnlineResult, rig: VirtualRig, out: Path) -> int:
    """Write all results, say the figures, and return the exit code."""
    report = report_of(result)
    truth = Truth(attenuation(rig.ct.hu), rig.ct.lps_from_index)
    found = reconstruction_of(result, rig.region, rig.lps_from_reference)
    if found is None:
        return write_results(out, report, None)
    code = write_results(out, report, found, truth)
    write_pictures(found, truth, out)
    if code == ExitCode.DONE:
        say(_next_steps(report, out))
    return code


def write_pictures(found: Reconstruction, truth: Truth, out: Path) -> None:
    """Write ``mpr.png``, ``rendering.png`` and ``contact_sheet.png``."""
    volume, grid, place = found.volume, found.grid, found.lps_from_reference
    middle = found.region.center
    slices = pictures.mpr_panels(volume, grid, middle, 'reconstruction', place)
    pictures.write_png(out / 'mpr.png', pictures.sheet([slices], pictures.window_text(), SIDE))
    rendered = pictures.rendering_panels(volume, grid, 'reconstruction', place)
    half = len(rendered) // 2
    pictures.write_png(out / 'rendering.png', pictures.sheet(
        [rendered[:half], rendered[half:]], 'each from nothing to its brightest', SIDE))
    reference = truth.on_grid(grid, place)
    pictures.write_png(out / 'contact_sheet.png',
                       pictures.compare(np.maximum(volume, 0.0), reference, grid, middle, place))


def _next_steps(report: Report, out: Path) -> str:
    latency = latency_statistics(report.latencies_s)
    return (f'Shot to volume: median {latency["median"]:.2f} s, 95 % within '
            f'{latency["p95"]:.2f} s, worst {latency["worst"]:.2f} s.\n'
            f'Look at {out}/contact_sheet.png (truth above, reconstruction below), mpr.png and '
            'rendering.png.\n'
            'Try next:\n'
            f'  ./ixgs replay {out}/bag --params {out}/params.yaml --offline --out again\n'
            '  ./ixgs simulate --help     record other shots, with faults if you like\n'
            '  ./ixgs run --help          your own rig (docs/user-guide.md)')
