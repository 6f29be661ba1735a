"""When each edge of the frame tree was sampled, apart from the poses themselves.

tf2 interpolates over any gap and drops invalid samples with a log line. Neither may happen to a
shot's pose, so the gate keeps this account next to whatever buffer interpolates.
"""

from __future__ import annotations

import bisect

from ixgs_ros.acquisition.frame_graph import CACHE_NS, FrameGraph, InvalidSample, NANOSECONDS


class SampleTimes:
    """The stamps of all samples, each with the reason why it is invalid, if it is.

    Args:
        cache_ns: how long stamps are kept, nanoseconds.
    """

    def __init__(self, cache_ns: int = CACHE_NS) -> None:
        """Start empty."""
        self.graph: FrameGraph[str | None] = FrameGraph(cache_ns)

    def add(self, parent: str, child: str, stamp_ns: int, static: bool = False,
            fault: str | None = None) -> bool:
        """Note one sample.

        Args:
            parent: the edge's parent frame.
            child: the edge's child frame.
            stamp_ns: its stamp, nanoseconds.
            static: whether it holds at any time.
            fault: why the sample is no pose; None for a good one.

        Returns:
            False if the sample is older than the cache.

        Raises:
            ValueError: a name is empty, or the edge would close a loop.
        """
        return self.graph.put(parent, child, stamp_ns, fault, static)

    def check(self, target: str, source: str, stamp_ns: int, max_gap_ns: int) -> None:
        """Raise unless a pose between two frames may be interpolated at a stamp.

        Raises:
            UnknownFrame, NotConnected, PastLookup, FutureLookup, TransformGap: as FrameGraph.
            InvalidSample: a sample next to the stamp is no pose.
        """
        up, down = self.graph.path(target, source)
        for child in (*up, *down):
            edge = self.graph.edges[child]
            for index in self.graph.bracket(child, stamp_ns, max_gap_ns):
                fault = edge.payloads[index]
                if fault is not None:
                    distance = edge.stamps[index] - stamp_ns if not edge.static else 0
                    raise InvalidSample(
                        f'{edge.parent} → {child}: the sample {distance / NANOSECONDS:+.3f} s '
                        f'from the stamp is no pose: {fault}')

    def newest_of(self, child: str) -> int | None:
        """Return the newest stamp of a moving edge, nanoseconds; None if there is none."""
        edge = self.graph.edges.get(child)
        return None if edge is None or edge.static else edge.stamps[-1]

    def newest(self, target: str, source: str) -> int | None:
        """Return the newest stamp that all moving edges between two frames reach, nanoseconds."""
        return self.graph.newest(target, source)

    def near(self, target: str, source: str, stamp_ns: int, window_ns: int,
             at_least: int) -> list[int]:
        """Return the sample stamps around a stamp, of the moving edge that has most of them.

        Args:
            target: one end of the chain.
            source: its other end.
            stamp_ns: the time of interest, nanoseconds.
            window_ns: half the window, nanoseconds.
            at_least: where the window holds fewer samples, the nearest ones up to this number,
                from at most five times the window, are taken instead.
        """
        best: list[int] = []
        for child in self.graph.moving(target, source):
            stamps = self.graph.edges[child].stamps
            found = _within(stamps, stamp_ns, window_ns)
            if len(found) < at_least:
                wide = sorted(_within(stamps, stamp_ns, 5 * window_ns),
                              key=lambda stamp: (abs(stamp - stamp_ns), stamp))
                found = sorted(wide[:at_least])
            if len(found) > len(best):
                best = found
        return best

    def clear(self) -> None:
        """Forget all stamps of moving edges; static ones stay."""
        self.graph.clear()


def _within(stamps: list[int], center: int, half_width: int) -> list[int]:
    return stamps[bisect.bisect_left(stamps, center - half_width):
                  bisect.bisect_right(stamps, center + half_width)]
