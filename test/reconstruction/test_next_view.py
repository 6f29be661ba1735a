"""Angular coverage, and the view that would add most to it."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from ixgs_ros.geometry.orbits import CArm, CArmAngles, circular_orbit, random_views
from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.geometry.view import View
from ixgs_ros.reconstruction.next_view import coverage, half_sphere, next_view, NextViewConfig
from ixgs_ros.volume.grid import Region

CARM = CArm()
REGION = Region(np.zeros(3), np.full(3, 0.16))
CONFIG = NextViewConfig(lao=np.deg2rad(60), cran=np.deg2rad(40))


def angle(a, b):
    """Between the lines of two views' axes, radians."""
    return np.arccos(min(1.0, abs(float(a.axis @ b.axis))))


def test_coverage_grows_from_nothing_with_each_view_and_never_reaches_one():
    views = random_views(24, 0)
    found = [coverage(views[:n], REGION) for n in (0, 1, 2, 6, 12, 24)]
    assert found[0] == 0
    assert (np.diff(found) > 0.02).all()
    assert found[-1] < 1


def test_the_same_view_again_adds_far_less_than_another_one():
    view, other = (CARM.view(CArmAngles(lao=lao)) for lao in (0.0, 1.0))
    once, twice, both = (coverage(views, REGION)
                         for views in ([view], [view, view], [view, other]))
    assert twice - once < 0.3 * (both - once)


def test_a_full_orbit_covers_more_than_as_many_views_in_a_narrow_fan():
    fan, orbit = (coverage([CARM.view(a) for a in circular_orbit(12, start=-w, stop=w)], REGION)
                  for w in (0.2, 1.5))
    assert orbit > 1.5 * fan


def test_views_beside_the_region_cover_nothing():
    beside = CARM.view(CArmAngles(isocentre=np.array([0.5, 0.0, 0.0])))
    assert coverage([beside], REGION) == 0
    assert next_view([beside], REGION, CONFIG).gain > 0


def test_coverage_does_not_depend_on_the_frame_nor_on_the_scale_of_the_detector():
    turn = RigidTransform(Rotation.random(random_state=1).as_matrix(), np.array([0.1, -0.2, 0.3]))
    views = random_views(6, 1)
    turned = [View(v.k, turn @ v.reference_from_source, v.height, v.width) for v in views]
    moved = Region(turn.apply(REGION.center), REGION.size)
    assert coverage(turned, moved) == pytest.approx(coverage(views, REGION), abs=0.01)
    binned = [view.binned(4) for view in views]
    assert coverage(binned, REGION) == pytest.approx(coverage(views, REGION), abs=1e-6)


def test_the_gain_is_what_the_proposed_view_adds():
    views = random_views(3, 2)
    found = next_view(views, REGION, CONFIG)
    assert found.coverage == pytest.approx(coverage(views, REGION), abs=1e-6)
    assert coverage([*views, found.view], REGION) - found.coverage == pytest.approx(found.gain,
                                                                                  abs=1e-6)


def test_no_random_view_within_the_limits_adds_much_more():
    views = random_views(4, 3)
    best = next_view(views, REGION, CONFIG)
    rng = np.random.default_rng(0)
    for _ in range(30):
        lao, cran = rng.uniform(-1, 1, 2) * [CONFIG.lao, CONFIG.cran]
        other = coverage([*views, CARM.view(CArmAngles(lao, cran))], REGION) - best.coverage
        assert other < 1.05 * best.gain


def test_after_a_frontal_view_the_proposal_is_far_from_it():
    frontal = CARM.view(CArmAngles())
    assert angle(next_view([frontal], REGION, CONFIG).view, frontal) > np.deg2rad(45)


def test_views_that_all_lie_on_one_side_call_for_the_other():
    views = [CARM.view(CArmAngles(lao=lao)) for lao in np.deg2rad([10, 20, 30, 40, 50, 60])]
    assert next_view(views, REGION, CONFIG).angles.lao <= 0


def test_proposals_stay_within_the_limits_and_look_at_the_region_from_the_rigs_distance():
    region = Region(np.array([0.02, -0.01, 0.03]), np.full(3, 0.12))
    for seed in range(5):
        views = random_views(3, seed)
        found = next_view(views, region, CONFIG)
        assert abs(found.angles.lao) <= CONFIG.lao and abs(found.angles.cran) <= CONFIG.cran
        sods = [np.linalg.norm(view.source - region.center) for view in views]
        assert np.linalg.norm(found.view.source - region.center) == pytest.approx(np.median(sods))
        pixel, _ = found.view.project(region.center)
        assert pixel == pytest.approx(found.view.k[:2, 2], abs=1e-6)
        assert found.view.k == pytest.approx(views[-1].k)


def test_the_limits_are_those_of_lps_also_in_a_turned_reference():
    """The same shots reported in another frame: the same place in the room is proposed."""
    lps_from_reference = RigidTransform(Rotation.from_rotvec([0.3, -0.5, 0.8]).as_matrix(),
                                        np.array([0.05, 0.1, -0.2]))
    inverse = lps_from_reference.inverse()
    views = random_views(3, 4)
    reported = [View(v.k, inverse @ v.reference_from_source, v.height, v.width) for v in views]
    region = Region(inverse.apply(REGION.center), REGION.size)
    found = next_view(reported, region, CONFIG, lps_from_reference)
    assert abs(found.angles.lao) <= CONFIG.lao and abs(found.angles.cran) <= CONFIG.cran
    in_lps = lps_from_reference @ found.view.reference_from_source
    expected = found.angles.reference_from_source(
        np.median([np.linalg.norm(view.source) for view in views]))
    assert in_lps.matrix() == pytest.approx(expected.matrix(), abs=1e-9)
    # The box is not turned with the frame, so the points differ a little.
    there = coverage([*views, View(views[0].k, in_lps, CARM.height, CARM.width)], REGION)
    assert there == pytest.approx(found.coverage + found.gain, abs=0.02)


def test_no_limits_no_proposal_and_no_views_an_error():
    assert next_view(random_views(2, 0), REGION, NextViewConfig(lao=0.0)) is None
    with pytest.raises(ValueError, match='at least one view'):
        next_view([], REGION, CONFIG)


def test_directions_share_the_half_sphere_evenly():
    directions = half_sphere(800)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1, rtol=1e-5)
    # The mean of n nᵀ over a half sphere is a third of the identity.
    np.testing.assert_allclose(directions.T @ directions / 800, np.eye(3) / 3, atol=0.01)
