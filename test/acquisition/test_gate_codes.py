"""Every refusal of the gate: its code, its sentence, and that nothing else changes."""

from __future__ import annotations

from dataclasses import replace
import math

from acquisition_scene import (
    AIR,
    camera,
    config,
    counts,
    frame,
    MIDDLE_NS,
    MS,
    Rig,
    samples,
    SIZE,
    SOURCE,
    START_NS,
    STATIC,
)
import numpy as np
import pytest

from ixgs_ros.acquisition import AcquiredShot, Acquisition, RefusedShot
from ixgs_ros.acquisition.numbers import Numbers
from ixgs_ros.standardization import counts_to_line_integrals, LineIntegrals, PhysicsConfig
from ixgs_ros.verdict import Code

S = 1000 * MS


def only(rig: Rig, after_ms: float = 0.0) -> AcquiredShot | RefusedShot:
    """Return the one outcome there is, and check the books."""
    outcomes = rig.poll(after_ms)
    assert len(outcomes) == 1
    check_books(rig.gate)
    return outcomes[0]


def check_books(gate: Acquisition) -> None:
    """Every image is accounted for exactly once."""
    summary = gate.summary()
    verdicts = sum(number for name, number in summary.items() if name in Code.__members__)
    assert summary['images'] == verdicts + summary['waiting']


def expect(outcome: AcquiredShot | RefusedShot, code: Code, *sentence: str) -> None:
    assert outcome.verdict.code is code, outcome.verdict
    for part in sentence:
        assert part in outcome.verdict.message


def test_good_shot_is_accepted_with_its_pose_and_line_integrals() -> None:
    rig = Rig.ready()
    number = rig.shoot(MIDDLE_NS)
    outcome = only(rig)
    assert isinstance(outcome, AcquiredShot)
    expect(outcome, Code.ACCEPTED, 'air 50000 counts, taken from the parameters')
    shot = outcome.shot
    assert shot.id == outcome.id == number == 1
    assert shot.stamp_ns == MIDDLE_NS and outcome.arrival_ns == rig.now_ns
    np.testing.assert_allclose(shot.view.source, [0, 0, -0.6], atol=1e-12)
    np.testing.assert_allclose(shot.line_integrals, np.log(AIR / counts()), atol=1e-5)
    np.testing.assert_array_equal(outcome.counts, counts())
    assert math.isnan(shot.exposure_offset)  # no air to be seen: the exposure may be off


def test_pose_is_that_of_the_stamp_plus_the_offset() -> None:
    for offset in (0.0, 0.05, -0.1):
        rig = Rig(Acquisition(config(tf__time_offset=offset, motion__max_speed=10.0)))
        STATIC.send(rig.gate)
        rig.feed(samples(START_NS, START_NS + S, velocity=(0.2, 0, 0)))
        rig.shoot(MIDDLE_NS)
        outcome = only(rig)
        assert isinstance(outcome, AcquiredShot)
        assert outcome.shot.view.source[0] == pytest.approx(0.2 * (0.507 + offset), abs=1e-9)
        assert outcome.stamp_ns == MIDDLE_NS


def test_waits_for_the_camera_info_and_the_transforms() -> None:
    rig = Rig(Acquisition(config()))
    rig.gate.add_image(frame(MIDDLE_NS), rig.now_ns)
    assert rig.poll(100) == []
    rig.gate.add_camera_info(camera(MIDDLE_NS))
    assert rig.poll(100) == []
    STATIC.send(rig.gate)
    rig.feed(samples(START_NS, MIDDLE_NS + 40 * MS))
    assert rig.poll(100) == []  # the motion after the shot cannot be judged yet
    rig.feed(samples(MIDDLE_NS + 40 * MS, MIDDLE_NS + 100 * MS))
    expect(only(rig, 100), Code.ACCEPTED)


def test_last_shot_of_a_bag_is_accepted_without_samples_long_after() -> None:
    rig = Rig.ready()
    rig.shoot(START_NS + 975 * MS)
    assert rig.poll() == []
    assert [o.verdict.code for o in rig.gate.flush()] == [Code.ACCEPTED]


