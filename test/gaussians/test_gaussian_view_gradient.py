"""Derivatives by a view's pose and K mean what they say: differences of the rendered loss."""

from gaussian_scenes import random_model, random_view
import numpy as np
import pytest

from ixgs_ros.gaussians.cpu import CpuSplatter
from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.geometry.view import View

PIVOT = np.array([0.0, 0.0, 0.65])
SPLATTER = CpuSplatter(6.0)
MODEL = random_model(3, 60, 0.03, 3e-3, 6e-3)
VIEW = random_view(3)
WEIGHTS = (np.random.default_rng(3).uniform(0, 1, (48, 56)) * np.linspace(-1, 1, 56)
           ).astype(np.float32)


def slope(view_at, step):
    """Return d loss / d x at 0 of the loss Σ weights · image of the view ``view_at(x)``."""
    up, down = (float(np.vdot(WEIGHTS.astype(float),
                              SPLATTER.render(SPLATTER.project(MODEL, view_at(x)))))
                for x in (step, -step))
    return (up - down) / (2 * step)


def moved(motion):
    """Return the view with the body moved in the source frame."""
    return View(VIEW.k, (motion @ VIEW.source_from_reference).inverse(), 48, 56)


def gradient():
    return SPLATTER.view_gradient(SPLATTER.project(MODEL, VIEW), WEIGHTS)


@pytest.mark.parametrize('axis', range(3))
def test_pose_is_a_motion_of_the_body_in_the_source_frame(axis):
    """A rotation about the source or about another pivot, and a translation."""
    def move(x):
        return x * np.eye(3)[axis]

    def about(pivot):
        def view_at(x):
            turn = RigidTransform.from_rotation_vector(move(x), np.zeros(3)).rotation
            return moved(RigidTransform(turn, pivot - turn @ pivot))
        return view_at

    pose, turned = gradient().pose, gradient().pose_about(PIVOT)
    np.testing.assert_array_equal(turned[3:], pose[3:])
    for found, view_at, step, scale in (
            (pose[axis], about(np.zeros(3)), 1e-4, np.abs(pose[:3]).max()),
            (turned[axis], about(PIVOT), 2e-4, np.abs(turned[:3]).max()),
            (pose[3 + axis], lambda x: moved(RigidTransform(translation=move(x))), 1e-4,
             np.abs(pose[3:]).max())):
        assert slope(view_at, step) == pytest.approx(found, rel=5e-3, abs=5e-3 * scale)


@pytest.mark.parametrize(('number', 'at', 'step'), [(0, (0, 0), 0.2), (1, (1, 1), 0.2),
                                                    (2, (0, 2), 0.02), (3, (1, 2), 0.02)])
def test_intrinsics_are_fx_fy_cx_cy_in_pixels(number, at, step):
    def view_at(x):
        k = VIEW.k.copy()
        k[at] += x
        return View(k, VIEW.reference_from_source, 48, 56)

    found = gradient().intrinsics
    pair = np.abs(found[:2] if number < 2 else found[2:]).max()
    assert slope(view_at, step) == pytest.approx(found[number], rel=3e-3, abs=3e-3 * pair)


def test_what_is_not_seen_has_no_part():
    """Gaussians behind the source or beside the image change nothing, and leave numbers."""
    model = random_model(1, 10)
    model.means[:5] = VIEW.source - 0.1 * VIEW.axis
    model.means[5:] = VIEW.source + 0.6 * VIEW.axis + 0.4 * VIEW.reference_from_source.rotation[0]
    footprints = SPLATTER.project(model, VIEW)
    found = SPLATTER.view_gradient(footprints, WEIGHTS)
    assert not footprints.seen.any()
    assert (found.pose == 0).all() and (found.intrinsics == 0).all()
