"""Replays a bag through the real nodes: separate processes on a private domain, localhost only."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
import time
from typing import Any

from geometry_msgs.msg import Point, Vector3
import numpy as np
from rcl_interfaces.srv import GetParameters
from std_srvs.srv import SetBool

from ixgs.msg import ReconstructionStatus, VoxelVolume
from ixgs.srv import GetVolume
from ixgs_ros.nodes import table
from ixgs_ros.reconstruction.confidence import reach
from ixgs_ros.ros.collector import Collector, Event, ShotOutcome
from ixgs_ros.ros.domain import private_domain
from ixgs_ros.ros.player import Player
from ixgs_ros.ros.processes import NodeGroup, print_line
from ixgs_ros.ros.station import Station
from ixgs_ros.ros.volume_message import REQUESTED_BYTES
from ixgs_ros.session.bag import BagReader
from ixgs_ros.session.bag_messages import COMPRESSED_IMAGE
from ixgs_ros.volume.grid import Region, VoxelGrid

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
    if not _settle(collectors, settle_s, look):
        _stop(group.station, collectors)
    volumes = [fetch_volume(group.station, one.status, one.reconstructor) for one in collectors]
    wall_s = time.monotonic() - started
    # The nodes tell their CPU time once a second.
    time.sleep(1.1)
    look()
    results = [OnlineResult(one.outcomes(), volume, deviation, one.status, one.cpu_s(), wall_s,
                            images)
               for one, (volume, deviation) in zip(collectors, volumes, strict=True)]
    return results[0] if second is None else replace(results[0], attenuation=results[1])


def fetch_volume(station: Station, status: ReconstructionStatus | None,
                 reconstructor: str = 'reconstructor', timeout: float = 60.0,
                 ) -> tuple[VoxelVolume | None, VoxelVolume | None]:
    """Return the whole region's volume and its deviation as 32FC1 in 1/m.

    Args:
        station: where to call from.
        status: the reconstruction's last; None if it sent none.
        reconstructor: the node.
        timeout: for each call, seconds.

    Returns:
        Both None if there is no model yet; the deviation also where none is known.
    """
    name = f'{table.NAMESPACE}/{reconstructor}'
    response = station.call(GetVolume, f'{name}/get_volume', GetVolume.Request(encoding='32FC1'),
                            timeout)
    if response.success:
        return response.volume, response.deviation if len(response.deviation.data) else None
    if status is None or not status.gaussians:
        return None, None
    return fetch_in_slabs(station, name, status, timeout)


def fetch_in_slabs(station: Station, name: str, status: ReconstructionStatus, timeout: float,
                   limit: int = REQUESTED_BYTES) -> tuple[VoxelVolume, VoxelVolume | None]:
    """Return what :func:`fetch_volume` does where it is too large for one message.

    The model stands from the first slab on, so that they fit together.

    Args:
        station: where to call from.
        name: the node's full name.
        status: of a reconstruction with a model.
        timeout: for each call, seconds.
        limit: bytes that a slab may take.

    Raises:
        RuntimeError: the node refuses a slab.
    """
    grid = _whole_grid(station, name, status, timeout)
    station.call(SetBool, f'{name}/pause', SetBool.Request(data=True), timeout)
    slabs = _slabs(grid, limit)
    answers = [_fetch(station, name, slab.grid, timeout) for slab in slabs]
    volume = _joined([answer.volume for answer in answers], slabs, grid)
    if not all(len(answer.deviation.data) for answer in answers):
        return volume, None
    return volume, _joined([answer.deviation for answer in answers], slabs, grid)


def _whole_grid(station: Station, name: str, status: ReconstructionStatus,
                timeout: float) -> VoxelGrid:
    """Return the grid of the whole region, with the spacing that the node has."""
    asked = GetParameters.Request(names=['volume.spacing'])
    spacing = station.call(GetParameters, f'{name}/get_parameters', asked,
                           timeout).values[0].double_value
    center, size = status.region_center, status.region_size
    return VoxelGrid.covering(Region(np.array([center.x, center.y, center.z]),
                                     np.array([size.x, size.y, size.z])), spacing)


@dataclass(frozen=True)
class _Slab:
    """Layers of a grid along z, and how many of the first and last are there for the others."""

    grid: VoxelGrid
    before: int
    after: int


def _slabs(grid: VoxelGrid, limit: int) -> list[_Slab]:
    """Return a grid in slabs whose values (float32) take at most ``limit`` bytes.

    They overlap as far as a voxel tells on another's deviation, so that no seam is seen; less
    where there is no room for that.
    """
    size_x, size_y, size_z = grid.size
    layers = limit // (4 * size_x * size_y)
    halo = min(reach(float(grid.spacing[2])), max(0, layers - 1) // 2)
    deep = max(1, layers - 2 * halo)
    found = []
    for first in range(0, size_z, deep):
        start, end = max(0, first - halo), min(size_z, first + deep + halo)
        part = VoxelGrid(grid.origin + [0.0, 0.0, start * grid.spacing[2]], grid.spacing,
                         (size_x, size_y, end - start))
        found.append(_Slab(part, first - start, max(0, end - first - deep)))
    return found


def _fetch(station: Station, name: str, grid: VoxelGrid, timeout: float) -> GetVolume.Response:
    """Return the answer of ``get_volume`` for the box of a grid.

    Raises:
        RuntimeError: the node refuses.
    """
    center, size = grid.region.center.tolist(), grid.region.size.tolist()
    request = GetVolume.Request(encoding='32FC1', spacing=float(grid.spacing[0]),
                                center=Point(x=center[0], y=center[1], z=center[2]),
                                size=Vector3(x=size[0], y=size[1], z=size[2]))
    response = station.call(GetVolume, f'{name}/get_volume', request, timeout)
    if not response.success:
        raise RuntimeError(f'{name} gives no volume: {response.message}')
    return response


def _joined(messages: Sequence[VoxelVolume], slabs: Sequence[_Slab],
            grid: VoxelGrid) -> VoxelVolume:
    """Return the volumes of all slabs, 32FC1, as one message of the whole grid."""
    layer = 4 * grid.size[0] * grid.size[1]
    whole = messages[0]
    data = array('B')
    for message, slab in zip(messages, slabs, strict=True):
        data.extend(message.data[slab.before * layer:len(message.data) - slab.after * layer])
    whole.data = data
    whole.size_z = grid.size[2]
    return whole


def _settle(collectors: Sequence[Collector], seconds: float, look: Callable[[], None]) -> bool:
    """Wait until more steps do not help any reconstruction; return whether that was so in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        look()
        if all(_has_settled(collector) for collector in collectors):
            return True
        time.sleep(0.05)
    return False


def _stop(station: Station, collectors: Sequence[Collector], timeout: float = 60.0) -> None:
    """Let the models stand as they are: then their last reports and volumes belong together."""
    for one in collectors:
        station.call(SetBool, f'{table.NAMESPACE}/{one.reconstructor}/pause',
                     SetBool.Request(data=True), timeout)


def _has_settled(collector: Collector) -> bool:
    status = collector.status
    contained = sum(outcome.node == collector.reconstructor and outcome.verdict.accepted
                    for outcome in collector.outcomes())
    # A status may still be from before the last shot.
    return (status is not None and status.views >= contained
            and (status.converged or status.state == 'waiting'))
