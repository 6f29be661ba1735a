"""Nodes as processes: refusals, deaths, mismatches, and that nothing is left behind."""

from __future__ import annotations

import os
from pathlib import Path
import re
import signal
import subprocess
import sys
import time

from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
import pytest
from rcl_interfaces.srv import GetParameters
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger

from ixgs.msg import Shot, ShotReport
from ixgs_ros.ros import conductor, processes, qos
from ixgs_ros.ros.conductor import TransitionRefused
from ixgs_ros.ros.domain import NameTaken
from ixgs_ros.ros.processes import NodeDied, NodeGroup
from ixgs_ros.ros.station import Station
from ixgs_ros.verdict import Code

PARAMETERS = Path(__file__).resolve().parents[2] / 'config' / 'params.yaml'
FRONT = ('acquisition', 'standardizer')


def _alive(pid: int) -> bool:
    return Path(f'/proc/{pid}').exists()


def _shared_memory(pids) -> set[str]:
    """Return the segments that belong to these processes, and their locks.

    A segment is its whose lock is open there; the segments of others that it talks with, such as
    the test's own, are only mapped.
    """
    opened: set[str] = set()
    for pid in pids:
        opened.update(os.readlink(link) for link in Path(f'/proc/{pid}/fd').iterdir())
    locks = {name for name in opened if re.fullmatch(r'/dev/shm/fastdds_[0-9a-f]{16}_el', name)}
    return locks | {name.removesuffix('_el') for name in locks}


def _listen(station: Station) -> None:
    """Take the shots of all nodes in front: without a listener each waits for one, 3 s."""
    for name in FRONT:
        station.node.create_subscription(Shot, f'/carm/{name}/shots', lambda shot: None,
                                         qos.SHOTS)


def _rig(small_ct, **more):
    return {'ct': str(small_ct), 'views': 3, 'speed': 4.0, 'carm.height': 64, 'carm.width': 64,
            'carm.pixel_pitch': 0.0048, 'timing.interval': 2.0, **more}


def test_transitions_in_a_process_and_a_late_joiner_sees_all_reports(ros_domain, small_ct):
    parameters = {'/**': {'air_counts': 50_000.0}, 'simulator': _rig(small_ct, mode='request')}
    with NodeGroup((*FRONT, 'simulator'), parameters, ros_domain, files=[PARAMETERS]) as group:
        station, simulator = group.station, group.full_name('simulator')
        _listen(station)
        group.bring_up()
        assert conductor.state(station, simulator) == 'active'
        for number in (1, 2):
            answer = station.call(Trigger, f'{simulator}/expose', Trigger.Request(), 20.0,
                                  group.check)
            assert answer.success and answer.message.startswith(f'shot {number} of 3')
        time.sleep(1.0)
        late: list[ShotReport] = []
        station.node.create_subscription(ShotReport, '/carm/acquisition/report', late.append,
                                         qos.REPORTS)
        station.wait(lambda: len(late) == 2, 10.0, 'two reports', group.check)
        assert [report.id for report in late] == [1, 2]
        assert {report.code for report in late} == {Code.ACCEPTED.value}

        assert conductor.transition(station, simulator, Transition.TRANSITION_DEACTIVATE)
        refused = station.call(Trigger, f'{simulator}/expose', Trigger.Request())
        assert not refused.success and 'inactive' in refused.message
        assert conductor.transition(station, simulator, Transition.TRANSITION_ACTIVATE)
        last = station.call(Trigger, f'{simulator}/expose', Trigger.Request(), 20.0, group.check)
        assert last.success
        none = station.call(Trigger, f'{simulator}/expose', Trigger.Request())
        assert not none.success and 'all 3 shots were taken' in none.message


def test_a_best_effort_camera_is_named_in_the_diagnostics_of_the_process(ros_domain):
    seen: list[str] = []
    with NodeGroup(('acquisition',), {}, ros_domain) as group:
        _listen(group.station)
        node = group.station.node
        node.create_subscription(DiagnosticArray, '/diagnostics', lambda message: seen.extend(
            status.message for status in message.status), qos.DIAGNOSTICS)
        node.create_publisher(Image, '/carm/image', QoSProfile(
            depth=1, reliability=ReliabilityPolicy.BEST_EFFORT))
        group.bring_up()
        group.station.wait(lambda: any('/carm/image' in text and 'RELIABILITY' in text
                                       for text in seen), 10.0, 'the mismatch', group.check)


def test_best_effort_images_are_heard_where_the_parameter_says_so(ros_domain):
    parameters = {'acquisition': {'image_reliability': 'best_effort', 'tf.timeout': 0.1}}
    reports: list[ShotReport] = []
    with NodeGroup(('acquisition',), parameters, ros_domain) as group:
        _listen(group.station)
        node = group.station.node
        node.create_subscription(ShotReport, '/carm/acquisition/report', reports.append,
                                 qos.REPORTS)
        publisher = node.create_publisher(Image, '/carm/image', qos.frames_with('best_effort'))
        group.bring_up()
        group.station.wait(lambda: publisher.get_subscription_count() == 1, 10.0, 'a listener')
        publisher.publish(Image(height=1, width=1, step=1, encoding='mono8', data=[7]))
        group.station.wait(lambda: reports, 10.0, 'a report', group.check)
    assert reports[0].code == 'UNCALIBRATED' and 'camera infos' in reports[0].message


