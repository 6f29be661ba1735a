"""Simulator → acquisition → standardizer between processes, with what can go wrong on a rig."""

from __future__ import annotations

import os
import time

from diagnostic_msgs.msg import DiagnosticArray
import numpy as np
import pytest

from ixgs.msg import Shot as ShotMessage
from ixgs.msg import ShotReport
from ixgs_ros.ros import qos
from ixgs_ros.ros.processes import NodeGroup
from ixgs_ros.ros.shot_message import from_shot_message

NODES = ('simulator', 'acquisition', 'standardizer')
FAULTS = {1: ('tf_gap', 'TRANSFORM_GAP'), 3: ('no_camera_info', 'UNCALIBRATED'),
          4: ('black', 'NO_SIGNAL'), 5: ('wrong_size', 'SIZE_MISMATCH'),
          6: ('encoding', 'UNSUPPORTED_ENCODING'), 7: ('unknown_frame', 'NO_TRANSFORM'),
          8: ('moving', 'MOVING'), 9: ('bad_quaternion', 'INVALID_POSE'),
          10: ('uncalibrated', 'UNCALIBRATED'), 11: ('saturated', 'SATURATED'),
          12: ('stale', 'TRANSFORM_STALE')}
VIEWS = 14


@pytest.fixture
def chain(ros_domain, small_ct):
    simulator = {'ct': str(small_ct), 'views': VIEWS, 'speed': 6.0,
                 'carm.height': 64, 'carm.width': 64, 'carm.pixel_pitch': 0.0048,
                 'timing.interval': 4.0,
                 'faults': ', '.join(f'{index}:{name}' for index, (name, _) in FAULTS.items())}
    parameters = {'/**': {'air_counts': 50_000.0}, 'simulator': simulator}
    with NodeGroup(NODES, parameters, ros_domain) as group:
        yield group


def test_each_shot_is_passed_on_or_refused_with_its_code(chain):
    reports: list[ShotReport] = []
    shots: list[ShotMessage] = []
    node = chain.station.node
    node.create_subscription(ShotReport, '/carm/acquisition/report', reports.append, qos.REPORTS)
    node.create_subscription(ShotMessage, '/carm/standardizer/shots', shots.append, qos.SHOTS)
    heaviest: dict[str, float] = {}
    node.create_subscription(DiagnosticArray, '/diagnostics', lambda message: heaviest.update(
        {status.name: float(item.value.split()[-4]) for status in message.status
         for item in status.values if item.key == 'heaviest callback'}), qos.DIAGNOSTICS)
    chain.bring_up()
    chain.station.wait(lambda: len(reports) == VIEWS, 60.0, f'{VIEWS} reports', chain.check)
    for report in reports:
        wanted = FAULTS.get(report.id - 1, ('', 'ACCEPTED'))[1]
        assert report.code == wanted, f'{report.id}: {report.code}: {report.message}'
        assert 0 < time.monotonic_ns() - report.steady_ns < 120e9
    good = [index + 1 for index in range(VIEWS) if index not in FAULTS]
    chain.station.wait(lambda: len(shots) == len(good), 10.0, 'the shots', chain.check)
    assert sorted(message.id for message in shots) == good
    shot = from_shot_message(shots[0])
    assert shot.line_integrals.shape == (64, 64) and 1.0 < np.median(shot.line_integrals) < 12.0
    assert shots[0].header.frame_id == 'patient_reference'
    assert 0.5 < np.linalg.norm(shot.view.source) < 0.8  # SOD 0.64 m about the region's centre
    for name in ('acquisition', 'standardizer'):
        chain.station.wait(lambda name=name: heaviest.get(f'/carm/{name}'), 5.0, 'diagnostics')
        # About 1 ms; a machine in trouble took 21. Compiling or loading would take seconds.
        assert heaviest[f'/carm/{name}'] < 100.0, f'{name}: {heaviest}'
    pids = chain.pids.values()
    assert set(chain.stop().values()) == {0}
    assert not any(os.path.exists(f'/proc/{pid}') for pid in pids)