def test_no_transform_for_an_unknown_frame_only_after_the_timeout() -> None:
    rig = Rig.ready()
    rig.gate.add_camera_info(camera(MIDDLE_NS, frame_id='elsewhere'))
    rig.gate.add_image(frame(MIDDLE_NS, frame_id='elsewhere'), rig.now_ns)
    assert rig.poll(999) == []
    expect(only(rig, 1), Code.NO_TRANSFORM, "'elsewhere' is unknown", 'carm_marker')


def test_no_transform_between_frames_that_are_not_connected() -> None:
    rig = Rig(Acquisition(config()))
    STATIC.send(rig.gate)
    rig.feed([s for s in samples(START_NS, START_NS + S) if s.child == 'patient_reference'])
    rig.shoot(MIDDLE_NS)
    expect(only(rig, 1000), Code.NO_TRANSFORM, 'not connected')


def test_no_transform_when_the_next_sample_does_not_come() -> None:
    rig = Rig.ready()
    rig.shoot(START_NS + 1040 * MS)
    expect(only(rig, 1000), Code.NO_TRANSFORM, '0.060 s older than the stamp')


def test_gap_of_three_seconds_is_refused_not_interpolated() -> None:
    rig = Rig.ready()
    rig.feed(samples(START_NS + 4 * S, START_NS + 5 * S))
    rig.shoot(START_NS + 2500 * MS)
    expect(only(rig, 1000), Code.TRANSFORM_GAP, '3.020 s apart', 'at most 0.100 s')


def test_gap_is_a_gap_before_its_other_side_is_seen() -> None:
    """Live, the timeout ends before the marker is back; the verdict is that of the replay."""
    rig = Rig.ready()
    rig.shoot(START_NS + 2500 * MS)
    expect(only(rig, 1000), Code.TRANSFORM_GAP, '1.520 s older')


@pytest.mark.parametrize(('gap_ms', 'code'), [(100, Code.ACCEPTED), (101, Code.TRANSFORM_GAP)])
def test_the_gap_rule_is_exact(gap_ms: int, code: Code) -> None:
    rig = Rig(Acquisition(config()))
    STATIC.send(rig.gate)
    first = [s for s in samples(START_NS, START_NS + S) if s.stamp_ns <= MIDDLE_NS]
    last = max(s.stamp_ns for s in first if s.child == 'carm_marker')
    after = samples(START_NS, START_NS + S)
    back = [s for s in after if s.child == 'patient_reference' and s.stamp_ns > MIDDLE_NS]
    marker = replace(first[0], stamp_ns=last + gap_ms * MS)
    rig.feed([*first, *back, marker, replace(marker, stamp_ns=marker.stamp_ns + 20 * MS)])
    rig.shoot(MIDDLE_NS)
    expect(only(rig, 1000), code)


def test_stamp_before_the_oldest_sample_is_stale() -> None:
    rig = Rig.ready()
    rig.shoot(START_NS - 60 * S)
    expect(only(rig, 1000), Code.TRANSFORM_STALE, '60.0', 'older than the oldest')


def test_no_camera_info() -> None:
    rig = Rig.ready()
    rig.gate.add_camera_info(camera(MIDDLE_NS + 1))
    rig.gate.add_image(frame(MIDDLE_NS), rig.now_ns)
    assert rig.poll(999) == []
    expect(only(rig, 1), Code.UNCALIBRATED, 'none of 1 camera infos', str(MIDDLE_NS))


@pytest.mark.parametrize(('changes', 'code', 'sentence'), [
    ({'k': np.zeros(9)}, Code.UNCALIBRATED, 'K[0] is 0'),
    ({'frame_id': 'other'}, Code.UNCALIBRATED, "'other'"),
    ({'d': np.array([0.1]), 'distortion_model': 'odd'}, Code.UNCALIBRATED, "'odd'"),
    ({'height': SIZE + 1}, Code.SIZE_MISMATCH, 'expected 33 by 32'),
    ({'binning_x': 2}, Code.SIZE_MISMATCH, 'binning 1 by 2'),
])
def test_camera_infos_that_do_not_fit_are_refused_at_once(
        changes: dict, code: Code, sentence: str) -> None:
    rig = Rig.ready()
    rig.shoot(MIDDLE_NS, **changes)
    expect(only(rig), code, sentence)


