"""The tree of coordinate frames and the stamps at which its edges are known (tf2's rules).

Every frame has at most one parent. An edge is static, or a list of stamped samples kept for the
length of the cache. What a sample holds is the user's:
:class:`~ixgs_ros.acquisition.transform_buffer.TransformBuffer` keeps poses,
:class:`~ixgs_ros.acquisition.sample_times.SampleTimes` only whether the pose was valid.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Payload = TypeVar('Payload')

NANOSECONDS = 1_000_000_000
CACHE_NS = 10 * NANOSECONDS


class TransformError(Exception):
    """A transform cannot be given; the message says which, when and what was expected."""


class UnknownFrame(TransformError):
    """No transform ever named this frame."""


class NotConnected(TransformError):
    """Both frames are known, but no chain of transforms joins them."""


class PastLookup(TransformError):
    """The stamp lies before the oldest sample kept."""


class FutureLookup(TransformError):
    """The stamp lies after the newest sample: it may still arrive."""

    def __init__(self, message: str, age_ns: int) -> None:
        """Keep the message and how much older than the stamp the newest sample is, nanoseconds."""
        super().__init__(message)
        self.age_ns = age_ns


class TransformGap(TransformError):
    """The samples around the stamp lie too far apart to interpolate."""


class InvalidSample(TransformError):
    """A sample next to the stamp is no pose: not finite, or a quaternion without unit norm."""


@dataclass
class Edge(Generic[Payload]):
    """The transform from one frame into its parent: stamps ascending, one payload each."""

    parent: str
    static: bool
    stamps: list[int] = field(default_factory=list)
    payloads: list[Payload] = field(default_factory=list)


class FrameGraph(Generic[Payload]):
    """Frames, edges and samples; never extrapolates.

    Args:
        cache_ns: samples older than the newest of their edge by more than this are dropped.
    """

    def __init__(self, cache_ns: int = CACHE_NS) -> None:
        """Start without frames."""
        self.cache_ns = cache_ns
        self.edges: dict[str, Edge[Payload]] = {}

    def put(self, parent: str, child: str, stamp_ns: int, payload: Payload,
            static: bool = False) -> bool:
        """Add a sample; one of the same stamp replaces the older one.

        Another parent, or static after moving, starts the edge anew.

        Returns:
            False if the sample is older than the cache and was dropped.

        Raises:
            ValueError: a name is empty, or the edge would close a loop.
        """
        edge = self.edges.get(child)
        if edge is None or edge.parent != parent or edge.static != static:
            self._check_tree(parent, child)
            edge = self.edges[child] = Edge(parent, static)
        if static:
            edge.stamps, edge.payloads = [stamp_ns], [payload]
            return True
        return self._insert(edge, stamp_ns, payload)

    def _check_tree(self, parent: str, child: str) -> None:
        if not parent or not child:
            raise ValueError(f'expected two frame names, got parent {parent!r} and child '
                             f'{child!r}')
        frame: str | None = parent
        while frame is not None:
            if frame == child:
                raise ValueError(f'expected a tree of frames, but {parent!r} → {child!r} closes a '
                                 'loop')
            frame = self.edges[frame].parent if frame in self.edges else None

    def _insert(self, edge: Edge[Payload], stamp_ns: int, payload: Payload) -> bool:
        stamps, payloads = edge.stamps, edge.payloads
        if stamps and stamp_ns < stamps[-1] - self.cache_ns:
            return False
        index = bisect.bisect_left(stamps, stamp_ns)
        if index < len(stamps) and stamps[index] == stamp_ns:
            payloads[index] = payload
            return True
        stamps.insert(index, stamp_ns)
        payloads.insert(index, payload)
        oldest = stamps[-1] - self.cache_ns
        # Dropped in lots, so that an insert stays O(1) on average.
        if stamps[0] < oldest - self.cache_ns // 4:
            count = bisect.bisect_left(stamps, oldest)
            del stamps[:count], payloads[:count]
        return True

    def clear(self) -> None:
        """Forget all samples of moving edges; static ones stay, as in tf2."""
        self.edges = {child: edge for child, edge in self.edges.items() if edge.static}

    def _ancestors(self, frame: str) -> list[str]:
        """Return the frame and its ancestors up to the root."""
        found = [frame]
        while found[-1] in self.edges:
            found.append(self.edges[found[-1]].parent)
        return found

    def _known(self, frame: str) -> bool:
        return frame in self.edges or any(edge.parent == frame for edge in self.edges.values())

    def path(self, target: str, source: str) -> tuple[list[str], list[str]]:
        """Return the edges from each frame upwards, named by their child frames.

        Both lists end below the nearest common ancestor.

        Raises:
            UnknownFrame: one frame was never named.
            NotConnected: the frames have no common ancestor.
        """
        for frame in (target, source):
            if not self._known(frame):
                names = sorted({*self.edges, *(edge.parent for edge in self.edges.values())})
                raise UnknownFrame(f'frame {frame!r} is unknown; known frames: '
                                   f'{", ".join(names) or "none"}')
        from_source, from_target = self._ancestors(source), self._ancestors(target)
        common = set(from_source).intersection(from_target)
        if not common:
            raise NotConnected(f'frames {target!r} and {source!r} are not connected: their roots '
                               f'are {from_target[-1]!r} and {from_source[-1]!r}')
        up = next(i for i, frame in enumerate(from_source) if frame in common)
        down = next(i for i, frame in enumerate(from_target) if frame in common)
        return from_source[:up], from_target[:down]

    def bracket(self, child: str, stamp_ns: int, max_gap_ns: int | None = None) -> tuple[int, int]:
        """Return the indices of the samples around a stamp; both the same for an exact hit.

        Raises:
            PastLookup, FutureLookup: the stamp lies outside the samples.
            TransformGap: the two samples are more than ``max_gap_ns`` apart.
        """
        edge = self.edges[child]
        stamps = edge.stamps
        if edge.static:
            return 0, 0
        after = bisect.bisect_left(stamps, stamp_ns)
        if after < len(stamps) and stamps[after] == stamp_ns:
            return after, after
        name = f'{edge.parent} → {child}'
        if after == 0:
            raise PastLookup(f'{name}: the stamp is {_seconds(stamps[0] - stamp_ns)} older than '
                             f'the oldest of {len(stamps)} samples kept')
        if after == len(stamps):
            age = stamp_ns - stamps[-1]
            raise FutureLookup(f'{name}: the newest sample is {_seconds(age)} older than the '
                               'stamp; expected one at or after it', age)
        gap = stamps[after] - stamps[after - 1]
        if max_gap_ns is not None and gap > max_gap_ns:
            raise TransformGap(f'{name}: the samples around the stamp are {_seconds(gap)} apart, '
                               f'expected at most {_seconds(max_gap_ns)}')
        return after - 1, after

    def moving(self, target: str, source: str) -> list[str]:
        """Return the edges between two frames that are not static, named by their child frames."""
        up, down = self.path(target, source)
        return [child for child in (*up, *down) if not self.edges[child].static]

    def newest(self, target: str, source: str) -> int | None:
        """Return the newest stamp that all moving edges reach; None if all are static.

        Raises:
            UnknownFrame, NotConnected: as :meth:`path`.
        """
        return min((self.edges[child].stamps[-1] for child in self.moving(target, source)),
                   default=None)


def _seconds(duration_ns: int) -> str:
    return f'{duration_ns / NANOSECONDS:.3f} s'
