"""Where a tool is now, or that it is lost: its newest pose in /tf, if that is not too old."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ixgs_ros.acquisition.frame_graph import FutureLookup, TransformError
from ixgs_ros.acquisition.transform_buffer import TransformSource
from ixgs_ros.geometry import RigidTransform

NS_PER_S = 1_000_000_000
# A stamp so far before the newest of its frame means that the clock was set back or a bag loops.
# Of its frame: that of another host may lag for good.
JUMP_NS = NS_PER_S


class ToolLost(Exception):
    """The tool's pose is not known; the message says why."""


@dataclass(frozen=True)
class ToolPose:
    """A tool's pose and when it was measured."""

    reference_from_tool: RigidTransform
    stamp_ns: int


class ToolTracker:
    """Keeps the transforms and answers where a frame is.

    Time is the transforms' own: the newest stamp plus what passed on the steady clock since it
    came. So a bag that is played, a simulated clock and a live tracker all age alike.

    Args:
        buffer: of transforms.
        steady_ns: the steady clock, nanoseconds.
    """

    def __init__(self, buffer: TransformSource, steady_ns: Callable[[], int]) -> None:
        self._buffer = buffer
        self._steady_ns = steady_ns
        # The newest time at which a whole chain of frames is known is the newest stamp of one of
        # its edges, the one that lags most: so these are all the times worth asking for.
        self._newest_of: dict[str, int] = {}
        self._newest_ns = 0
        self._arrival_ns = 0

    def insert(self, parent: str, child: str, stamp_ns: int,
               parent_from_child: RigidTransform, static: bool) -> None:
        """Add a transform; a jump back in time forgets all that are not static.

        Raises:
            ValueError: the frames would form a loop, or a name is empty.
        """
        if not static:
            if stamp_ns < self._newest_of.get(child, stamp_ns) - JUMP_NS:
                self._buffer.clear()
                self._newest_of.clear()
                self._newest_ns = 0
            if stamp_ns > self._newest_ns:
                self._newest_ns = stamp_ns
                self._arrival_ns = self._steady_ns()
            self._newest_of[child] = max(stamp_ns, self._newest_of.get(child, 0))
        self._buffer.insert(parent, child, stamp_ns, parent_from_child.translation.tolist(),
                            parent_from_child.quaternion().tolist(), static)

    def locate(self, reference: str, tool: str, max_age: float) -> ToolPose:
        """Return the newest pose of the tool.

        Args:
            reference: frame to express it in.
            tool: the tool's frame.
            max_age: seconds that the pose may be old.

        Raises:
            ToolLost: the frames are not connected, or the newest pose is too old.
        """
        stamp_ns, pose = self._newest(reference, tool)
        age = (self._newest_ns + self._steady_ns() - self._arrival_ns - stamp_ns) / NS_PER_S
        if age > max_age:
            raise ToolLost(f'the newest transform from {tool!r} to {reference!r} is {age:.2f} s '
                           f'old, expected at most {max_age:g} s')
        return ToolPose(pose, stamp_ns)

    def _newest(self, reference: str, tool: str) -> tuple[int, RigidTransform]:
        reason = 'no transforms have come'
        for stamp_ns in sorted(set(self._newest_of.values()), reverse=True):
            try:
                return stamp_ns, self._buffer.lookup(reference, tool, stamp_ns)
            except FutureLookup as error:  # an edge of the chain lags
                reason = str(error)
            except TransformError as error:
                reason = str(error)
                break
        raise ToolLost(f'no transform from {tool!r} to {reference!r}: {reason}')
