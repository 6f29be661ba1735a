"""The services of the reconstructor: what they do, what they refuse, and how soon they answer."""

import fcntl
import os
import re
import signal
import time

import balls
from geometry_msgs.msg import Point, Vector3
import nibabel
import nrrd
import numpy as np
import pytest
from std_srvs.srv import SetBool, Trigger
import theatre

from ixgs.srv import GetVolume, RemoveShot, SaveVolume, SetRegion
from ixgs_ros.nodes.reconstructor_config import ReconstructorConfig
from ixgs_ros.parameters import build
from ixgs_ros.reconstruction import Reconstructor
from ixgs_ros.ros.online import fetch_in_slabs
from ixgs_ros.ros.volume_message import message_to_volume

pytestmark = [pytest.mark.ros, pytest.mark.in_process]
# The patient lies turned by a quarter about z, and 0.1 m to the left of the reference frame.
LPS = {'lps_from_reference.translation': [0.1, 0.0, 0.0],
       'lps_from_reference.rotation': [0.0, 0.0, 0.5**0.5, 0.5**0.5]}
SHOTS = 4


@pytest.fixture(scope='module')
def running():
    parameters = {**balls.PARAMETERS, **LPS}
    with theatre.running(['reconstructor'], {'reconstructor': parameters}) as stage:
        stage.kept = None
        yield stage


@pytest.fixture
def stage(running):
    """Four shots are in, and the model stands; made anew only if the last test changed that."""
    status = running.last('status') if running.heard['status'] else None
    if status and (status.views, status.steps, status.region_size.x) == running.kept:
        return running
    running.fresh()
    for number in range(1, SHOTS + 1):
        assert running.expose(number).code == 'ACCEPTED'
    status = running.until('status', lambda status: status.views == SHOTS)
    running.kept = (status.views, status.steps, status.region_size.x)
    return running


def whole(stage) -> np.ndarray:
    answer = stage.call(GetVolume, 'get_volume', encoding='32FC1')
    assert answer.success, answer.message
    return message_to_volume(answer.volume)[0]


def test_a_box_on_request_is_that_part_of_the_volume(stage):
    answer = stage.call(GetVolume, 'get_volume', center=Point(x=0.012, y=0.004, z=-0.012),
                        size=Vector3(x=0.04, y=0.024, z=0.032), encoding='32FC1')
    part, grid = message_to_volume(answer.volume)
    assert grid.size == (20, 12, 16)
    np.testing.assert_allclose(grid.region.center, [0.012, 0.004, -0.012], atol=1e-12)
    # Voxel centres of the whole: -0.039 + 0.002 i; the part starts at x = -0.007, y = -0.007, …
    expected = whole(stage)[6:22, 16:28, 16:36]
    differs = np.abs(part - expected)
    # A voxel on the edge of a cut Gaussian may be in by one box's rounding and out by the other's.
    assert (differs > 0.02).mean() < 1e-3
    assert differs.max() < 0.2


def test_what_is_too_large_for_one_message_comes_in_slabs(stage):
    """Of 9, 9, 9, 9 and 4 layers and five more on each side, while the model would be refined."""
    stage.refine(1.0)
    volume, deviation = fetch_in_slabs(stage.station, theatre.NODE, stage.last('status'), 30.0,
                                       limit=4 * 40 * 40 * (9 + 2 * 5))
    answer = stage.call(GetVolume, 'get_volume', encoding='32FC1')
    for joined, at_once in ((volume, answer.volume), (deviation, answer.deviation)):
        assert joined.revision == at_once.revision
        (values, grid), (expected, expected_grid) = map(message_to_volume, (joined, at_once))
        assert grid.size == expected_grid.size
        np.testing.assert_allclose(grid.origin, expected_grid.origin, atol=1e-12)
        differs = np.abs(values - expected)  # at cut Gaussians, as in the test above
        assert (differs > 0.02).mean() < 1e-3
        assert differs.max() < 0.2
    stage.refine(0.0)
    stage.pause(False)


def test_a_finer_spacing_and_the_default_encoding(stage):
    answer = stage.call(GetVolume, 'get_volume', spacing=0.001)
    volume, grid = message_to_volume(answer.volume)
    assert (grid.size, answer.volume.encoding) == ((80, 80, 80), 'mono16')
    coarse = volume.reshape(40, 2, 40, 2, 40, 2).mean(axis=(1, 3, 5))
    assert np.abs(coarse - whole(stage)).mean() < 0.3


