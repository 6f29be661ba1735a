"""Intrinsics of the image that was stored: window, binning, distortion; and each refusal."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ixgs_ros.acquisition import CameraModel, RegionOfInterest
from ixgs_ros.acquisition.camera import undistort
from ixgs_ros.geometry import RigidTransform, View
from ixgs_ros.verdict import Code, Refusal

K = np.array([800.0, 0, 310.0, 0, 820.0, 250.0, 0, 0, 1])
POINT = np.array([0.05, -0.03, 0.9])


def model(**changes: object) -> CameraModel:
    values: dict = {'stamp_ns': 0, 'frame_id': 'source', 'height': 480, 'width': 640, 'k': K}
    return CameraModel(**{**values, **changes})


def pixel(k: np.ndarray) -> np.ndarray:
    return View(k, RigidTransform(), 10, 10).project(POINT)[0]


def test_plain_camera_keeps_k() -> None:
    np.testing.assert_array_equal(model().intrinsics(), K.reshape(3, 3))
    assert model().image_size() == (480, 640)
    assert not model().distorted


def test_window_and_binning_move_the_pixel_where_its_block_is() -> None:
    """A point at the middle of a block of full pixels is at the centre of the binned pixel."""
    roi = RegionOfInterest(x_offset=100, y_offset=40, height=400, width=480)
    binned = model(binning_x=4, binning_y=2, roi=roi)
    full, small = pixel(model().intrinsics()), pixel(binned.intrinsics())
    # The binned pixel j covers the full pixels offset + 4 j … + 4 j + 3, whose middle is + 1.5.
    np.testing.assert_allclose(100 + 4 * small[0] + 1.5, full[0])
    np.testing.assert_allclose(40 + 2 * small[1] + 0.5, full[1])
    assert binned.image_size() == (200, 120)


def test_binning_agrees_with_the_view() -> None:
    view = View(K.reshape(3, 3), RigidTransform(), 480, 640).binned(2)
    np.testing.assert_allclose(model(binning_x=2, binning_y=2).intrinsics(), view.k)


@pytest.mark.parametrize(('k', 'sentence'), [
    (np.zeros(9), r'K\[0\] is 0'),
    (np.array([np.nan, *K[1:]]), 'expected finite'),
    (np.array([-800.0, *K[1:]]), 'positive focal lengths'),
    (np.array([800.0, 5, *K[2:]]), 'expected finite fx, 0, cx'),
    (np.array([*K[:8], 0]), '0, 0, 1'),
    (K[:6], '6 values; expected 9'),
])
def test_k_that_is_none_is_refused(k: np.ndarray, sentence: str) -> None:
    with pytest.raises(Refusal, match=sentence) as caught:
        model(k=k).intrinsics()
    assert caught.value.verdict.code is Code.UNCALIBRATED


def test_image_of_another_size_is_refused_with_both() -> None:
    model().check_image(480, 640)
    with pytest.raises(Refusal, match='240 rows by 640 columns; expected 480 by 640') as caught:
        model().check_image(240, 640)
    assert caught.value.verdict.code is Code.SIZE_MISMATCH


@pytest.mark.parametrize(('changes', 'sentence'), [
    ({'d': np.array([0.1, 0, 0, 0]), 'distortion_model': 'barrel'}, "'barrel'; expected one of"),
    ({'d': np.array([0.1, 0, 0]), 'distortion_model': 'plumb_bob'}, 'expected 4 or 5 finite'),
    ({'d': np.array([np.nan, 0, 0, 0]), 'distortion_model': 'plumb_bob'}, 'finite coefficients'),
])
def test_distortion_that_cannot_be_undone_is_refused(changes: dict, sentence: str) -> None:
    with pytest.raises(Refusal, match=sentence) as caught:
        model(**changes).check_distortion()
    assert caught.value.verdict.code is Code.UNCALIBRATED


@pytest.mark.parametrize(('name', 'd'), [
    ('plumb_bob', np.array([-0.35, 0.1, 0.002, -0.003, 0.0])),
    ('rational_polynomial', np.array([-0.3, 0.05, 0.001, 0.0, 0.0, 0.05, 0.0, 0.0])),
    ('equidistant', np.array([0.05, 0.0, 0.0, 0.0])),
])
def test_undistorted_ball_lands_where_the_pinhole_says(name: str, d: np.ndarray) -> None:
    """A Gaussian blob is drawn where OpenCV's projection with D puts the point."""
    camera = model(d=d, distortion_model=name)
    camera.check_distortion()
    point = np.array([[[0.2, 0.15, 1.0]]])
    k = camera.intrinsics()
    project = cv2.fisheye.projectPoints if name == 'equidistant' else cv2.projectPoints
    u, v = project(point, np.zeros(3), np.zeros(3), k, d)[0].ravel()
    rows, columns = np.mgrid[:480, :640]
    blob = np.exp(-((columns - u) ** 2 + (rows - v) ** 2) / 18).astype(np.float32)
    image, weights = undistort(blob, np.ones_like(blob), k, camera)
    seen = np.array([(image * columns).sum(), (image * rows).sum()]) / image.sum()
    straight = np.array([800 * 0.2 + 310, 820 * 0.15 + 250])
    assert np.linalg.norm([u, v] - straight) > 1.5  # else this shows nothing
    np.testing.assert_allclose(seen, straight, atol=0.15)
    assert weights[240, 320] == 1


def test_undistorted_image_masks_what_it_does_not_know() -> None:
    camera = model(d=np.array([0.3, 0, 0, 0, 0]), distortion_model='plumb_bob')
    weights = np.ones((480, 640), dtype=np.float32)
    weights[250, 310] = 0
    values, known = undistort(np.zeros((480, 640), dtype=np.float32), weights,
                              camera.intrinsics(), camera)
    assert np.isfinite(values).all()
    assert known[0, 0] == 0            # pincushion: the corner comes from outside the image
    assert known[250, 310] == 0        # at the principal point nothing moves
    assert known[230, 310] == 1
