"""Geometry of DICOM images: where a ball is seen says whether K, pose and flips fit together."""

from __future__ import annotations

import numpy as np
import pytest
from xray_dicom import COLUMNS, counts, dataset, GEOMETRY, ROWS, with_raw, write

from ixgs_ros.acquisition.dicom_file import DicomError
from ixgs_ros.acquisition.dicom_geometry import geometry_of
from ixgs_ros.acquisition.dicom_shot import read_shots
from ixgs_ros.geometry.orbits import CArm, CArmAngles

ARM = CArm(sod=0.64, sdd=1.02, pixel_pitch=0.0024, height=ROWS, width=COLUMNS)
BALL = np.array([0.02, 0.01, 0.03])   # LPS: left, back, head


def shadow(lao: float, cran: float) -> np.ndarray:
    """Return the ball's line integrals (ROWS, COLUMNS), seen from the source."""
    view = ARM.view(CArmAngles(lao=np.deg2rad(lao), cran=np.deg2rad(cran)))
    (u, v), _ = view.project(BALL)
    rows, columns = np.mgrid[:ROWS, :COLUMNS]
    return 2.0 * np.exp(-((columns - u) ** 2 + (rows - v) ** 2) / 20)


def read(tmp_path, pixels, **attributes):
    data = dataset(pixels, PixelIntensityRelationship='LIN', **{**GEOMETRY, **attributes})
    return list(read_shots(write(tmp_path / 'a.dcm', data)))


def seen_at(frame):
    """Return where the ball's middle is seen and where the view projects it, both (u, v)."""
    y = np.maximum(frame.shot.line_integrals - 0.2, 0)
    rows, columns = np.mgrid[:ROWS, :COLUMNS]
    seen = np.array([(y * columns).sum(), (y * rows).sum()]) / y.sum()
    return seen, frame.geometry.view.project(BALL)[0]


@pytest.mark.parametrize('orientation', [None, '', ['L', 'F'], ['R', 'F'], ['L', 'H']])
def test_the_ball_is_where_the_view_says(tmp_path, orientation):
    image = shadow(30, -20)
    letters = orientation or ['L', 'F']
    stored = image[:, ::-1] if letters[0] == 'L' else image
    stored = stored[::-1] if letters[1] == 'H' else stored
    more = {} if orientation is None else {'PatientOrientation': orientation}
    frame = read(tmp_path, counts(12, stored), **more)[0]
    seen, projected = seen_at(frame)
    np.testing.assert_allclose(seen, projected, atol=0.5)
    assert np.abs(seen - [(COLUMNS - 1) / 2, (ROWS - 1) / 2]).min() > 3   # off both axes
    assert frame.geometry.lacking == '' and frame.shot.view is frame.geometry.view


def test_each_frame_of_a_moving_gantry_has_its_pose(tmp_path):
    angles = (0.0, 20.0, 45.0)
    cine = np.stack([counts(12, shadow(lao, -20)[:, ::-1]) for lao in angles])
    found = read(tmp_path, cine, PositionerPrimaryAngle=0,
                 PositionerPrimaryAngleIncrement=list(angles))
    assert [frame.number for frame in found] == [1, 2, 3] and found[0].count == 3
    for frame in found:
        np.testing.assert_allclose(*seen_at(frame), atol=0.5)


def test_a_lateral_image(tmp_path):
    """The detector on the patient's left: the reader sees the front of the patient to the left."""
    image = shadow(90, 0)
    frame = read(tmp_path, counts(12, image), PositionerPrimaryAngle=90,
                 PositionerSecondaryAngle=0, PatientOrientation=['A', 'F'])[0]
    flipped = frame.geometry.turn.columns
    stored = image[:, ::-1] if flipped else image
    frame = read(tmp_path, counts(12, stored), PositionerPrimaryAngle=90,
                 PositionerSecondaryAngle=0, PatientOrientation=['A', 'F'])[0]
    np.testing.assert_allclose(*seen_at(frame), atol=0.5)
    # Against anatomy: the ball lies behind the isocentre, so away from 'A' along the columns.
    seen = seen_at(frame)[0][0] - (COLUMNS - 1) / 2
    assert (seen > 0) == flipped