def test_a_box_comes_with_how_far_its_voxels_may_be_off(stage):
    answer = stage.call(GetVolume, 'get_volume', center=Point(x=0.012, y=0.004, z=-0.012),
                        size=Vector3(x=0.04, y=0.024, z=0.032))
    volume, grid = message_to_volume(answer.volume)
    deviation, same_grid = message_to_volume(answer.deviation)
    assert same_grid.size == grid.size and same_grid.region.center == pytest.approx(
        grid.region.center)
    assert (answer.deviation.encoding, answer.deviation.revision) == (
        'mono16', answer.volume.revision)
    # It holds for about two voxels of three; four views of balls are no CT.
    off = np.abs(volume - balls.truth(grid))
    assert 0.4 < (off < deviation).mean() < 0.99
    assert deviation.min() > 0


@pytest.mark.parametrize(('fields', 'words'), [
    ({'spacing': -0.001}, ('volume.spacing', '-0.001')),
    ({'spacing': float('nan')}, ('volume.spacing', 'nan')),
    ({'size': Vector3(x=0.1, y=-0.1, z=0.1)}, ('region.size', '-0.1')),
    ({'size': Vector3(x=0.1, y=0.0, z=0.1)}, ('positive', '0.0')),
    ({'size': Vector3(x=5.0, y=5.0, z=5.0)}, ('region.size', '5.0')),
    ({'size': Vector3(x=0.6, y=0.6, z=0.6), 'spacing': 0.0004}, ('3.38e+09 voxels', 'at most')),
    ({'center': Point(x=float('inf')), 'size': Vector3(x=0.1, y=0.1, z=0.1)},
     ('region.center', 'inf')),
    ({'encoding': 'rgb8'}, ('mono16', "'rgb8'")),
])
def test_a_volume_that_cannot_be_is_refused_by_name(stage, fields, words):
    answer = stage.call(GetVolume, 'get_volume', **fields)
    assert not answer.success
    for word in words:
        assert word in answer.message
    assert len(answer.volume.data) == len(answer.deviation.data) == 0


def test_before_the_first_shots_there_is_no_volume(running, tmp_path):
    running.fresh()
    for kind, name, fields in ((GetVolume, 'get_volume', {}),
                               (SaveVolume, 'save', {'path': str(tmp_path / 'a.nrrd')})):
        answer = running.call(kind, name, **fields)
        assert not answer.success
        assert 'no model yet: 0 shots' in answer.message
    assert list(tmp_path.iterdir()) == []


def test_a_saved_nifti_lies_where_the_patient_is(stage, tmp_path):
    path = tmp_path / 'volume.nii.gz'
    answer = stage.call(SaveVolume, 'save', path=str(path))
    assert answer.success, answer.message
    assert str(path) in answer.message
    image = nibabel.load(path)
    np.testing.assert_array_equal(np.asarray(image.dataobj), whole(stage).T)
    # The first voxel's centre p = (-39, -39, -39) mm; turned by 90° about z and moved it is
    # LPS (39 + 100, -39, -39), hence RAS (-139, 39, -39).
    np.testing.assert_allclose(image.affine @ [0, 0, 0, 1], [-139, 39, -39, 1], atol=1e-4)
    assert int(image.header['sform_code']) == 1


def test_a_saved_nrrd_lies_where_the_patient_is(stage, tmp_path):
    path = tmp_path / 'volume.nrrd'
    assert stage.call(SaveVolume, 'save', path=str(path)).success
    values, header = nrrd.read(str(path))
    np.testing.assert_array_equal(values, whole(stage).T)
    np.testing.assert_allclose(header['space origin'], [139, -39, -39], atol=1e-4)
    assert os.listdir(tmp_path) == ['volume.nrrd']


@pytest.mark.parametrize(('path', 'word'), [
    ('volume.nii.gz', 'absolute path'), ('/nonexistent/volume.nii.gz', '/nonexistent'),
    ('/tmp/volume.mhd', '.nrrd'), ('', 'absolute path'), ('/proc/volume.nrrd', 'cannot write'),
])
def test_a_file_that_cannot_be_written_is_refused_by_name(stage, path, word):
    answer = stage.call(SaveVolume, 'save', path=path)
    assert not answer.success
    assert word in answer.message


