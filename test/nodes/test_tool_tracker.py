"""Where a tool is, on the transforms' own clock, or why it counts as lost."""

import numpy as np
import pytest

from ixgs_ros.acquisition.transform_buffer import TransformBuffer
from ixgs_ros.geometry import RigidTransform
from ixgs_ros.nodes.tool_tracker import ToolLost, ToolTracker

SECOND = 1_000_000_000


class World:
    """A tracker with a steady clock that only moves when told."""

    def __init__(self):
        self.now_ns = 5 * SECOND
        self.tracker = ToolTracker(TransformBuffer(), lambda: self.now_ns)

    def see(self, child, stamp_s, x=0.0, static=False):
        pose = RigidTransform(translation=np.array([x, 0.0, 0.0]))
        self.tracker.insert('tracker', child, int(stamp_s * SECOND), pose, static)

    def locate(self, max_age=0.5):
        return self.tracker.locate('reference', 'tool', max_age)


@pytest.fixture
def world():
    return World()


def test_the_pose_is_the_newest_at_which_all_edges_are_known(world):
    for stamp in (10.0, 10.1, 10.2):
        world.see('tool', stamp, x=stamp)
    for stamp in (10.0, 10.15):
        world.see('reference', stamp, x=1.0)
    found = world.locate()
    assert found.stamp_ns == int(10.15 * SECOND)
    assert found.reference_from_tool.translation[0] == pytest.approx(9.15)


def test_other_frames_do_not_matter(world):
    world.see('reference', 10.0)
    world.see('tool', 10.0, x=0.25)
    for number in range(500):
        world.see('robot', 10.0 + number * 0.0001)
    assert world.locate().reference_from_tool.translation[0] == 0.25


def test_a_tool_that_is_no_longer_seen_is_lost(world):
    world.see('reference', 10.0, static=True)
    world.see('tool', 10.0)
    assert world.locate().stamp_ns == 10 * SECOND
    world.see('other', 10.4)
    assert world.locate().stamp_ns == 10 * SECOND
    world.see('other', 10.6)
    with pytest.raises(ToolLost, match='0.60 s old, expected at most 0.5 s'):
        world.locate()


def test_a_tracker_that_fell_silent_ages_on_the_steady_clock(world):
    world.see('reference', 10.0)
    world.see('tool', 10.0)
    world.now_ns += SECOND // 4
    assert world.locate()
    world.now_ns += SECOND // 2
    with pytest.raises(ToolLost, match='0.75 s old'):
        world.locate()


def test_unknown_or_unconnected_frames_are_named(world):
    with pytest.raises(ToolLost, match="'tool'.*'reference'.*no transforms"):
        world.locate()
    world.see('tool', 10.0)
    with pytest.raises(ToolLost, match='reference'):
        world.locate()


def test_a_looping_bag_starts_anew(world):
    for stamp in (10.0, 20.0):
        world.see('reference', stamp, x=0.0)
        world.see('tool', stamp, x=stamp)
    world.see('tool', 3.0, x=0.3)
    with pytest.raises(ToolLost):
        world.locate()  # the reference has not come again: what was before the jump is gone
    world.see('reference', 3.0)
    assert world.locate().reference_from_tool.translation[0] == pytest.approx(0.3)


def test_a_frame_that_lags_for_good_is_no_jump_of_time(world):
    for number in range(100):
        stamp = 10.0 + 0.02 * number
        world.see('reference', stamp)
        world.see('tool', stamp, x=0.25)
        world.see('camera of a slow host', stamp - 3.0)
        assert world.locate().reference_from_tool.translation[0] == 0.25
