"""The TF buffer against an independent oracle, and each of its errors."""

from __future__ import annotations

import numpy as np
import pytest
from pytransform3d.transform_manager import NumpyTimeseriesTransform, TemporalTransformManager
from scipy.spatial.transform import Rotation

from ixgs_ros.acquisition import (
    FutureLookup,
    NotConnected,
    PastLookup,
    TransformBuffer,
    TransformGap,
    UnknownFrame,
)
from ixgs_ros.geometry import RigidTransform

S = 1_000_000_000
IDENTITY = (0.0, 0.0, 0.0, 1.0)


def random_pose(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return rng.normal(size=3), Rotation.random(random_state=rng).as_quat()


EDGES = (('tracker', 'marker'), ('tracker', 'reference'), ('marker', 'source'))


def both(times: np.ndarray, poses: dict[str, list[tuple[np.ndarray, np.ndarray]]],
         ) -> tuple[TransformBuffer, TemporalTransformManager]:
    """Return our buffer and the oracle, filled with the same tree of edges."""
    buffer, oracle = TransformBuffer(), TemporalTransformManager()
    for parent, child in EDGES:
        rows = []
        for time, (translation, xyzw) in zip(times, poses[child], strict=True):
            buffer.insert(parent, child, round(time * S), translation, xyzw)
            rows.append([*translation, xyzw[3], *xyzw[:3]])
        oracle.add_transform(child, parent, NumpyTimeseriesTransform(times, np.array(rows)))
    return buffer, oracle


def test_rotations_agree_with_pytransform3d_however_far_apart() -> None:
    rng = np.random.default_rng(3)
    times = np.round(np.sort(rng.uniform(0, 2, 15)), 3)
    buffer, oracle = both(times, {child: [random_pose(rng) for _ in times] for _, child in EDGES})
    for time in np.round(rng.uniform(times[0], times[-1], 25), 6):
        expected = oracle.get_transform_at_time('source', 'reference', time)
        found = buffer.lookup('reference', 'source', round(time * S))
        np.testing.assert_allclose(found.rotation, expected[:3, :3], atol=1e-9)


def test_poses_agree_with_pytransform3d_at_a_trackers_rate() -> None:
    """The oracle moves along screws, tf2 along lines: at 50 Hz they differ by θ d / 8, 0.03 mm."""
    rng = np.random.default_rng(4)
    times = np.arange(50) * 0.02
    speeds = {child: rng.normal(size=6) for _, child in EDGES}
    poses = {child: [(0.2 * speed[:3] * time, Rotation.from_rotvec(speed[3:] * time).as_quat())
                     for time in times] for child, speed in speeds.items()}
    buffer, oracle = both(times, poses)
    for time in np.round(rng.uniform(0, 0.97, 25), 6):
        expected = oracle.get_transform_at_time('source', 'reference', time)
        found = buffer.lookup('reference', 'source', round(time * S)).matrix()
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_translation_is_linear_between_samples() -> None:
    buffer = TransformBuffer()
    buffer.insert('a', 'b', 0, (0, 2, -4), IDENTITY)
    buffer.insert('a', 'b', S, (1, 4, 4), Rotation.from_rotvec([1, 0, 0]).as_quat())
    np.testing.assert_allclose(buffer.lookup('a', 'b', S // 4).translation, [0.25, 2.5, -2])


def test_exact_samples_come_back_exactly() -> None:
    rng = np.random.default_rng(0)
    buffer = TransformBuffer()
    poses = [random_pose(rng) for _ in range(5)]
    for i, (translation, xyzw) in enumerate(poses):
        buffer.insert('a', 'b', i * S, translation, xyzw)
    for i, (translation, xyzw) in enumerate(poses):
        found = buffer.lookup('a', 'b', i * S)
        expected = RigidTransform.from_quaternion(xyzw, translation)
        np.testing.assert_allclose(found.matrix(), expected.matrix(), atol=1e-14)


def test_takes_the_short_way_round_whatever_the_sign_of_the_quaternion() -> None:
    buffer = TransformBuffer()
    end = Rotation.from_rotvec([0, 0, 0.2]).as_quat()
    buffer.insert('a', 'b', 0, (0, 0, 0), IDENTITY)
    buffer.insert('a', 'b', S, (0, 0, 0), -end)
    turned = Rotation.from_matrix(buffer.lookup('a', 'b', S // 2).rotation).as_rotvec()
    np.testing.assert_allclose(turned, [0, 0, 0.1], atol=1e-12)


def test_inverse_direction_is_the_inverse() -> None:
    rng = np.random.default_rng(1)
    buffer = TransformBuffer()
    buffer.insert('a', 'b', 0, *random_pose(rng))
    buffer.insert('a', 'c', 0, *random_pose(rng), static=True)
    there, back = buffer.lookup('b', 'c', 0), buffer.lookup('c', 'b', 0)
    np.testing.assert_allclose((there @ back).matrix(), np.eye(4), atol=1e-12)


def test_static_edges_hold_at_any_time() -> None:
    buffer = TransformBuffer()
    buffer.insert('a', 'b', 7 * S, (1, 2, 3), IDENTITY, static=True)
    for stamp in (0, 7 * S, 10**18):
        np.testing.assert_allclose(buffer.lookup('a', 'b', stamp).translation, [1, 2, 3])
    assert buffer.latest('a', 'b') is None


def test_never_extrapolates_and_tells_past_from_future() -> None:
    buffer = TransformBuffer()
    for second in (1, 2):
        buffer.insert('a', 'b', second * S, (second, 0, 0), IDENTITY)
    with pytest.raises(PastLookup, match='0.500 s older than the oldest of 2 samples'):
        buffer.lookup('a', 'b', S // 2)
    with pytest.raises(FutureLookup, match='newest sample is 0.001 s older') as caught:
        buffer.lookup('a', 'b', 2 * S + S // 1000)
    assert caught.value.age_ns == S // 1000


def test_unknown_and_unconnected_frames_are_told_apart() -> None:
    buffer = TransformBuffer()
    buffer.insert('a', 'b', 0, (0, 0, 0), IDENTITY)
    buffer.insert('x', 'y', 0, (0, 0, 0), IDENTITY)
    with pytest.raises(UnknownFrame, match="'q' is unknown; known frames: a, b, x, y"):
        buffer.lookup('a', 'q', 0)
    with pytest.raises(NotConnected, match="roots are 'a' and 'x'"):
        buffer.lookup('b', 'y', 0)


def test_gap_rule_names_the_gap() -> None:
    buffer = TransformBuffer()
    buffer.insert('a', 'b', 0, (0, 0, 0), IDENTITY)
    buffer.insert('a', 'b', 3 * S, (3, 0, 0), IDENTITY)
    assert buffer.lookup('a', 'b', S).translation[0] == pytest.approx(1.0)
    assert buffer.lookup('a', 'b', S, max_gap_ns=3 * S).translation[0] == pytest.approx(1.0)
    with pytest.raises(TransformGap, match='a → b: the samples around the stamp are 3.000 s '
                                           'apart, expected at most 0.100 s'):
        buffer.lookup('a', 'b', S, max_gap_ns=S // 10)
    assert buffer.lookup('a', 'b', 3 * S, max_gap_ns=S // 10).translation[0] == 3.0


def test_cache_forgets_and_refuses_what_is_older_than_ten_seconds() -> None:
    buffer = TransformBuffer()
    for second in range(30):
        buffer.insert('a', 'b', second * S, (second, 0, 0), IDENTITY)
    assert len(buffer.graph.edges['b'].stamps) <= 14
    buffer.insert('a', 'b', 5 * S, (0, 0, 0), IDENTITY)
    with pytest.raises(PastLookup):
        buffer.lookup('a', 'b', 5 * S)
    assert buffer.lookup('a', 'b', 25 * S).translation[0] == 25.0


def test_samples_out_of_order_give_the_same_pose() -> None:
    rng = np.random.default_rng(2)
    poses = {i: random_pose(rng) for i in range(20)}
    forward, shuffled = TransformBuffer(), TransformBuffer()
    for i, pose in poses.items():
        forward.insert('a', 'b', i * S // 10, *pose)
    for i in rng.permutation(20):
        shuffled.insert('a', 'b', int(i) * S // 10, *poses[int(i)])
    for stamp in rng.integers(0, 19 * S // 10, 20):
        assert (forward.lookup('a', 'b', int(stamp)).matrix()
                == shuffled.lookup('a', 'b', int(stamp)).matrix()).all()


def test_clear_forgets_samples_but_not_static_edges() -> None:
    buffer = TransformBuffer()
    buffer.insert('a', 'b', 0, (0, 0, 0), IDENTITY)
    buffer.insert('b', 'c', 0, (0, 0, 1), IDENTITY, static=True)
    buffer.clear()
    assert buffer.lookup('b', 'c', 5).translation[2] == 1.0
    with pytest.raises(UnknownFrame):
        buffer.lookup('a', 'b', 0)


@pytest.mark.parametrize(('translation', 'quaternion', 'message'), [
    ((np.nan, 0, 0), IDENTITY, 'expected finite values'),
    ((0, 0, 0), (0, 0, 0, 0), 'norm 1'),
    ((0, 0, 0), (0, 0, 0, 1.5), 'of norm 1.5'),
])
def test_refuses_what_is_no_pose(translation: tuple, quaternion: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TransformBuffer().insert('a', 'b', 0, translation, quaternion)


def test_refuses_loops_and_empty_names() -> None:
    buffer = TransformBuffer()
    buffer.insert('a', 'b', 0, (0, 0, 0), IDENTITY)
    buffer.insert('b', 'c', 0, (0, 0, 0), IDENTITY)
    with pytest.raises(ValueError, match='closes a loop'):
        buffer.insert('c', 'a', 0, (0, 0, 0), IDENTITY)
    with pytest.raises(ValueError, match='closes a loop'):
        buffer.insert('a', 'a', 0, (0, 0, 0), IDENTITY)
    with pytest.raises(ValueError, match='two frame names'):
        buffer.insert('', 'd', 0, (0, 0, 0), IDENTITY)


def test_another_parent_starts_the_edge_anew() -> None:
    buffer = TransformBuffer()
    buffer.insert('a', 'b', 0, (1, 0, 0), IDENTITY)
    buffer.insert('c', 'b', S, (2, 0, 0), IDENTITY)
    assert buffer.lookup('c', 'b', S).translation[0] == 2.0
    with pytest.raises(PastLookup):
        buffer.lookup('c', 'b', 0)


def test_latest_is_the_oldest_of_the_newest() -> None:
    buffer = TransformBuffer()
    buffer.insert('a', 'b', 4 * S, (0, 0, 0), IDENTITY)
    buffer.insert('b', 'c', 3 * S, (0, 0, 0), IDENTITY)
    assert buffer.latest('a', 'c') == 3 * S
