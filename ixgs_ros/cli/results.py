"""What a reconstruction leaves behind: volume files, report and a few lines for the user."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
import tempfile

import numpy as np

from ixgs_ros.cli.errors import CliError, ExitCode
from ixgs_ros.cli.progress import say
from ixgs_ros.geometry import RigidTransform
from ixgs_ros.session.report import Report
from ixgs_ros.volume.files import write_volume
from ixgs_ros.volume.grid import Region, VoxelGrid
from ixgs_ros.volume.metrics import evaluate, Truth

FILES = ('volume.nii.gz', 'volume.nrrd')
# Of the second model, of attenuation beside bone.
ATTENUATION = ('attenuation.nii.gz', 'attenuation.nrrd')
DEVIATION = 'deviation.nii.gz'
REPORT = 'report.json'


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """A finished volume.

    Args:
        volume: (z, y, x) float32 in 1/m.
        grid: where its voxels lie in the reference frame.
        region: what was asked for; it sets the sphere of the metrics.
        lps_from_reference: where the reference frame is in the patient.
        deviation: of the voxels, 1/m; None if it is not known.
    """

    volume: np.ndarray
    grid: VoxelGrid
    region: Region
    lps_from_reference: RigidTransform
    deviation: np.ndarray | None = None


def make_folder(path: Path) -> Path:
    """Return the output folder, made if need be.

    Raises:
        CliError: it cannot be made, is a file or takes no files: told before the work, not after.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise CliError(f'--out {path}: expected a folder that can be written: '
                       f'{error.strerror}') from error
    return path


def write_results(out: Path, report: Report, found: Reconstruction | None,
                  truth: Truth | None = None,
                  attenuation: Reconstruction | None = None) -> int:
    """Write volume and report, say what came out, and return the exit code.

    Args:
        out: an existing folder; files of an earlier run are replaced, or removed where this run
            has none.
        report: its metrics, and those of its attenuation, are filled in here.
        found: the volume; None if the shots made no model.
        truth: what to compare with.
        attenuation: that of the second model; None if there is none.

    Raises:
        CliError: the truth lies elsewhere; volume and report are written all the same.
    """
    elsewhere: ValueError | None = None
    for one, part in ((found, report), (attenuation, report.attenuation)):
        if one is not None and part is not None and truth is not None:
            try:
                part.metrics = evaluate(one.volume, one.grid, truth, one.lps_from_reference,
                                        one.region)
            except ValueError as error:
                elsewhere = error
    for one, names in ((found, FILES), (attenuation, ATTENUATION)):
        for name in names:
            if one is None:
                # A volume of an earlier run would pass for one of this run.
                (out / name).unlink(missing_ok=True)
            else:
                write_volume(out / name, one.volume, one.grid, one.lps_from_reference)
    if found is None or found.deviation is None:
        (out / DEVIATION).unlink(missing_ok=True)
    else:
        write_volume(out / DEVIATION, found.deviation, found.grid, found.lps_from_reference)
    report.write(out / REPORT)
    if elsewhere is not None:
        raise CliError(f'--truth: {elsewhere} (volume and report are in {out})') from elsewhere
    return _summary(out, report, found, ATTENUATION if attenuation is not None else ())


def _summary(out: Path, report: Report, found: Reconstruction | None,
             more: tuple[str, ...]) -> int:
    refused = ', '.join(f'{number} {code}' for code, number in report.refused.items())
    say(f'{report.accepted} of {len(report.shots)} shots accepted'
        + (f'; refused: {refused}' if refused else ''))
    if report.accepted == 0:
        say(f'no volume; {out / REPORT} says why each shot was refused')
        return ExitCode.NO_SHOT_ACCEPTED
    if found is None:
        raise CliError(f'{report.accepted} accepted shots make no volume; expected at least 2 '
                       f'from directions more than 2° apart ({out / REPORT} has the verdicts)')
    held_out = f'held-out residual {report.held_out_residual:.4f}'
    say(f'{report.gaussians} Gaussians, {report.steps} steps, {held_out}; '
        f'{report.cpu_s:.1f} CPU-s, {report.wall_s:.1f} s')
    for part in (report, report.attenuation):
        if part is not None and part.contradiction:
            say(f'warning: {part.contradiction}')
    if report.metrics is not None:
        m = report.metrics
        say(f'PSNR {m.psnr_db:.1f} dB, RMSE {m.rmse_hu:.0f} HU, SSIM {m.ssim:.3f} against the '
            f'truth inside {1000 * m.sphere_radius:.0f} mm'
            + (f' ({m.covered:.0%} of it in the truth)' if m.covered < 0.99 else ''))
    deviation = () if found.deviation is None else (DEVIATION,)
    say(f'{", ".join((*FILES, *deviation, *more, REPORT))} in {out}. Research use only.')
    return ExitCode.DONE