def test_sdd_in_another_unit_than_k_is_refused() -> None:
    rig = Rig.ready(sdd=4.0)
    rig.shoot(MIDDLE_NS, k=np.array([100.0, 0, 15, 0, 100.0, 15, 0, 0, 1]))
    expect(only(rig), Code.UNCALIBRATED, 'sdd = 4 m', '40 mm')


def test_encoding_and_length_are_refused_at_once() -> None:
    rig = Rig.ready()
    for i, change in enumerate(({'encoding': 'bayer_rggb16'}, {'data': b'short'})):
        stamp = MIDDLE_NS + i
        rig.gate.add_camera_info(camera(stamp))
        rig.gate.add_image(replace(frame(stamp), **change), rig.now_ns)
    first, second = rig.poll()
    expect(first, Code.UNSUPPORTED_ENCODING, "'bayer_rggb16'", 'mono16')
    expect(second, Code.SIZE_MISMATCH, '5 bytes; expected 2048')
    check_books(rig.gate)


def test_a_shot_of_an_absurd_shape_is_refused_and_the_next_is_not() -> None:
    rig = Rig.ready()
    rig.shoot(MIDDLE_NS, counts()[:1], height=1)
    rig.shoot(MIDDLE_NS + 1)
    strip, good = rig.poll()
    expect(strip, Code.SIZE_MISMATCH, f'1 rows by {SIZE} columns; expected at least 32 of each')
    expect(good, Code.ACCEPTED)
    check_books(rig.gate)


@pytest.mark.parametrize(('translation', 'quaternion', 'sentence'), [
    ((math.nan, 0, 0), (0, 0, 0, 1), 'nan'),
    ((0, 0, 0), (0, 0, 0, 1.5), 'norm 1.5'),
    ((0, 0, 0), (0, 0, 0, 0), 'norm 0'),
])
def test_a_sample_that_is_no_pose_next_to_the_stamp(
        translation: tuple, quaternion: tuple, sentence: str) -> None:
    rig = Rig(Acquisition(config()))
    STATIC.send(rig.gate)
    for sample in samples(START_NS, START_NS + S):
        hidden = sample.child == 'carm_marker' and abs(sample.stamp_ns - MIDDLE_NS) < 50 * MS
        rig.feed([replace(sample, translation=translation, quaternion=quaternion)
                  if hidden else sample])
    rig.shoot(MIDDLE_NS)
    rig.shoot(MIDDLE_NS + 200 * MS)
    bad, good = sorted(rig.poll() + rig.poll(1000), key=lambda outcome: outcome.id)
    expect(bad, Code.INVALID_POSE, 'tracker → carm_marker', sentence)
    expect(good, Code.ACCEPTED)
    assert rig.gate.summary()['invalid_transforms'] == 5
    assert any(sentence in event for event in rig.gate.take_events())


def test_source_too_far_away_is_no_pose() -> None:
    rig = Rig(Acquisition(config()))
    STATIC.send(rig.gate)
    rig.feed(samples(START_NS, START_NS + S, velocity=(600.0, 0, 0)))  # millimetres, likely
    rig.shoot(MIDDLE_NS)
    expect(only(rig), Code.INVALID_POSE, '304.20 m from patient_reference', 'at most 5 m')


def test_no_signal_and_saturated() -> None:
    rig = Rig.ready()
    rig.shoot(MIDDLE_NS, np.zeros((SIZE, SIZE), dtype=np.uint16))
    expect(only(rig), Code.NO_SIGNAL, 'no pixel of 1024 is positive')
    rig.shoot(MIDDLE_NS, np.full((SIZE, SIZE), 65535, dtype=np.uint16))
    expect(only(rig), Code.SATURATED, '100.0% of the pixels', '65535')


def test_air_neither_given_nor_seen() -> None:
    rig = Rig.ready(air_counts=0.0)
    rig.shoot(MIDDLE_NS)
    expect(only(rig), Code.NO_SIGNAL, 'no air beside the body', 'parameter air_counts')


