"""``ixgs replay`` through the real nodes, in the bag's rhythm."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from ixgs.msg import ShotReport
from ixgs_ros.cli.errors import CliError, ExitCode
from ixgs_ros.cli.progress import say
from ixgs_ros.cli.results import Reconstruction, write_results
from ixgs_ros.geometry import RigidTransform
from ixgs_ros.nodes.reconstructor_config import ReconstructorConfig
from ixgs_ros.ros.collector import Event, ShotOutcome
from ixgs_ros.ros.conductor import TransitionRefused
from ixgs_ros.ros.online import OnlineResult, replay_online
from ixgs_ros.ros.processes import NodeDied
from ixgs_ros.ros.station import NoAnswer
from ixgs_ros.ros.volume_message import message_to_volume
from ixgs_ros.session.bag import BagReader
from ixgs_ros.session.parameters_file import Parameters
from ixgs_ros.session.report import known_covariance, Report, ShotRecord
from ixgs_ros.verdict import Code
from ixgs_ros.volume.grid import Region
from ixgs_ros.volume.metrics import Truth


def online(bag: BagReader, parameters: Parameters, params_path: Path | None, out: Path,
           truth: Truth | None, rate: float) -> int:
    """Replay, write the results, and return the exit code.

    Args:
        bag: an open recording.
        parameters: as the nodes will read them.
        params_path: the nodes' parameter file, if any.
        out: an existing folder.
        truth: what to compare with, if anything.
        rate: bag seconds a second.
    """
    files = [] if params_path is None else [params_path]
    verdicts = Verdicts()

    def show(event: Event) -> None:
        if (report := verdicts.new_in(event)) is not None:
            say(f'shot {report.id}: {report.code}: {report.message}')
    try:
        result = replay_online(bag, files=files, rate=rate, on_event=show,
                               both=parameters.attenuation is not None)
    except (NodeDied, NoAnswer, TransitionRefused) as error:
        raise CliError(str(error), ExitCode.OUR_FAULT) from error
    found = reconstruction_of(result, _region(parameters.reconstructor),
                              parameters.lps_from_reference)
    attenuation = None
    if result.attenuation is not None and parameters.attenuation is not None:
        attenuation = reconstruction_of(result.attenuation, _region(parameters.attenuation),
                                        parameters.lps_from_reference)
    return write_results(out, report_of(result), found, truth, attenuation)


def _region(config: ReconstructorConfig) -> Region | None:
    """Return the region that is asked for; None where it is automatic."""
    size = np.array(config.region.size)
    return Region(np.array(config.region.center), size) if size.any() else None


class Verdicts:
    """Finds the reports that are worth a line: a new verdict, the model's or a refusal.

    A shot whose fit alone has changed is reported again as well; that goes into ``report.json``.
    """

    def __init__(self) -> None:
        self._said: dict[tuple[str, int], str] = {}

    def new_in(self, event: Event) -> ShotReport | None:
        """Return the report of an event if it is worth a line, else None."""
        report = event.message
        if not isinstance(report, ShotReport):
            return None
        passed = Code(report.code).accepted
        if passed and event.node != 'reconstructor':
            return None   # a later node has the last word
        shot = (event.node, report.id)
        if report.id and self._said.get(shot) == report.code:
            return None
        self._said[shot] = report.code
        return report


def reconstruction_of(result: OnlineResult, region: Region | None,
                      lps_from_reference: RigidTransform) -> Reconstruction | None:
    """Return what a run of the nodes gave; None if there is no volume.

    Args:
        result: of the run.
        region: what was asked for; None where it was automatic.
        lps_from_reference: where the reference frame is in the patient.
    """
    if result.volume is None:
        return None
    volume, grid = message_to_volume(result.volume)
    deviation = None
    if result.deviation is not None:
        deviation = message_to_volume(result.deviation)[0]
    return Reconstruction(volume, grid, grid.region if region is None else region,
                          lps_from_reference, deviation)


def report_of(result: OnlineResult) -> Report:
    """Return the report of a run of the nodes."""
    report = Report([record_of(outcome) for outcome in result.outcomes],
                    [outcome.latency_s for outcome in result.outcomes
                     if outcome.latency_s is not None],
                    result.cpu_s, result.wall_s, mode='online')
    if result.status is not None:
        report.gaussians = result.status.gaussians
        report.steps = result.status.steps
        report.held_out_residual = result.status.held_out_residual
    if result.attenuation is not None:
        report.attenuation = report_of(result.attenuation)
    return report


def record_of(outcome: ShotOutcome) -> ShotRecord:
    """Return the record of one image message."""
    fit = outcome.fit
    covariance = None if np.isnan(fit.scale) else known_covariance(fit.pose_covariance)
    return ShotRecord(outcome.id, outcome.stamp_ns, outcome.verdict.code, outcome.verdict.message,
                      fit.residual, fit.exposure_offset, fit.scale,
                      1000.0 * float(np.linalg.norm(fit.pose_translation)),
                      math.degrees(float(np.linalg.norm(fit.pose_rotation))), covariance)
