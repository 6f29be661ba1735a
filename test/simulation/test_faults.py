"""Each fault does what it says to its own shot, and nothing to the others."""

import numpy as np
import pytest
from small_ct import small_ct

from ixgs_ros.geometry.orbits import CArm
from ixgs_ros.simulation.faults import Fault, parse_faults
from ixgs_ros.simulation.rig import RigConfig, VirtualRig

CONFIG = RigConfig(views=4, carm=CArm(height=48, width=64, pixel_pitch=0.005))
CT = small_ct()
SOUND = VirtualRig(CT, CONFIG)
FAULTY = 2


def with_fault(fault):
    return VirtualRig(CT, CONFIG, faults={FAULTY: fault})


def marker_at(rig, stamp_ns):
    found = [s for s in rig.transforms_at(stamp_ns) if s.child == 'carm_marker']
    return found[0] if found else None


@pytest.mark.parametrize('fault', Fault)
def test_the_other_shots_stay_as_they_were(fault):
    rig = with_fault(fault)
    for index in (0, 1, 3):
        ours, theirs = rig.shots[index], SOUND.shots[index]
        for name in ('stamp_ns', 'sent_ns', 'gain', 'frame_id', 'encoding', 'fault'):
            assert getattr(ours, name) == getattr(theirs, name)
        assert np.array_equal(rig.expose(index), SOUND.expose(index))
        assert np.array_equal(rig.camera(index).k, SOUND.camera(index).k)
        for offset in (-200_000_000, 0, 200_000_000):
            a, b = (marker_at(r, ours.stamp_ns + offset) for r in (rig, SOUND))
            assert a.quaternion == pytest.approx(b.quaternion)
            assert a.translation == pytest.approx(b.translation)


def test_tf_gap_hides_the_marker_for_three_seconds():
    rig = with_fault(Fault.TF_GAP)
    stamp = rig.shots[FAULTY].stamp_ns
    assert marker_at(rig, stamp) is None
    stamps = [s.stamp_ns for s in rig.transforms_between(rig.start_ns, rig.end_ns)
              if s.child == 'carm_marker']
    assert max(np.diff(stamps)) == pytest.approx(3.0e9, abs=5e7)
    references = [s.stamp_ns for s in rig.transforms_between(rig.start_ns, rig.end_ns)
                  if s.child == 'patient_reference']
    assert max(np.diff(references)) == 20_000_000


def test_messages_that_lack_something():
    assert with_fault(Fault.NO_CAMERA_INFO).camera(FAULTY) is None
    assert not with_fault(Fault.UNCALIBRATED).camera(FAULTY).k.any()
    assert with_fault(Fault.UNKNOWN_FRAME).shots[FAULTY].frame_id == 'nowhere_optical'
    assert with_fault(Fault.UNSUPPORTED_ENCODING).shots[FAULTY].encoding == 'bayer_rggb16'
    short = with_fault(Fault.WRONG_SIZE)
    assert short.expose(FAULTY).shape == (24, 64)
    assert short.camera(FAULTY).height == 48


def test_exposures_that_failed():
    assert not with_fault(Fault.BLACK).expose(FAULTY).any()
    assert np.mean(with_fault(Fault.SATURATED).expose(FAULTY) == 65_535) > 0.95


def test_times_that_are_wrong():
    stale, late = with_fault(Fault.STALE).shots[FAULTY], with_fault(Fault.LATE).shots[FAULTY]
    sound = SOUND.shots[FAULTY]
    assert sound.stamp_ns - stale.stamp_ns == 60 * 10**9 and stale.sent_ns == sound.sent_ns
    assert late.stamp_ns == sound.stamp_ns and late.sent_ns - late.stamp_ns == 800_000_000


def test_a_duplicate_is_the_shot_before_again():
    rig = with_fault(Fault.DUPLICATE)
    assert rig.shots[FAULTY].stamp_ns == rig.shots[FAULTY - 1].stamp_ns
    assert rig.shots[FAULTY].sent_ns > rig.shots[FAULTY - 1].sent_ns
    assert np.array_equal(rig.expose(FAULTY), rig.expose(FAULTY - 1))
    assert rig.camera(FAULTY).stamp_ns == rig.camera(FAULTY - 1).stamp_ns


def test_moving_swings_about_the_pose_of_the_image():
    rig = with_fault(Fault.MOVING)
    stamp = rig.shots[FAULTY].stamp_ns
    before, at, after = (marker_at(rig, stamp + d).parent_from_child
                         for d in (-100_000_000, 0, 100_000_000))
    assert before.angle_to(after) == pytest.approx(np.deg2rad(4.0), rel=1e-3)
    assert at.distance_to(marker_at(SOUND, stamp).parent_from_child) < 1e-9


def test_poses_that_are_wrong():
    stamp, sound = SOUND.shots[FAULTY].stamp_ns, SOUND.shots[FAULTY].reported
    bad = marker_at(with_fault(Fault.BAD_QUATERNION), stamp)
    assert np.linalg.norm(bad.quaternion) == pytest.approx(1.5)
    turned = with_fault(Fault.WRONG_POSE).shots[FAULTY].reported
    assert turned.angle_to(sound) == pytest.approx(np.deg2rad(25.0))
    inverted = with_fault(Fault.INVERTED_POSE).shots[FAULTY].reported
    assert (inverted @ sound).matrix() == pytest.approx(np.eye(4))
    for fault in (Fault.WRONG_POSE, Fault.INVERTED_POSE):
        assert np.array_equal(with_fault(fault).expose(FAULTY), SOUND.expose(FAULTY))


def test_out_of_view_is_a_true_image_of_another_place():
    rig = with_fault(Fault.OUT_OF_VIEW)
    shot = rig.shots[FAULTY]
    pixel, _ = shot.view.project(np.zeros(3))
    assert not (0 <= pixel[0] < 64 and 0 <= pixel[1] < 48)
    assert shot.reported.distance_to(shot.view.reference_from_source) < 0.05


def test_faults_as_text():
    assert parse_faults('') == {}
    assert parse_faults('3:tf_gap, 5:black') == {3: Fault.TF_GAP, 5: Fault.BLACK}


@pytest.mark.parametrize('text, words', [
    ('3:flood', "tf_gap, .*got '3:flood'"), ('tf_gap', "got 'tf_gap'"), ('-1:black', "'-1:black'"),
    ('1:black, 1:late', "one fault a shot, got '1:late' beside 'black'")])
def test_wrong_texts_of_faults(text, words):
    with pytest.raises(ValueError, match=words):
        parse_faults(text)
