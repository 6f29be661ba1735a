"""The virtual rig: its transforms say where its images were taken, up to the jitter."""

from dataclasses import replace

import numpy as np
import pytest
from small_ct import BALLS_LPS, CENTER_LPS, RADIUS, small_ct

from ixgs_ros.geometry.orbits import CArm
from ixgs_ros.geometry.view import View
from ixgs_ros.parameters import build, flatten, ParameterError
from ixgs_ros.simulation.faults import Fault
from ixgs_ros.simulation.rig import RigConfig, VirtualRig
from ixgs_ros.simulation.tracker import SOURCE_FROM_MARKER

CONFIG = RigConfig(views=5, carm=CArm(height=64, width=80, pixel_pitch=0.004))
CT = small_ct()


def reported_pose(rig, stamp_ns):
    """Chain what TF says into reference_from_source, as a receiver does."""
    reference, marker = rig.transforms_at(stamp_ns)
    assert (reference.parent, reference.child) == ('tracker', 'patient_reference')
    assert (marker.parent, marker.child) == ('tracker', 'carm_marker')
    (hand_eye,) = rig.static_transforms()
    assert (hand_eye.parent, hand_eye.child) == ('carm_marker', 'carm_source_optical')
    return (reference.parent_from_child.inverse() @ marker.parent_from_child
            @ hand_eye.parent_from_child)


def test_without_jitter_the_transforms_say_where_the_balls_are_in_the_image():
    rig = VirtualRig(CT, CONFIG.ideal())
    for shot in rig.shots:
        camera = rig.camera(shot.index)
        view = View(camera.k, reported_pose(rig, shot.stamp_ns), camera.height, camera.width)
        y = -np.log(rig.expose(shot.index) / rig.config.detector.air_counts)
        for ball in BALLS_LPS - CENTER_LPS:
            (u, v), _ = view.project(ball)
            # Bone of 50 per metre through the middle of the ball, over some water.
            assert y[round(v), round(u)] > 0.8 * 50.0 * 2 * RADIUS
        assert np.median(y) < 0.3


def test_the_region_is_about_the_target_in_patient_axes():
    rig = VirtualRig(CT, CONFIG)
    assert rig.lps_from_reference.translation == pytest.approx(CENTER_LPS)
    assert rig.lps_from_reference.rotation == pytest.approx(np.eye(3))
    assert rig.region.center == pytest.approx(np.zeros(3))
    assert rig.region.size == pytest.approx(np.full(3, 0.16))
    other = VirtualRig(CT, CONFIG, center=np.array([0.1, 0.2, -0.3]))
    assert other.lps_from_reference.translation == pytest.approx([0.1, 0.2, -0.3])


@pytest.mark.parametrize(('at', 'pivot_to_isocentre'), [('isocentre', 0.0), ('marker', 0.5)])
def test_reported_poses_err_by_the_jitter(at, pivot_to_isocentre):
    config = replace(CONFIG, views=400, jitter=replace(CONFIG.jitter, at=at))
    rig = VirtualRig(CT, config)
    angles, shifts = [], []
    for shot in rig.shots:
        true, reported = shot.view.reference_from_source, shot.reported
        angles.append(true.angle_to(reported))
        moved = (reported @ true.inverse()).apply(shot.station.isocentre)
        shifts.append(np.linalg.norm(moved - shot.station.isocentre))
    angle, shift = (np.sqrt(np.mean(np.square(values))) for values in (angles, shifts))
    assert angle == pytest.approx(np.deg2rad(0.5), rel=0.1)
    lever = pivot_to_isocentre * np.deg2rad(0.5) * np.sqrt(2 / 3)
    assert shift == pytest.approx(np.hypot(0.0015, lever), rel=0.1)


def test_the_marker_sits_half_a_metre_from_the_isocentre():
    isocentre = np.array([0.0, 0.0, CONFIG.carm.sod])
    distance = np.linalg.norm(SOURCE_FROM_MARKER.translation - isocentre)
    assert distance == pytest.approx(0.5, abs=0.02)