def test_duplicates_of_waiting_and_of_accepted_shots() -> None:
    rig = Rig.ready()
    rig.shoot(MIDDLE_NS)
    rig.shoot(MIDDLE_NS)
    first, second = rig.poll()
    expect(first, Code.ACCEPTED)
    expect(second, Code.DUPLICATE, str(MIDDLE_NS))
    rig.shoot(MIDDLE_NS)
    expect(only(rig), Code.DUPLICATE)


def test_a_copy_of_a_refused_shot_has_its_chance() -> None:
    rig = Rig.ready()
    rig.gate.add_image(replace(frame(MIDDLE_NS), encoding='odd'), rig.now_ns)
    expect(only(rig), Code.UNSUPPORTED_ENCODING)
    rig.shoot(MIDDLE_NS)
    expect(only(rig), Code.ACCEPTED)


@pytest.mark.parametrize(('speed', 'code'), [(0.02, Code.ACCEPTED), (0.2, Code.MOVING)])
def test_moving_source(speed: float, code: Code) -> None:
    rig = Rig(Acquisition(config()))
    STATIC.send(rig.gate)
    rig.feed(samples(START_NS, START_NS + S, velocity=(speed, 0, 0)))
    rig.shoot(MIDDLE_NS)
    outcome = only(rig)
    expect(outcome, code)
    if code is Code.MOVING:
        expect(outcome, code, '0.200 m/s', 'at most 0.1 m/s')


def test_moving_patient_counts_as_motion_too() -> None:
    rig = Rig(Acquisition(config()))
    STATIC.send(rig.gate)
    for sample in samples(START_NS, START_NS + S):
        shift = 0.3 * (sample.stamp_ns - START_NS) / S
        patient = sample.child == 'patient_reference'
        rig.feed([replace(sample, translation=(shift, 0, 0)) if patient else sample])
    rig.shoot(MIDDLE_NS)
    expect(only(rig), Code.MOVING)


def test_overload_refuses_the_newest_and_keeps_the_others() -> None:
    rig = Rig.ready(queue=2)
    for i in range(3):
        rig.shoot(MIDDLE_NS + i * 100 * MS)
    outcomes = rig.poll()
    assert [o.verdict.code for o in outcomes] == [Code.ACCEPTED, Code.ACCEPTED, Code.OVERLOAD]
    expect(outcomes[2], Code.OVERLOAD, '2 images are waiting', 'at most 2')
    check_books(rig.gate)


def test_a_refusal_changes_nothing_for_the_others() -> None:
    """The shots around a refused one come out bit for bit as without it."""
    plain, disturbed = Rig.ready(), Rig.ready()
    for rig in (plain, disturbed):
        rig.shoot(MIDDLE_NS)
        if rig is disturbed:
            rig.shoot(MIDDLE_NS + 50 * MS, np.zeros((SIZE, SIZE), dtype=np.uint16))
        rig.shoot(MIDDLE_NS + 100 * MS)
        rig.poll()
    good = [o.shot for o in disturbed.outcomes if isinstance(o, AcquiredShot)]
    for shot, outcome in zip(good, plain.outcomes, strict=True):
        assert isinstance(outcome, AcquiredShot)
        np.testing.assert_array_equal(shot.line_integrals, outcome.shot.line_integrals)
        np.testing.assert_array_equal(shot.view.source, outcome.shot.view.source)


def test_looping_bag_clears_the_buffers_and_knows_its_shots() -> None:
    rig = Rig.ready(seconds=12)
    late = MIDDLE_NS + 11 * S
    rig.shoot(late)
    expect(only(rig), Code.ACCEPTED)
    rig.feed(samples(START_NS, START_NS + S))  # the bag starts again
    assert sum('time jumped back' in event for event in rig.gate.take_events()) == 1
    rig.shoot(MIDDLE_NS)
    expect(only(rig, 0), Code.ACCEPTED)
    rig.shoot(late)
    expect(only(rig), Code.DUPLICATE)


