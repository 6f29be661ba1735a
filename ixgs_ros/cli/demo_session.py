"""The live part of the demo: nodes as processes, every shot told as it comes, the rig recorded."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
import os
from pathlib import Path
import shutil
import subprocess
import time

from ixgs.msg import ReconstructionStatus, ShotReport
from ixgs_ros.cli.locate import shared_file
from ixgs_ros.cli.progress import say
from ixgs_ros.cli.replay_online import Verdicts
from ixgs_ros.nodes import table
from ixgs_ros.ros.collector import Collector
from ixgs_ros.ros.domain import private_domain, private_environment
from ixgs_ros.ros.online import gather, OnlineResult
from ixgs_ros.ros.processes import NodeGroup
from ixgs_ros.ros.recorder import Recorder
from ixgs_ros.session.recording import PARAMETERS, write_parameters
from ixgs_ros.simulation import VirtualRig
from ixgs_ros.verdict import Code

# After the last shot is due: for its verdict; then for held-out pixels to say that it is enough.
VERDICT_S = 60.0
SETTLE_S = 40.0
HEADING = '  shot  verdict             views  Gaussians  held-out  latency'


def run_session(rig: VirtualRig, ct: str, out: Path, windows: bool) -> OnlineResult:
    """Run all nodes until every shot has its verdict and the model has settled.

    Args:
        rig: the rig that the simulator node plays, made from the same configuration.
        ct: what the simulator node loads.
        out: gets ``params.yaml`` and the recorded ``bag``.
        windows: whether to show the run in RViz where it is installed.

    Raises:
        NodeDied, TransitionRefused, NoAnswer: a node failed.
    """
    config = rig.config
    write_parameters(out / PARAMETERS, rig)
    simulator = {'ct': ct, 'views': config.views, 'seed': config.seed,
                 'timing.interval': config.timing.interval}
    with ExitStack() as stack:
        domain = stack.enter_context(private_domain())
        group = stack.enter_context(NodeGroup(
            table.names(simulated=True), {'simulator': simulator}, domain,
            files=[out / PARAMETERS], on_line=_say_trouble))
        collector = Collector(group.station)
        recorder = stack.enter_context(Recorder(group.station, out / 'bag'))
        if windows:
            stack.callback(_show(domain))
        say(f'Nodes: {", ".join(group.nodes)}; ROS domain {domain}, this host only. The first run '
            'on a machine compiles for some seconds.')
        group.bring_up()
        say(HEADING)
        narrator = Narrator(collector)

        def look() -> None:
            group.check()
            narrator.tell()
        due_s = config.views * config.timing.interval
        result = gather(group, collector, config.views, time.monotonic(), look,
                        verdict_s=due_s + VERDICT_S, settle_s=SETTLE_S)
        say(f'Recorded {sum(recorder.counts.values())} messages in {out / "bag"}.')
        return result


class Narrator:
    """Says one line for each shot when it has its verdict, and when that changes."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._verdicts = Verdicts()

    def tell(self) -> None:
        """Say what came since the last call."""
        while (event := self._collector.next_event(0)) is not None:
            if (report := self._verdicts.new_in(event)) is not None:
                say(self._line(report))

    def _line(self, report: ShotReport) -> str:
        status = self._collector.status or ReconstructionStatus()
        latency = next((outcome.latency_s for outcome in self._collector.outcomes()
                        if outcome.id == report.id), None)
        seconds = '       -' if latency is None else f'{latency:6.2f} s'
        held_out = f'{status.held_out_residual:9.4f}' if status.gaussians else f'{"-":>9s}'
        why = '' if Code(report.code).accepted else f'  {report.message}'
        return (f'  {report.id:4d}  {report.code:18s} {status.views:6d} {status.gaussians:10d} '
                f'{held_out} {seconds}{why}')


def _say_trouble(node: str, line: str) -> None:
    """Say a node's warnings and errors; the rest of its log would drown the table."""
    if not line.startswith(('[INFO]', '[DEBUG]')):
        say(f'  {node}: {line}')


def _show(domain: int) -> Callable[[], None]:
    """Start RViz on the demo's domain where there is one; return what ends it."""
    program = shutil.which('rviz2')
    if program is None or not (os.environ.get('DISPLAY') or os.environ.get('WAYLAND_DISPLAY')):
        say('No window: rviz2 or a display is missing. The pictures will be in the folder.')
        return lambda: None
    process = subprocess.Popen([program, '-d', str(shared_file('config/live.rviz'))],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env={**os.environ, **private_environment(domain)})
    return process.terminate
