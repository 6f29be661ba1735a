"""Replays a bag through the real nodes: separate processes on a private domain, localhost only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
import time
from typing import Any

from ixgs.msg import ReconstructionStatus, VoxelVolume
from ixgs.srv import GetVolume
from ixgs_ros.nodes import table
from ixgs_ros.ros.collector import Collector, Event, ShotOutcome
from ixgs_ros.ros.domain import private_domain
from ixgs_ros.ros.player import Player
from ixgs_ros.ros.processes import NodeGroup, print_line
from ixgs_ros.ros.station import Station
from ixgs_ros.session.bag import BagReader
from ixgs_ros.session.bag_messages import COMPRESSED_IMAGE

NODES = ('acquisition', 'standardizer', 'reconstructor')
ATTENUATION = 'reconstructor_attenuation'


@dataclass(frozen=True)
class OnlineResult:
    """What a replay through the nodes gave.

    Args:
        outcomes: one for each image message, in order of arrival.
        volume: the last volume, 32FC1 in 1/m; None if no shot was accepted.
        deviation: how far its voxels may be off, likewise; None also where that is not known.
        status: the reconstruction's last status; None if it sent none.
        cpu_s: user and system time of all nodes since their activation, seconds.
        wall_s: from the first message played to the last volume, seconds.
        received: image messages that were played.
        attenuation: what the second model gave, of attenuation beside bone; None without one.
    """

    outcomes: Sequence[ShotOutcome]
    volume: VoxelVolume | None
    deviation: VoxelVolume | None
    status: ReconstructionStatus | None
    cpu_s: float
    wall_s: float
    received: int
    attenuation: OnlineResult | None = None


def replay_online(bag: BagReader, *, files: Sequence[Path] = (),
                  parameters: Mapping[str, Mapping[str, Any]] | None = None, rate: float = 1.0,
                  settle_s: float = 30.0, verdict_s: float = 60.0, both: bool = False,
                  on_event: Callable[[Event], None] = lambda event: None,
                  on_line: Callable[[str, str], None] = print_line) -> OnlineResult:
    """Play a bag to the nodes and gather what they make of it.

    Args:
        bag: an open bag.
        files: parameter files for the nodes.
        parameters: values by dotted name by node, ``'/**'`` for all; they win over the files.
        rate: bag seconds a second.
        settle_s: longest time that the model is refined after the last verdict, seconds.
        verdict_s: longest time to wait for the verdicts after the last message, seconds.
        both: whether the standardizer passes on both bone and attenuation; then two models are
            made.
        on_event: called for reports and status, in this thread.
        on_line: called for what the nodes print, from other threads.

    Raises:
        NodeDied, TransitionRefused, NoAnswer: a node failed.
    """
    nodes = (*NODES, ATTENUATION) if both else NODES
    with private_domain() as domain, \
            NodeGroup(nodes, _as_recorded(bag, parameters or {}), domain, files=files,
                      on_line=on_line) as group:
        collector = Collector(group.station)
        second = Collector(group.station, reconstructor=ATTENUATION) if both else None
        player = Player(group.station, bag, rate)
        group.bring_up()
        player.wait_for_listeners(check=group.check)
        started = time.monotonic()

        def look() -> None:
            group.check()
            while (event := collector.next_event(0)) is not None:
                on_event(event)
        player.play(look)
        return gather(group, collector, bag.images, started, look, verdict_s=verdict_s,
                      settle_s=settle_s, second=second)


def _as_recorded(bag: BagReader, parameters: Mapping[str, Mapping[str, Any]],
                 ) -> dict[str, Mapping[str, Any]]:
    """Return the parameters with what the bag itself tells: the type of its image messages."""
    compressed = bag.types()[bag.topics.image] == COMPRESSED_IMAGE
    return {**parameters, 'acquisition': {**parameters.get('acquisition', {}),
                                          'compressed': compressed}}


def gather(group: NodeGroup, collector: Collector, images: int, started: float,
           look: Callable[[], None], *, verdict_s: float, settle_s: float,
           second: Collector | None = None) -> OnlineResult:
    """Wait until every image has its verdict and the model has settled; return what came of it.

    Args:
        group: the nodes, active.
        collector: made before the first image was sent.
        images: how many images were sent, or will be within ``verdict_s``.
        started: ``time.monotonic()`` when the first was sent.
        look: called while waiting; may raise to give up.
        verdict_s: longest time to wait for the verdicts, seconds.
        settle_s: longest time that the models are refined after the last verdict, seconds.
        second: listens to a second reconstructor, made as early; its result is attached.

    Raises:
        NodeDied, NoAnswer: a node failed.
    """
    collectors = [collector] if second is None else [collector, second]
    group.station.wait(lambda: all(one.received() >= images and not one.waiting()
                                   for one in collectors),
                       verdict_s, f'a verdict on each of {images} shots', look)
    _settle(collectors, settle_s, look)
    volumes = [fetch_volume(group.station, one.reconstructor) for one in collectors]
    wall_s = time.monotonic() - started
    # The nodes tell their CPU time once a second.
    time.sleep(1.1)
    look()
    results = [OnlineResult(one.outcomes(), volume, deviation, one.status, one.cpu_s(), wall_s,
                            images)
               for one, (volume, deviation) in zip(collectors, volumes, strict=True)]
    return results[0] if second is None else replace(results[0], attenuation=results[1])


def fetch_volume(station: Station, reconstructor: str = 'reconstructor', timeout: float = 60.0,
                 ) -> tuple[VoxelVolume | None, VoxelVolume | None]:
    """Return the whole region's volume and its deviation as 32FC1 in 1/m.

    The volume is None if there is no model yet; the deviation also where none is known.
    """
    request = GetVolume.Request(encoding='32FC1')
    response = station.call(GetVolume, f'{table.NAMESPACE}/{reconstructor}/get_volume', request,
                            timeout)
    return (response.volume if response.success else None,
            response.deviation if len(response.deviation.data) else None)


def _settle(collectors: Sequence[Collector], seconds: float, look: Callable[[], None]) -> None:
    """Wait until every reconstruction says that more steps do not help, at most so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        look()
        if all(_has_settled(collector) for collector in collectors):
            return
        time.sleep(0.05)


def _has_settled(collector: Collector) -> bool:
    status = collector.status
    contained = sum(outcome.node == collector.reconstructor and outcome.verdict.accepted
                    for outcome in collector.outcomes())
    # A status may still be from before the last shot.
    return (status is not None and status.views >= contained
            and (status.converged or status.state == 'waiting'))