def test_poses_of_before_and_after_a_clock_that_was_set_back_are_not_mixed() -> None:
    """By 3 s, less than is kept; meanwhile the C-arm has been moved by half a metre."""
    rig = Rig.ready(seconds=5)
    moved = [replace(sample, translation=(0.6, 0.0, -0.7)) if sample.child == 'carm_marker'
             else sample for sample in samples(START_NS + 2005 * MS, START_NS + 3005 * MS)]
    rig.feed(moved)
    assert sum('time jumped back' in event for event in rig.gate.take_events()) == 1
    rig.shoot(START_NS + 2507 * MS)
    outcome = only(rig)
    expect(outcome, Code.ACCEPTED)
    np.testing.assert_allclose(outcome.shot.view.source, [0.5, 0.0, -0.6], atol=1e-9)


@pytest.mark.parametrize('age', [0, 8 * S])
def test_one_stray_old_transform_is_no_jump_of_time(age: int) -> None:
    rig = Rig.ready(seconds=12)
    for _ in range(2):
        rig.feed([next(samples(START_NS + age, START_NS + age + 1))])
    rig.shoot(MIDDLE_NS + 11 * S)
    expect(only(rig), Code.ACCEPTED)
    assert rig.gate.take_events() == []


def test_jump_of_time_ends_what_waits() -> None:
    rig = Rig.ready()
    rig.shoot(START_NS + 1010 * MS)
    assert rig.poll() == []
    rig.gate.time_jumped('the clock was set back')
    expect(only(rig), Code.NO_TRANSFORM)


def test_impossible_transforms_are_said_and_dropped() -> None:
    rig = Rig.ready()
    rig.gate.add_transform(SOURCE, 'tracker', START_NS, (0, 0, 0), (0, 0, 0, 1))
    rig.shoot(MIDDLE_NS)
    expect(only(rig), Code.ACCEPTED)
    assert any('closes a loop' in event for event in rig.gate.take_events())


def test_the_exposure_of_a_shot_that_was_taken_out_may_come_again_once() -> None:
    rig = Rig.ready()
    assert rig.shoot(MIDDLE_NS) == 1
    expect(only(rig), Code.ACCEPTED)
    assert rig.gate.forget(1, MIDDLE_NS)
    assert rig.shoot(MIDDLE_NS) == 2
    expect(rig.poll()[0], Code.ACCEPTED)
    assert not rig.gate.forget(1, MIDDLE_NS)  # said again, as to a late listener: shot 2 is in
    assert rig.shoot(MIDDLE_NS) == 3
    expect(rig.poll()[0], Code.DUPLICATE, 'came before')


def test_numbers_go_on_after_those_that_are_known() -> None:
    numbers = Numbers()
    assert [next(numbers), next(numbers)] == [1, 2]
    assert not numbers.go_on_after(2) and next(numbers) == 3
    assert numbers.go_on_after(7) and [next(numbers), next(numbers)] == [8, 9]


def test_leading_slash_of_old_frame_names_is_ignored() -> None:
    rig = Rig(Acquisition(config()))
    for sample in (STATIC, *samples(START_NS, START_NS + S)):
        rig.feed([replace(sample, parent='/' + sample.parent, child='/' + sample.child)])
    rig.shoot(MIDDLE_NS)
    expect(only(rig), Code.ACCEPTED)


def test_a_fault_of_ours_in_one_image_does_not_hold_up_the_others(
        monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig.ready()
    rig.shoot(MIDDLE_NS)
    rig.shoot(MIDDLE_NS + 20 * MS, np.zeros((SIZE, SIZE), dtype=np.uint16))
    rig.shoot(MIDDLE_NS + 40 * MS)

    def failing(image: np.ndarray, physics: PhysicsConfig) -> LineIntegrals:
        if not image.any():
            raise RuntimeError('not foreseen')
        return counts_to_line_integrals(image, physics)
    monkeypatch.setattr('ixgs_ros.acquisition.gate.counts_to_line_integrals', failing)
    with pytest.raises(RuntimeError, match='not foreseen'):
        rig.poll()
    assert rig.gate.waiting == 3  # two verdicts were not given out, one is not made
    first, second, third = rig.poll()
    assert (first.id, second.id, third.id) == (1, 2, 3)
    assert first.verdict.accepted and third.verdict.accepted
    expect(second, Code.FAILED, 'RuntimeError: not foreseen', 'expected none')
    assert rig.gate.waiting == 0