@pytest.mark.parametrize('change, k, lacking', [
    ({'DistanceSourceToDetector': None}, False, 'no DistanceSourceToDetector'),
    ({'DistanceSourceToDetector': 0}, False, 'a positive DistanceSourceToDetector, got 0 mm'),
    ({'ImagerPixelSpacing': None}, False, 'no ImagerPixelSpacing and no PixelSpacing'),
    ({'PositionerPrimaryAngle': None}, True, 'no PositionerPrimaryAngle'),
    ({'PositionerPrimaryAngle': 700}, True, 'within 360°, got 700°'),
    ({'DistanceSourceToPatient': None}, True, 'no DistanceSourceToPatient'),
    ({'DistanceSourceToPatient': 1100}, True, 'got 1100 and 1020 mm'),
    ({'PatientOrientation': ['F', 'L']}, True, 'PatientOrientation F/L does not fit')])
def test_what_is_not_told_is_not_guessed(tmp_path, change, k, lacking):
    frame = read(tmp_path, counts(), **change)[0]
    assert frame.geometry.view is None and lacking in frame.geometry.lacking
    assert (frame.geometry.k is not None) == k
    if k:
        np.testing.assert_array_equal(frame.shot.view.k, frame.geometry.k)
    assert frame.shot is not None and frame.refusal is None   # still an image


@pytest.mark.parametrize('name, value, words', [
    ('ImagerPixelSpacing', b'2,4\\2,4', 'ImagerPixelSpacing'),
    ('ImagerPixelSpacing', b'2.4', 'expected two values of ImagerPixelSpacing, got 1'),
    ('DistanceSourceToDetector', b'1000\\1000', 'expected one number as DistanceSourceToDetector'),
    ('PositionerPrimaryAngle', b'lao', 'PositionerPrimaryAngle'),
    ('PositionerPrimaryAngleIncrement', b'a\\b', 'PositionerPrimaryAngleIncrement')])
def test_geometry_that_is_no_number_is_lacking_and_the_image_stays(tmp_path, name, value, words):
    data = with_raw(dataset(counts(), **GEOMETRY), name, 'DS', value)
    frame = next(read_shots(write(tmp_path / 'a.dcm', data)))
    assert frame.geometry.view is None and words in frame.geometry.lacking
    assert frame.shot is not None and frame.refusal is None


@pytest.mark.parametrize('name, vr, value', [
    ('NumberOfFrames', 'IS', b'many'), ('NumberOfFrames', 'IS', b'1\\1'),
    ('NumberOfFrames', 'IS', b'-1'), ('BitsStored', 'US', b'\x0c\0\x0c\0'),
    ('RescaleSlope', 'DS', b'q')])
def test_a_file_whose_image_cannot_be_told_is_unusable(tmp_path, name, vr, value):
    data = dataset(counts(), **GEOMETRY, RescaleIntercept=0)
    path = write(tmp_path / 'a.dcm', with_raw(data, name, vr, value))
    with pytest.raises(DicomError, match='a.dcm: '):
        list(read_shots(path))


def test_a_calibrated_spacing_is_that_of_the_patient():
    data = dataset(counts(), **{**GEOMETRY, 'ImagerPixelSpacing': None,
                                'PixelSpacing': [2.4 * 640 / 1020] * 2,
                                'PixelSpacingCalibrationType': 'GEOMETRY'})
    assert geometry_of(data).k[0, 0] == pytest.approx(1020 / 2.4)
    data.PixelSpacing = [2.4, 2.4]
    del data.PixelSpacingCalibrationType
    assert geometry_of(data).k[0, 0] == pytest.approx(1020 / 2.4)


def test_pixels_need_not_be_square():
    k = geometry_of(dataset(counts(), **{**GEOMETRY, 'ImagerPixelSpacing': [2.0, 3.0]})).k
    assert k[0, 0] == pytest.approx(1020 / 3.0) and k[1, 1] == pytest.approx(1020 / 2.0)
    assert k[0, 2] == (COLUMNS - 1) / 2 and k[1, 2] == (ROWS - 1) / 2


def test_a_black_frame_is_refused_and_the_next_is_not(tmp_path):
    cine = np.stack([np.zeros_like(counts()), counts()])
    black, good = read(tmp_path, cine)
    assert black.shot is None and black.refusal.code.value == 'NO_SIGNAL'
    assert good.shot is not None


def test_frames_of_an_absurd_shape_are_refused_by_their_size(tmp_path):
    for strip in read(tmp_path, counts()[:1].repeat(2, axis=0)[:, None]):
        assert strip.shot is None and strip.refusal.code.value == 'SIZE_MISMATCH'
        assert strip.refusal.message == ('the image has 1 rows by 128 columns; expected at least '
                                         '32 of each')
