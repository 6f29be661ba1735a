"""``./ixgs bench stream``: from a shot to the first volume that contains it, in CPU seconds.

One truncated shot every two CPU seconds, taken, refined and voxelized in the order in which the
reconstructor node does it, without ROS. The clock is the CPU time of all threads, so neither other
programs nor a second core change much; it is set forward only where there is nothing to do. What
the node does beside (messages, markers) is not in it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
import sys
import time

import numpy as np

from ixgs_ros.nodes.reconstruction_session import GATHER_S, PUBLISH_SHARE
from ixgs_ros.nodes.reconstructor_config import ReconstructorConfig
from ixgs_ros.nodes.warm_up import warm_up
from ixgs_ros.parameters import build
from ixgs_ros.reconstruction import Reconstructor
from ixgs_ros.shot import Shot
from ixgs_ros.simulation.sources import load_ct
from ixgs_ros.volume.metrics import psnr

# `ixgs bench` loads this file by its path, so its neighbours are not importable by themselves.
sys.path.insert(0, str(Path(__file__).resolve().parent))
from _machine import machine
from _peers_scenes import CONDITIONS, INSIDE, REGION, Scene, TRUTH_GRID

SEED = 11


class Clock:
    """CPU seconds of this process from now on, and what was skipped."""

    def __init__(self) -> None:
        """Start at 0."""
        self._zero = time.process_time()

    @property
    def now(self) -> float:
        """Seconds since the start."""
        return time.process_time() - self._zero

    def skip_to(self, moment: float) -> None:
        """Set the clock forward."""
        self._zero -= max(0.0, moment - self.now)


@dataclass(frozen=True, eq=False)
class Streamed:
    """What became of a stream.

    Args:
        latencies: seconds from a shot's arrival to the first volume that contains it.
        longest: the longest that any single call to the model took, seconds.
        volume: the last one, (z, y, x) float32 in 1/m.
    """

    latencies: np.ndarray
    longest: float
    volume: np.ndarray


def stream(config: ReconstructorConfig, shots: Sequence[Shot], interval: float) -> Streamed:
    """Let shots arrive one by one and publish volumes as the node does."""
    model, clock = Reconstructor(config), Clock()
    arrivals = [(interval * k, shot) for k, shot in enumerate(shots)]
    end = interval * len(shots)
    unpublished: list[float] = []
    latencies: list[float] = []
    longest = published = publish_s = 0.0

    def refine_until(moment: float) -> None:
        nonlocal longest
        while clock.now < moment and not model.converged:
            start = clock.now
            if not model.advance():
                break
            longest = max(longest, clock.now - start)

    while arrivals or clock.now < end:
        if arrivals and arrivals[0][0] <= clock.now:
            arrived, shot = arrivals.pop(0)
            start = clock.now
            model.add_shot(shot)
            longest = max(longest, clock.now - start)
            unpublished.append(arrived)
            if arrivals and arrivals[0][0] <= clock.now < unpublished[0] + GATHER_S:
                continue
            refine_until(clock.now + config.publish.first_refinement)
            due = len(model.model) > 0
            if not due:   # a first shot alone makes no volume
                unpublished.clear()
        else:
            following = arrivals[0][0] if arrivals else end
            refine_until(min(following, clock.now + 0.08))
            if model.converged or len(model.model) == 0:
                clock.skip_to(following)
            pause = max(config.publish.period, publish_s / PUBLISH_SHARE)
            due = len(model.model) > 0 and clock.now > published + pause
        if due:
            start = clock.now
            model.volume()
            published = clock.now
            publish_s = published - start
            latencies += [published - arrived for arrived in unpublished]
            unpublished.clear()
    return Streamed(np.array(latencies), longest, model.volume(TRUTH_GRID))


def main(argv: Sequence[str] | None = None) -> int:
    """Print a table; return 1 if of a stream more than 5 % of the shots took over a second."""
    parser = argparse.ArgumentParser(prog='stream', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--ct', nargs='+', default=['lidc', 'phantom'])
    parser.add_argument('--condition', choices=CONDITIONS, default='truncated')
    parser.add_argument('--views', type=int, default=24)
    parser.add_argument('--interval', type=float, default=2.0, help='CPU seconds between shots')
    arguments = parser.parse_args(argv)
    config = build(ReconstructorConfig, {'region.center': REGION.center.tolist(),
                                         'region.size': REGION.size.tolist()})
    warm_up(config)
    print(f'{machine()}; {arguments.views} shots, one every {arguments.interval:g} CPU seconds\n')
    print('| CT | first shown after: median | 95 % within | worst | longest call | last volume |')
    print('|---|---|---|---|---|---|')
    late = False
    for name in arguments.ct:
        scene = Scene(load_ct(name))
        problem = scene.problem(arguments.condition, arguments.views, SEED)
        found = stream(config, problem.shots, arguments.interval)
        median, most, worst = np.percentile(found.latencies, [50, 95, 100])
        quality = psnr(np.maximum(found.volume, 0)[INSIDE], scene.truth[INSIDE])
        print(f'| {Path(name).stem} | {median:.2f} s | {most:.2f} s | {worst:.2f} s | '
              f'{found.longest:.2f} s | {quality:.2f} dB |', flush=True)
        late = late or most > 1.0
    return int(late)


if __name__ == '__main__':
    sys.exit(main())