@pytest.mark.parametrize(('values', 'text'), [
    ({'tf.max_gap': -1.0}, 'tf.max_gap: expected a value in [0.001, 10] s, got -1.0'),
    ({'tf.max_gab': 0.1}, "unknown parameter 'tf.max_gab'; did you mean 'tf.max_gap'?")])
def test_a_bad_parameter_refuses_to_configure_and_says_why(ros_domain, values, text):
    lines: list[str] = []
    with NodeGroup(('acquisition',), {'acquisition': values}, ros_domain,
                   on_line=lambda _, line: lines.append(line)) as group:
        with pytest.raises(TransitionRefused, match='/carm/acquisition refused to configure'):
            group.bring_up()
        assert conductor.state(group.station, '/carm/acquisition') == 'unconfigured'
    assert any(text in line for line in lines), lines


def test_a_node_that_dies_is_reported_and_all_end(ros_domain):
    with NodeGroup(FRONT, {}, ros_domain) as group:
        _listen(group.station)
        group.bring_up()
        group.check()
        segments = _shared_memory(group.pids.values())
        time.sleep(2.0)  # younger ones are left alone: they might only just be starting
        os.kill(group.pids['standardizer'], signal.SIGKILL)
        with pytest.raises(NodeDied, match='standardizer ended with signal SIGKILL'):
            group.station.wait(lambda: False, 5.0, 'nothing', group.check)
        pids = group.pids
    assert not any(_alive(pid) for pid in pids.values())
    assert segments and not [name for name in segments if Path(name).exists()]


RUN = [sys.executable, '-m', 'ixgs_ros.cli.main', 'run', '--nodes', ','.join(FRONT)]


def _started(domain):
    """Start ``ixgs run`` and return it with its nodes' pids once they are active.

    As a shell starts a job in the background: with SIGINT ignored.
    """
    with Station(domain, 'listener') as station:
        _listen(station)
        process = subprocess.Popen(RUN, stderr=subprocess.PIPE, text=True,
                                   preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
        for line in process.stderr:
            if 'are active' in line:
                break
        else:
            pytest.fail(f'ixgs run ended with {process.wait()}')
    children = Path(f'/proc/{process.pid}/task/{process.pid}/children').read_text().split()
    return process, [int(pid) for pid in children]


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_run_and_leaves_nothing(ros_domain, number):
    process, pids = _started(ros_domain)
    assert len(pids) == len(FRONT) and all(_alive(pid) for pid in pids)
    segments = _shared_memory([process.pid, *pids])
    assert segments
    process.send_signal(number)
    # Nodes that do not end within 10 s are killed; a busy machine takes its time for the rest.
    try:
        assert process.wait(40) == 0
    finally:
        process.kill()
    assert not any(_alive(pid) for pid in pids)
    assert not [name for name in segments if Path(name).exists()]


def test_nodes_end_when_their_supervisor_is_killed(ros_domain):
    process, pids = _started(ros_domain)
    process.kill()
    process.wait()
    end = time.monotonic() + 10
    while any(_alive(pid) for pid in pids) and time.monotonic() < end:
        time.sleep(0.1)
    assert not any(_alive(pid) for pid in pids)


def test_a_mistake_is_told_before_anything_starts(tmp_path):
    file = tmp_path / 'params.yaml'
    file.write_text('/**:\n  ros__parameters:\n    air_count: 5.0\n')
    done = subprocess.run([*RUN, '--params', str(file)], capture_output=True, text=True)
    assert done.returncode == 2
    assert "unknown parameter 'air_count'; did you mean 'air_counts'?" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_second_set_of_nodes_on_the_same_domain_is_refused_and_disturbs_nothing(ros_domain,
                                                                                 monkeypatch):
    monkeypatch.setattr(processes, 'DISCOVERY_S', 0.2)  # locks tell of it here, at once
    with NodeGroup(('standardizer',), {}, None) as first:
        _listen(first.station)
        first.bring_up()
        with pytest.raises(NameTaken, match=f'/carm/standardizer runs already on ROS domain '
                                            f'{ros_domain}'):
            NodeGroup(FRONT, {}, None).__enter__()
        assert conductor.state(first.station, first.full_name('standardizer')) == 'active'
        first.check()
        # Another node has room beside it.
        with NodeGroup(('acquisition',), {}, None) as second:
            second.bring_up()


def test_a_node_that_discovery_finds_is_not_joined_by_another_of_its_name(ros, monkeypatch):
    # As of another host or user: no lock tells of it.
    ros.node('standardizer', namespace='/carm')
    monkeypatch.setattr(processes, 'DISCOVERY_S', 60.0)
    with pytest.raises(NameTaken, match=f'/carm/standardizer runs already on ROS domain '
                                        f'{ros.domain}'):
        NodeGroup(('standardizer',), {}, None).__enter__()


def test_whole_numbers_beside_others_in_a_list_are_numbers_for_the_nodes_too(ros_domain, tmp_path):
    """rcl itself reads no list of two kinds; offline such a file is fine."""
    file = tmp_path / 'ünder a name with spaces.yaml'
    file.write_text('navigator: {ros__parameters: {crosshair.point: [0, 0.05, -1]}}\n')
    with NodeGroup(('navigator',), {}, ros_domain, files=[file]) as group:
        group.bring_up()
        name = group.full_name('navigator')
        answer = group.station.call(GetParameters, f'{name}/get_parameters',
                                    GetParameters.Request(names=['crosshair.point']))
        assert list(answer.values[0].double_array_value) == [0.0, 0.05, -1.0]