def test_paused_the_model_stands_and_shots_wait(stage):
    before = whole(stage)
    stage.pause(True)
    stage.refine(1.0)
    stage.send(balls.shot(7))
    stage.until('status', lambda status: status.queue_length == 1)
    assert stage.last('status').state == 'paused'
    time.sleep(0.5)
    np.testing.assert_array_equal(whole(stage), before)
    stage.pause(False)
    assert stage.report_of(7).code == 'ACCEPTED'


def test_services_answer_while_the_model_is_refined(stage):
    stage.refine(1.0)
    stage.send(balls.shot(8))
    seconds = []
    for _ in range(5):
        start = time.monotonic()
        assert stage.call(SetBool, 'pause', data=False).success
        seconds.append(time.monotonic() - start)
    # A chunk of refinement or one new shot may be in hand; on a busy machine too.
    assert np.median(seconds) < 1.0, seconds


def test_another_region_is_reconstructed_from_the_same_shots(stage):
    answer = stage.call(SetRegion, 'set_region', center=Point(x=0.005, y=0.0, z=0.0),
                        size=Vector3(x=0.06, y=0.05, z=0.04))
    assert answer.success, answer.message
    volume = stage.until('volume', lambda volume: volume.size_x == 30)
    assert (volume.size_y, volume.size_z, volume.views) == (25, 20, SHOTS)
    assert volume.origin.position.x == pytest.approx(0.005 - 0.029)
    assert stage.until('status', lambda status: status.region_size.x == 0.06)
    again = stage.call(SetRegion, 'set_region', size=Vector3(x=0.08, y=0.08, z=0.08))
    assert again.success, again.message


@pytest.mark.parametrize(('center', 'size', 'words'), [
    (Point(), Vector3(), ('positive', '0.0')),
    (Point(), Vector3(x=0.1, y=float('nan'), z=0.1), ('region.size', 'nan')),
    (Point(y=-7.0), Vector3(x=0.1, y=0.1, z=0.1), ('region.center', '-7.0')),
    (Point(x=1.0), Vector3(x=0.1, y=0.1, z=0.1), ('[1.0, 0.0, 0.0]', 'at least 2', '0 %')),
])
def test_a_region_that_is_none_is_refused_and_changes_nothing(stage, center, size, words):
    before = whole(stage)
    answer = stage.call(SetRegion, 'set_region', center=center, size=size)
    assert not answer.success
    for word in words:
        assert word in answer.message
    np.testing.assert_array_equal(whole(stage), before)


def volume_of(*numbers: int) -> np.ndarray:
    """Return what the core makes of shots before any refinement."""
    core = Reconstructor(build(ReconstructorConfig, balls.PARAMETERS))
    core.add_shots([balls.shot(number) for number in numbers])
    return core.volume()


def test_a_removed_shot_leaves_the_model_of_the_others(running):
    running.fresh()
    for number in (1, 2, 3):
        running.expose(number)
    running.expose(9)
    assert running.until('volume', lambda volume: volume.views == 4).header.stamp.sec == 109
    answer = running.call(RemoveShot, 'remove_shot', id=9)
    assert answer.success, answer.message
    assert answer.message == 'shot 9 is removed; 3 shots are in the model'
    report = running.report_of(9, code='REMOVED')
    assert 'on request' in report.message
    assert report.steady_ns == running.report_of(9).steady_ns > 0
    shown = running.until('volume', lambda volume: volume.views == 3)
    assert shown.header.stamp.sec == 103
    status = running.until('status', lambda status: status.views == 3)
    assert status.revision == shown.revision
    running.until('markers', lambda scene: sum(m.ns == 'carm' for m in scene.markers) == 3)
    np.testing.assert_array_equal(whole(running), volume_of(1, 2, 3))
    # As if it had never come: the same exposure is not taken for a duplicate.
    running.heard['report'].clear()
    running.send(balls.shot(9))
    assert running.report_of(9).code == 'ACCEPTED'


def test_a_removed_shot_that_others_need_takes_the_model_along(running):
    running.fresh()
    running.expose(1)
    running.expose(2)
    running.until('volume', lambda volume: volume.views == 2)
    assert running.call(RemoveShot, 'remove_shot', id=1).success
    nothing = running.until('volume', lambda volume: volume.views == 1)
    assert (nothing.size_x, nothing.size_y, nothing.size_z) == (1, 1, 1)
    status = running.until('status', lambda status: status.views == 1)
    assert (status.state, status.gaussians) == ('waiting', 0)


