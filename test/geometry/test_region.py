"""The automatic region: found where the rays meet, refused where they do not."""

import numpy as np
import pytest

from ixgs_ros.geometry.orbits import CArm, CArmAngles, random_stations, random_views
from ixgs_ros.geometry.region import automatic_region, field_radius, nearest_point, NoRegionError
from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.geometry.view import View

CARM = CArm()
POINT = np.array([0.3, -0.2, 0.9])


def views_at(point, n=6, **kwargs):
    return [CARM.view(CArmAngles(s.lao, s.cran, s.roll, point + s.isocentre))
            for s in random_stations(n, seed=2, **kwargs)]


def test_rays_that_meet_give_the_point_they_meet_in():
    assert nearest_point(views_at(POINT, isocentre_jitter=0.0)) == pytest.approx(POINT)


def test_two_views_suffice():
    views = [CARM.view(CArmAngles(lao, 0, 0, POINT)) for lao in (0.0, 0.2)]
    assert nearest_point(views) == pytest.approx(POINT)


def test_rays_that_miss_give_the_least_squares_point():
    views = views_at(POINT, isocentre_jitter=0.02)

    def cost(point):
        return sum(np.sum(np.cross(point - v.source, v.axis) ** 2) for v in views)

    point = nearest_point(views)
    for step in 0.001 * np.concatenate([np.eye(3), -np.eye(3)]):
        assert cost(point) < cost(point + step)


def test_principal_point_does_not_move_the_point_but_narrows_the_field():
    centred = CARM.view(CArmAngles(0.2, 0.1))
    shifted = CARM.view(CArmAngles(0.2, 0.1), principal_offset=np.array([0.016, 0.0]))
    assert shifted.axis == pytest.approx(centred.axis)
    assert field_radius(shifted, np.zeros(3)) < field_radius(centred, np.zeros(3))


def test_the_sphere_in_the_region_is_seen_whole_and_no_larger_one():
    views = views_at(POINT, n=8)
    region = automatic_region(views)
    assert region.center == pytest.approx(nearest_point(views))
    radius = region.size[0] / 2
    assert 0.08 < radius < 0.1
    normals = np.random.default_rng(0).normal(size=(20000, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)

    def all_seen(r):
        for view in views:
            (u, v), _ = view.project(region.center + r * normals)[0].T, None
            if not ((u > -0.5) & (u < view.width - 0.5) & (v > -0.5)
                    & (v < view.height - 0.5)).all():
                return False
        return True

    assert all_seen(radius)
    assert not all_seen(1.01 * radius)


def test_parallel_rays_are_refused():
    views = [CARM.view(CArmAngles(0.0, 0.0, roll, np.array([x, 0, 0])))
             for roll, x in ((0, 0), (0.1, 0.02), (0.2, 0.05))]
    with pytest.raises(NoRegionError, match='parallel'):
        automatic_region(views)


def test_a_point_behind_a_source_is_refused():
    inverted = [View(v.k, v.reference_from_source.inverse(), v.height, v.width)
                for v in random_views(4, seed=0)]
    with pytest.raises(NoRegionError, match='behind the source of view'):
        nearest_point(inverted)


def test_a_view_that_looks_elsewhere_is_named():
    stray = CARM.view(CArmAngles(0.5, 0.1, 0.0, POINT + np.array([0.0, 0.0, 0.5])))
    with pytest.raises(NoRegionError, match='view 6 does not see'):
        automatic_region([*views_at(POINT), stray])


def test_one_view_is_refused():
    with pytest.raises(NoRegionError, match='at least 2 views'):
        automatic_region(views_at(POINT, n=1))


def test_poses_in_millimetres_are_refused_and_not_a_region_of_a_hundred_metres():
    wrong = [View(v.k, RigidTransform(v.reference_from_source.rotation,
                                      1000 * v.reference_from_source.translation),
                  v.height, v.width) for v in views_at(POINT)]
    with pytest.raises(NoRegionError, match='expected at most 0.45 m: are the poses in metres'):
        automatic_region(wrong)
