"""Figures of merit: what is fitted, what is not, and against known errors."""

import numpy as np
import pytest

from ixgs_ros.evaluation.figures_of_merit import (
    best_threshold,
    BONE_PER_M,
    fitted,
    gap_left,
    held_out_figures,
    volume_figures,
)
from ixgs_ros.evaluation.patient import GRID, INSIDE, RADIUS, shadow
from ixgs_ros.gaussians.cpu import CpuSplatter
from ixgs_ros.gaussians.model import GaussianModel
from ixgs_ros.geometry.orbits import CArm, random_views
from ixgs_ros.volume.surface_distance import dice

POINTS = GRID.points()
VIEWS = random_views(2, 3, CArm(pixel_pitch=0.0048, height=64, width=64))


def rod(radius=0.02, x=0.0):
    """A rod of bone along z, 30/m."""
    distance = np.hypot(POINTS[..., 0] - x, POINTS[..., 1])
    return (30.0 * np.clip((radius - distance) / 0.002 + 0.5, 0, 1)).astype(np.float32)


def test_scale_and_offset_of_an_arm_do_not_count():
    truth = rod()
    found = volume_figures(7.0 + 0.4 * truth, truth)
    assert found.psnr_db > 100 and found.ssim > 0.9999
    assert found.dice > 0.98 and found.surface_mm < 0.2
    assert 7.0 < found.threshold < 7.0 + 0.4 * 30.0


def test_a_shifted_rod_is_as_far_off_as_it_was_shifted():
    # On a rod shifted by d along x the surface lies |d cos t| away, 2 d / π on average.
    found = volume_figures(rod(x=0.005), rod())
    assert found.surface_mm == pytest.approx(2 / np.pi * 5.0, rel=0.15)
    assert found.surface95_mm == pytest.approx(5.0, rel=0.1)
    assert found.dice == pytest.approx(0.84, abs=0.02)  # 1 - 2 d / (π r), to first order


def test_bone_invented_and_lost_are_shares_of_what_is_none_and_what_is():
    """Of a rod that lacks its half z > 0 half is lost; one half as thick again invents its rim."""
    truth = rod()
    half = np.where(POINTS[..., 2] > 0, 0, truth)
    found = volume_figures(half, truth)
    assert found.lost_3d == pytest.approx(0.5, abs=0.03) and found.invented_3d < 0.001
    thick = volume_figures(rod(0.03), truth)
    # The threshold cuts its soft edge off, 1 mm.
    none = (truth <= BONE_PER_M)[INSIDE].sum()
    rim = (np.hypot(POINTS[..., 0], POINTS[..., 1]) < 0.029)[INSIDE].sum() \
        - (truth > BONE_PER_M)[INSIDE].sum()
    assert thick.invented_3d == pytest.approx(rim / none, rel=0.05)
    assert thick.lost_3d < 0.001


def test_what_lies_beyond_the_sphere_does_not_count():
    truth = rod()
    spoilt = np.where(np.linalg.norm(POINTS, axis=-1) > RADIUS + 0.006, 50.0, truth)
    clean, same = volume_figures(truth, truth), volume_figures(spoilt, truth)
    assert (same.psnr_db, same.dice) == (clean.psnr_db, clean.dice)
    worse = np.where(np.linalg.norm(POINTS, axis=-1) < 0.5 * RADIUS, 15.0, truth)
    assert volume_figures(worse, truth).psnr_db < 25


def test_the_fit_is_that_of_least_squares_and_nothing_is_negative():
    rng = np.random.default_rng(0)
    truth, noise = rng.uniform(0, 3, 500), rng.normal(0, 1, 500)
    values = 2.0 * truth + noise - 5.0
    found = fitted(values, truth, np.ones(500, bool))
    expected = np.polyval(np.polyfit(values, truth, 1), values)
    assert found == pytest.approx(np.maximum(expected, 0)) and found.min() == 0.0
    assert fitted(np.full(500, 3.0), truth, np.ones(500, bool)) == pytest.approx(truth.mean())


def test_the_best_threshold_parts_bone_from_the_rest():
    bone = rod() > BONE_PER_M
    threshold, found = best_threshold(np.where(bone, 24.0, 18.0)[INSIDE], bone[INSIDE])
    assert found == 1.0 and 18.0 <= threshold < 24.0


def test_no_threshold_has_a_better_dice():
    rng = np.random.default_rng(1)
    bone = rng.uniform(size=300) < 0.3
    values = np.round(bone + rng.normal(0, 0.8, 300), 1)
    threshold, found = best_threshold(values, bone)
    assert dice(values > threshold, bone) == pytest.approx(found)
    assert found == max(dice(values > t, bone) for t in [*np.unique(values), -9.0])


def test_a_model_predicts_its_own_views_whatever_its_scale():
    model = GaussianModel.empty(2)
    model.means[:] = [[0.01, 0.0, 0.02], [-0.02, 0.01, 0.0]]
    model.log_scales[:], model.densities[:] = np.log(0.008), 30.0
    splatter = CpuSplatter()
    images = [splatter.render(splatter.project(model, view)).copy() for view in VIEWS]
    same = held_out_figures(model, VIEWS, [0.5 * image for image in images])
    assert same.view_psnr_db > 80 and same.view_ssim > 0.999
    mirrored = held_out_figures(model, VIEWS, [image[:, ::-1] for image in images])
    assert mirrored.view_psnr_db < 30


def test_the_shadow_is_where_rays_meet_the_sphere():
    view = VIEWS[0]
    mask = shadow(view)
    pixels, _ = view.project(np.zeros(3))
    assert mask[tuple(np.rint(pixels[::-1]).astype(int))]
    # Half the angle that a sphere of radius r fills at distance d is asin(r / d).
    radius_px = np.tan(np.arcsin(RADIUS / np.linalg.norm(view.source))) * view.k[0, 0]
    assert mask.sum() == pytest.approx(np.pi * radius_px ** 2, rel=0.05)


def test_the_gap_that_is_left():
    assert gap_left(10.0, 10.0, 20.0) == 1.0 and gap_left(10.0, 20.0, 20.0) == 0.0
    assert gap_left(6.0, 3.0, 2.0) == 0.25
    assert np.isnan(gap_left(5.0, 4.0, 5.0))
