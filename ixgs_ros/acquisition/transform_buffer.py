"""A buffer of stamped transforms with the rules of tf2, for worlds where tf2_ros is not installed.

Translations are interpolated linearly, rotations along the shortest arc; nothing is extrapolated;
static transforms hold at any time; samples are kept for ten seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from ixgs_ros.acquisition import quaternions
from ixgs_ros.acquisition.frame_graph import CACHE_NS, FrameGraph
from ixgs_ros.acquisition.quaternions import Pose
from ixgs_ros.geometry import RigidTransform


class TransformSource(Protocol):
    """What the gate needs of a buffer: ours, or tf2_ros behind an adapter."""

    def insert(self, parent: str, child: str, stamp_ns: int, translation: Sequence[float],
               quaternion: Sequence[float], static: bool = False) -> None:
        """Add ``parent_from_child`` at a stamp: x, y, z in metres and x, y, z, w."""

    def lookup(self, target: str, source: str, stamp_ns: int) -> RigidTransform:
        """Return ``target_from_source`` or raise a TransformError."""

    def clear(self) -> None:
        """Forget all samples; static transforms stay."""


class TransformBuffer:
    """Stamped transforms between frames.

    Args:
        cache_ns: how long samples are kept, nanoseconds before the newest of their edge.
    """

    def __init__(self, cache_ns: int = CACHE_NS) -> None:
        """Start empty."""
        self.graph: FrameGraph[Pose] = FrameGraph(cache_ns)

    def insert(self, parent: str, child: str, stamp_ns: int, translation: Sequence[float],
               quaternion: Sequence[float], static: bool = False) -> None:
        """Add ``parent_from_child`` at a stamp; one older than the cache is dropped.

        Args:
            parent: the frame above.
            child: the frame below.
            stamp_ns: when the pose was measured, nanoseconds.
            translation: x, y, z in metres.
            quaternion: x, y, z, w of unit norm.
            static: whether the pose holds at any time.

        Raises:
            ValueError: the pose is not finite or not of unit norm, a name is empty, or the edge
                would close a loop.
        """
        self.graph.put(parent, child, stamp_ns, quaternions.pose(translation, quaternion), static)

    def lookup(self, target: str, source: str, stamp_ns: int,
               max_gap_ns: int | None = None) -> RigidTransform:
        """Return ``target_from_source`` at a stamp: ``p_target = T.apply(p_source)``.

        Args:
            target: the frame to express points in.
            source: the frame the points are in.
            stamp_ns: the time, integer nanoseconds; no value means 'latest' (see :meth:`latest`).
            max_gap_ns: how far apart the samples around the stamp may be; None for any distance.

        Raises:
            UnknownFrame, NotConnected, PastLookup, FutureLookup, TransformGap: why not.
        """
        up, down = self.graph.path(target, source)
        root_from_source = self._chain(up, stamp_ns, max_gap_ns)
        root_from_target = self._chain(down, stamp_ns, max_gap_ns)
        translation, quaternion = quaternions.compose(quaternions.invert(root_from_target),
                                                      root_from_source)
        return RigidTransform(np.array(quaternions.matrix(quaternion)), np.array(translation))

    def latest(self, target: str, source: str) -> int | None:
        """Return the newest stamp at which a lookup succeeds; None if all edges are static.

        Raises:
            UnknownFrame, NotConnected: the frames have no chain.
        """
        return self.graph.newest(target, source)

    def clear(self) -> None:
        """Forget all samples, as after a jump of time; static transforms stay."""
        self.graph.clear()

    def _chain(self, children: list[str], stamp_ns: int, max_gap_ns: int | None) -> Pose:
        pose = quaternions.IDENTITY
        for child in children:
            pose = quaternions.compose(self._edge(child, stamp_ns, max_gap_ns), pose)
        return pose

    def _edge(self, child: str, stamp_ns: int, max_gap_ns: int | None) -> Pose:
        """Return ``parent_from_child`` at a stamp."""
        edge = self.graph.edges[child]
        before, after = self.graph.bracket(child, stamp_ns, max_gap_ns)
        if before == after:
            return edge.payloads[before]
        start, end = edge.stamps[before], edge.stamps[after]
        return quaternions.mix(edge.payloads[before], edge.payloads[after],
                               (stamp_ns - start) / (end - start))
