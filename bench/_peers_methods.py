"""The methods by name, and how one is watched while it runs.

A method is a generator: it takes a problem and the CPU seconds it may take, and yields, after each
piece of work, a snapshot of its volume. It ends by itself or is left when its seconds are over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
import time

from _peers_scenes import Problem, Snapshot, TRUTH_GRID
import _r2_peer
import _rtk_peer
import _voxel_peer
import numpy as np

from ixgs_ros.parameters import build
from ixgs_ros.reconstruction import ReconstructionConfig, Reconstructor

CHUNK = 5
Method = Callable[[Problem, float], Iterator[Snapshot]]


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A volume, (z, y, x) float32 in 1/m on TRUTH_GRID, and the CPU seconds it took."""

    seconds: float
    volume: np.ndarray


def ours(problem: Problem, seconds: float) -> Iterator[Snapshot]:
    """Yield our volume after every few pieces of work: all shots at once, default settings.

    Pieces and not steps: a start that is tried between two steps takes as long as a hundred of
    them, and the model stands meanwhile.
    """
    model = Reconstructor(build(ReconstructionConfig, {
        'region.center': problem.region.center.tolist(),
        'region.size': problem.region.size.tolist()}))
    model.add_shots(problem.shots)
    while True:
        yield partial(model.volume, TRUTH_GRID)
        for _ in range(CHUNK):
            model.advance()


METHODS: dict[str, Method] = {
    'rtk-sart-tv': _rtk_peer.sart_tv,
    'rtk-sart': _rtk_peer.sart,
    'rtk-cg': _rtk_peer.conjugate_gradient,
    'voxels': _voxel_peer.sart_tv,
    'r2-random': partial(_r2_peer.fit, start=_r2_peer.random_start),
    'r2-density': partial(_r2_peer.fit, start=_r2_peer.density_start),
    'ours': ours,
}
# Sets the CPU seconds of all that can go on for as long as they like.
REFERENCE = 'rtk-sart-tv'
FINITE = ('rtk-sart-tv', 'rtk-sart', 'rtk-cg')


def watch(method: Method, problem: Problem, moments: Sequence[float] | None) -> list[Checkpoint]:
    """Run a method and return its volumes.

    The seconds are CPU seconds of all threads, from the first look at the shots to the volume; a
    snapshot's own seconds count for that snapshot only.

    Args:
        method: what to run.
        problem: what to run it on.
        moments: increasing CPU seconds, at each of which the next snapshot is taken; the method
            is left after the last. None: every snapshot, until the method ends.
    """
    left = None if moments is None else list(moments)
    found: list[Checkpoint] = []
    spent, start = 0.0, time.process_time()
    for snapshot in method(problem, float('inf') if left is None else left[-1]):
        spent += time.process_time() - start
        if left is None or spent >= left[0]:
            start = time.process_time()
            volume = snapshot()
            found.append(Checkpoint(spent + time.process_time() - start, volume))
        if left is not None:
            left = [moment for moment in left if moment > spent]
            if not left:
                break
        start = time.process_time()
    return found