def test_a_shot_that_waits_is_removed_before_it_is_looked_at(stage):
    stage.pause(True)
    stage.send(balls.shot(7))
    stage.send(balls.shot(8))
    stage.until('status', lambda status: status.queue_length == 2)
    answer = stage.call(RemoveShot, 'remove_shot', id=7)
    assert answer.success and 'waited' in answer.message
    report = stage.report_of(7)
    assert (report.code, report.header.stamp.sec, report.steady_ns) == ('REMOVED', 107, 0)
    assert stage.until('status', lambda status: status.queue_length == 1).views == SHOTS
    stage.pause(False)
    assert stage.report_of(8).code == 'ACCEPTED'
    assert [report.code for report in stage.heard['report'] if report.id == 7] == ['REMOVED']
    stage.until('status', lambda status: status.views == SHOTS + 1)


def test_shots_that_wait_at_a_reset_are_reported_as_removed(running):
    running.fresh()
    for number in (1, 2):
        running.expose(number)
    running.pause(True)
    for number in (3, 4):
        running.send(balls.shot(number))
    running.until('status', lambda status: status.queue_length == 2)
    running.heard['report'].clear()
    assert running.call(Trigger, 'reset').success
    for number in (3, 4):
        report = running.report_of(number)
        assert (report.code, report.header.stamp.sec, report.steady_ns) == (
            'REMOVED', 100 + number, 0)
        assert 'waited still when the model was reset' in report.message
    running.until('status', lambda status: (status.views, status.queue_length) == (0, 0))
    assert [report.id for report in running.heard['report']] == [3, 4]
    running.pause(False)
    running.send(balls.shot(3))
    assert running.report_of(3, code='ACCEPTED')


def test_each_shot_of_a_burst_is_reported_though_a_reset_comes_between(running):
    """Wherever it was then: on its way, waiting, accepted without a volume, or in a volume."""
    running.fresh()
    numbers = range(1, 13)
    for number in numbers:
        running.send(balls.shot(number))
    assert running.call(Trigger, 'reset').success
    codes = {number: running.report_of(number).code for number in numbers}
    assert set(codes.values()) <= {'ACCEPTED', 'ACCEPTED_CORRECTED', 'REMOVED'}


def test_a_shot_that_is_none_is_not_removed(stage):
    before = whole(stage)
    answer = stage.call(RemoveShot, 'remove_shot', id=77)
    assert not answer.success
    assert answer.message == ('expected the id of a shot that waits or was accepted (1, 2, 3, 4), '
                              'got 77')
    np.testing.assert_array_equal(whole(stage), before)


def is_held(name: str) -> bool:
    """Return whether a living process, of this test or another, holds a lock of Fast DDS."""
    try:
        with open(f'/dev/shm/{name}', 'rb') as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return False
    except BlockingIOError:
        return True


def test_an_interrupted_node_ends_cleanly_and_leaves_nothing():
    before = set(os.listdir('/dev/shm')) if os.path.isdir('/dev/shm') else set()
    with theatre.running(['reconstructor'], {'reconstructor': balls.PARAMETERS}) as stage:
        stage.expose(1)
        stage.expose(2)
        pid = stage.group.pids['reconstructor']
        os.kill(pid, signal.SIGINT)
        deadline = time.monotonic() + 20
        while os.path.exists(f'/proc/{pid}/exe') and time.monotonic() < deadline:
            time.sleep(0.05)
        assert stage.group.stop() == {'reconstructor': 0}
    after = set(os.listdir('/dev/shm')) if os.path.isdir('/dev/shm') else set()
    assert not os.path.exists(f'/proc/{pid}')
    locks = {name for name in after - before if re.fullmatch('fastdds_.*_el', name)}
    assert {name for name in locks if not is_held(name)} == set()


def test_an_unconfigured_node_says_so(running):
    from ixgs_ros.ros.conductor import transition
    deactivate, cleanup, configure, activate = 4, 2, 1, 3
    for change in (deactivate, cleanup):
        assert transition(running.station, theatre.NODE, change)
    answer = running.call(Trigger, 'reset')
    assert not answer.success
    assert 'unconfigured' in answer.message
    for change in (configure, activate):
        assert transition(running.station, theatre.NODE, change, 60)
    assert running.call(Trigger, 'reset').success
