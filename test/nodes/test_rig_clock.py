"""The simulator's clock: stamps never stand or go back, plan time waits where it must."""

from __future__ import annotations

from ixgs_ros.nodes.rig_clock import RigClock


def test_stamps_run_on_while_the_plan_waits():
    clock = RigClock(1000, speed=1.0)
    clock.tick(50)
    assert clock.tick(60).stood and (clock.plan_ns, clock.stamp_ns) == (1000, 1010)
    clock.run_until(1004)
    step = clock.tick(70)
    assert (step.start_ns, step.end_ns, step.offset_ns, step.stood) == (1000, 1004, 10, True)
    assert clock.stamp_ns == 1020


def test_a_late_tick_makes_the_rig_late_not_hasty():
    clock = RigClock(0, speed=2.0)
    clock.run_until(10**12)
    clock.tick(0)
    assert clock.tick(60 * 10**9).end_ns == 10**8


def test_speed_makes_the_plan_run_faster():
    clock = RigClock(0, speed=10.0)
    clock.run_until(10**9)
    clock.tick(0)
    assert not clock.tick(100).stood and clock.plan_ns == 1000 and clock.offset_ns == 0