def test_the_reported_pose_stands_still_during_the_dwell_and_moves_smoothly_between():
    rig = VirtualRig(CT, CONFIG)
    shot = rig.shots[2]
    half = round(0.5e9 * rig.config.timing.dwell)
    for offset in (-half, -half // 3, 0, half):
        pose = reported_pose(rig, shot.stamp_ns + offset)
        assert pose.distance_to(shot.reported) < 1e-12
        assert pose.angle_to(shot.reported) < 1e-7
    poses = [reported_pose(rig, stamp) for stamp in
             range(shot.stamp_ns, rig.shots[3].stamp_ns, 20_000_000)]
    steps = [a.distance_to(b) for a, b in zip(poses, poses[1:], strict=False)]
    assert 0.0 < max(steps) < 0.06
    assert max(np.abs(np.diff(steps))) < 0.01


def test_transforms_come_at_their_rate_in_order_and_never_at_an_exposure():
    rig = VirtualRig(CT, CONFIG)
    samples = rig.transforms_between(rig.start_ns, rig.end_ns)
    stamps = sorted({sample.stamp_ns for sample in samples})
    assert [sample.stamp_ns for sample in samples] == sorted(s.stamp_ns for s in samples)
    assert set(np.diff(stamps)) == {20_000_000}
    assert stamps[0] == rig.start_ns and stamps[-1] < rig.end_ns
    assert stamps[0] < rig.shots[0].stamp_ns - 10**9 < rig.shots[-1].stamp_ns + 10**9 < stamps[-1]
    assert not {shot.stamp_ns for shot in rig.shots} & set(stamps)


def test_transforms_in_pieces_are_the_transforms_in_one():
    rig = VirtualRig(CT, CONFIG)
    start, stop = rig.start_ns + 123_456, rig.start_ns + 777_777_777
    cut = rig.start_ns + 400_000_000
    whole = [s.stamp_ns for s in rig.transforms_between(start, stop)]
    parts = [s.stamp_ns for a, b in ((start, cut), (cut, stop))
             for s in rig.transforms_between(a, b)]
    assert parts == whole and len(whole) == 2 * 38


def test_everything_follows_from_the_seed_in_any_order():
    one, two = VirtualRig(CT, CONFIG), VirtualRig(CT, CONFIG)
    forward = [one.expose(i) for i in range(3)]
    backward = [two.expose(i) for i in (2, 1, 0)][::-1]
    assert all(np.array_equal(a, b) for a, b in zip(forward, backward, strict=True))
    other = VirtualRig(CT, replace(CONFIG, seed=1))
    assert not np.array_equal(other.expose(0), forward[0])


def test_noise_and_jitter_do_not_move_the_shots():
    noisy, ideal = VirtualRig(CT, CONFIG), VirtualRig(CT, CONFIG.ideal())
    for a, b in zip(noisy.shots, ideal.shots, strict=True):
        assert a.station.lao == b.station.lao
        assert a.view.reference_from_source.matrix() == pytest.approx(
            b.view.reference_from_source.matrix())
        assert b.reported.matrix() == pytest.approx(b.view.reference_from_source.matrix())
        assert b.gain == 1.0 and b.view.k[:2, 2] == pytest.approx([39.5, 31.5])
        assert a.view.k[0, 2] != b.view.k[0, 2]


def test_a_longer_plan_begins_with_the_shorter_one():
    few, many = VirtualRig(CT, CONFIG), VirtualRig(CT, replace(CONFIG, views=9))
    for a, b in zip(few.shots, many.shots, strict=False):
        assert (a.stamp_ns, a.gain) == (b.stamp_ns, b.gain)
        assert a.reported.matrix() == pytest.approx(b.reported.matrix())


def test_settings_have_names_and_ranges():
    config = build(RigConfig, {'views': 3, 'jitter.at': 'marker', 'detector.photons': 10000})
    assert flatten(config)['jitter.at'] == 'marker'
    with pytest.raises(ParameterError, match=r'jitter.rotation_deg: .*\[0, 10\] deg'):
        build(RigConfig, {'jitter.rotation_deg': -1.0})


def test_faults_on_shots_that_are_not_there_are_refused():
    with pytest.raises(ValueError, match='shots 0 to 4, got black on shot 5'):
        VirtualRig(CT, CONFIG, faults={5: Fault.BLACK})
    with pytest.raises(ValueError, match='duplicate on shot 0'):
        VirtualRig(CT, CONFIG, faults={0: Fault.DUPLICATE})


def test_a_centre_outside_the_ct_is_refused():
    VirtualRig(CT, CONFIG, center=CT.center)
    with pytest.raises(ValueError, match=r'centre inside the CT \(LPS .* mm\), got 5000, 0, 0 mm'):
        VirtualRig(CT, CONFIG, center=np.array([5.0, 0.0, 0.0]))
