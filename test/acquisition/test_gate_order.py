"""Whatever the order and delay in which messages arrive, the same shots come out."""

from __future__ import annotations

from collections import Counter

from acquisition_scene import camera, config, counts, frame, MS, Sample, samples, START_NS, STATIC
from hypothesis import given, settings, strategies
import numpy as np

from ixgs_ros.acquisition import AcquiredShot, Acquisition
from ixgs_ros.verdict import Code

# Shots every 200 ms; the C-arm's marker is hidden around the third, the fifth has no camera info.
STAMPS = [START_NS + 207 * MS + i * 200 * MS for i in range(6)]
EXPECTED = Counter({Code.ACCEPTED: 4, Code.TRANSFORM_GAP: 1, Code.UNCALIBRATED: 1})


def messages() -> list[tuple[str, object]]:
    """Return everything a recording of these shots holds, in order of kind."""
    found: list[tuple[str, object]] = [('transform', STATIC)]
    for sample in samples(START_NS, START_NS + 1500 * MS):
        if sample.child != 'carm_marker' or abs(sample.stamp_ns - STAMPS[2]) > 70 * MS:
            found.append(('transform', sample))
    for index, stamp in enumerate(STAMPS):
        found.append(('image', frame(stamp, counts(index))))
        if index != 4:
            found.append(('camera', camera(stamp)))
        found.append(('camera', camera(stamp + 33 * MS)))  # more camera infos than shots
    return found


MESSAGES = messages()


def play(order: list[int], poll_every: int) -> tuple[dict[int, AcquiredShot], Counter[Code]]:
    """Return the accepted shots by stamp and the verdicts of one order of arrival."""
    gate = Acquisition(config())
    outcomes = []
    for number, index in enumerate(order):
        kind, message = MESSAGES[index]
        if kind == 'transform':
            assert isinstance(message, Sample)
            message.send(gate)
        elif kind == 'camera':
            gate.add_camera_info(message)
        else:
            gate.add_image(message, number)
        if number % poll_every == 0:
            outcomes += gate.poll(number)
    outcomes += gate.flush()
    assert gate.waiting == 0
    assert sorted(outcome.id for outcome in outcomes) == [1, 2, 3, 4, 5, 6]
    accepted = {o.stamp_ns: o for o in outcomes if isinstance(o, AcquiredShot)}
    return accepted, Counter(outcome.verdict.code for outcome in outcomes)


REFERENCE, _ = play(list(range(len(MESSAGES))), 1000)


@settings(max_examples=40, deadline=None)
@given(order=strategies.permutations(range(len(MESSAGES))), poll_every=strategies.integers(1, 50))
def test_order_of_arrival_decides_nothing(order: list[int], poll_every: int) -> None:
    accepted, verdicts = play(order, poll_every)
    assert verdicts == EXPECTED
    assert accepted.keys() == REFERENCE.keys()
    for stamp, outcome in accepted.items():
        shot, reference = outcome.shot, REFERENCE[stamp].shot
        np.testing.assert_array_equal(shot.line_integrals, reference.line_integrals)
        # The same pose may be interpolated from other neighbours: equal but for rounding.
        np.testing.assert_allclose(shot.view.reference_from_source.matrix(),
                                   reference.view.reference_from_source.matrix(), atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(delays=strategies.lists(strategies.integers(0, 900), min_size=6, max_size=6))
def test_late_images_are_accepted_on_a_live_clock(delays: list[int]) -> None:
    """Transforms arrive as they are measured, each image up to 0.9 s after its stamp."""
    events = [(sample.stamp_ns, 0, sample) for sample in samples(START_NS, START_NS + 3000 * MS)]
    events += [(stamp + delay * MS, 1, stamp) for stamp, delay in zip(STAMPS, delays)]
    gate = Acquisition(config())
    STATIC.send(gate)
    outcomes = []
    for now, kind, message in sorted(events, key=lambda event: event[:2]):
        if kind == 0:
            assert isinstance(message, Sample)
            message.send(gate)
        else:
            gate.add_camera_info(camera(message))
            gate.add_image(frame(message), now)
        outcomes += gate.poll(now)
    assert {outcome.verdict.code for outcome in outcomes} == {Code.ACCEPTED}
    assert len(outcomes) == 6
