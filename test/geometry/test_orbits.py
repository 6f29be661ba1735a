"""C-arm angles against anatomy: LPS, x to the left, y posterior, z superior."""

import numpy as np
import pytest

from ixgs_ros.geometry.orbits import (
    CArm,
    CArmAngles,
    circular_orbit,
    POSTEROANTERIOR,
    random_stations,
    random_views,
)
from ixgs_ros.geometry.rigid import RigidTransform

CARM = CArm()


def detector(angles):
    """Return the direction from the isocentre to the detector."""
    return CARM.view(angles).axis


def test_at_zero_the_source_is_under_the_table():
    view = CARM.view(CArmAngles())
    assert view.source == pytest.approx([0, 0.64, 0])
    assert view.axis == pytest.approx([0, -1, 0])


def test_detector_goes_left_for_lao_and_to_the_head_for_cran():
    assert detector(CArmAngles(lao=np.pi / 2)) == pytest.approx([1, 0, 0])
    assert detector(CArmAngles(lao=-np.pi / 2)) == pytest.approx([-1, 0, 0])
    assert detector(CArmAngles(cran=np.pi / 6))[2] == pytest.approx(0.5)
    assert detector(CArmAngles(cran=-np.pi / 6))[2] == pytest.approx(-0.5)


def test_both_angles_together_follow_dicom():
    # PS3.3 C.8.7.5: primary about the patient's long axis, secondary towards the head.
    a, b = 0.7, -0.4
    expected = [np.sin(a) * np.cos(b), -np.cos(a) * np.cos(b), np.sin(b)]
    assert detector(CArmAngles(lao=a, cran=b)) == pytest.approx(expected)


def test_image_is_seen_from_the_source_with_the_head_up():
    view = CARM.view(CArmAngles())
    center = np.array([127.5, 127.5])
    head, left = view.project(np.array([0, 0, 0.05]))[0], view.project(np.array([0.05, 0, 0]))[0]
    assert head[1] < center[1] and head[0] == pytest.approx(center[0])
    assert left[0] < center[0] and left[1] == pytest.approx(center[1])


def test_roll_turns_the_image_from_x_towards_y_axes():
    plain, rolled = (CARM.view(CArmAngles(0.3, 0.2, roll)) for roll in (0.0, 0.1))
    local = plain.source_from_reference @ rolled.reference_from_source
    assert local.rotation[:, 0] == pytest.approx([np.cos(0.1), np.sin(0.1), 0])
    assert rolled.source == pytest.approx(plain.source)


def test_the_distance_and_the_focal_length_are_the_carm_s():
    carm = CArm(sod=0.5, sdd=1.2, pixel_pitch=0.0004, height=64, width=128)
    view = carm.view(CArmAngles(1.0, 0.2, 0.3, np.array([0.1, 0.2, 0.3])))
    assert np.linalg.norm(view.source - [0.1, 0.2, 0.3]) == pytest.approx(0.5)
    assert view.k[0, 0] == view.k[1, 1] == pytest.approx(3000)
    assert view.k[:2, 2] == pytest.approx([63.5, 31.5])


def test_every_view_is_a_proper_rotation():
    for view in random_views(50, seed=0):
        assert np.linalg.det(view.reference_from_source.rotation) == pytest.approx(1.0)


def test_a_mirrored_detector_is_no_view():
    # RTK's u x v points to the source: with z to the detector that has determinant -1.
    mirrored = POSTEROANTERIOR * np.array([-1.0, 1.0, 1.0])
    with pytest.raises(ValueError, match=r'det = -1\.0'):
        RigidTransform(mirrored, np.zeros(3))


def test_random_stations_keep_their_bounds_and_their_beginning():
    many = random_stations(200, seed=4)
    assert max(abs(s.lao) for s in many) <= np.deg2rad(60)
    assert max(abs(s.cran) for s in many) <= np.deg2rad(60)
    assert max(abs(s.roll) for s in many) <= np.deg2rad(10)
    assert max(np.abs(s.isocentre).max() for s in many) <= 0.005
    assert np.std([s.lao for s in many]) == pytest.approx(np.deg2rad(60) / np.sqrt(3), rel=0.1)
    few = random_stations(3, seed=4)
    assert [s.lao for s in few] == [s.lao for s in many[:3]]
    assert random_stations(1, seed=5)[0].lao != few[0].lao


def test_circular_orbit_spans_its_arc_evenly():
    laos = [station.lao for station in circular_orbit(5, start=-1.0, stop=1.0)]
    assert laos == pytest.approx([-1.0, -0.5, 0.0, 0.5, 1.0])


def test_blend_ends_at_its_ends():
    a, b = random_stations(2, seed=0)
    assert a.blend(b, 0.0).rotation() == pytest.approx(a.rotation())
    assert a.blend(b, 1.0).isocentre == pytest.approx(b.isocentre)


@pytest.mark.parametrize('make', [lambda: CArm(sod=1.1, sdd=1.0), lambda: CArm(pixel_pitch=0.0),
                                  lambda: CArmAngles(isocentre=np.array([np.nan, 0, 0])),
                                  lambda: random_stations(0, seed=0)])
def test_impossible_carms_are_refused(make):
    with pytest.raises(ValueError, match='expected'):
        make()
