"""Metrics: against scikit-image, against hand-made errors, and in the patient's axes."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from skimage.metrics import structural_similarity

from ixgs_ros.geometry import RigidTransform
from ixgs_ros.volume import Region, VoxelGrid
from ixgs_ros.volume.metrics import evaluate, psnr, rmse_hu, ssim3d, Truth

GRID = VoxelGrid.covering(Region([0.01, -0.02, 0.03], [0.06] * 3), 0.00125)
TURN = RigidTransform(Rotation.from_rotvec([0.1, 0.2, -0.3]).as_matrix(),
                      np.array([0.2, 0.1, 0.4]))


def scene(points):
    """Smooth, asymmetric, 1/m."""
    x, y, z = np.moveaxis(points, -1, 0)
    return 20 + 8 * np.sin(90 * x + 1) + 5 * np.cos(70 * y - 40 * z) + 60 * z


def truth_on(spacing, lps_from_reference, margin=0.06):
    """The scene on a grid along LPS axes around the region."""
    center = lps_from_reference.apply(GRID.region.center)
    spacing = np.array(spacing)
    size = np.ceil(2 * margin / spacing).astype(int)
    affine = np.eye(4)
    affine[:3, :3] = np.diag(spacing)
    affine[:3, 3] = center - 0.5 * spacing * (size - 1)
    lps = VoxelGrid(affine[:3, 3], spacing, tuple(size)).points()
    return Truth(scene(lps_from_reference.inverse().apply(lps)).astype(np.float32), affine)


def test_ssim_equals_scikit_image():
    rng = np.random.default_rng(0)
    a = rng.uniform(0, 40, (17, 19, 23))
    b = a + rng.normal(0, 4, a.shape)
    _, expected = structural_similarity(a, b, win_size=7, data_range=40.0, full=True)
    assert np.allclose(ssim3d(a, b), expected, atol=1e-12)


def test_a_known_error_gives_known_figures():
    truth = np.full((8, 8, 8), 20.0)
    assert rmse_hu(truth + 2.0, truth) == pytest.approx(100.0)
    assert psnr(truth + 4.0, truth) == pytest.approx(20.0)
    assert psnr(truth, truth) == float('inf')


def test_the_exact_volume_scores_as_resampling_allows():
    # A region smaller than the volume, so that no SSIM window reaches beyond the volume.
    inner = Region(GRID.region.center, [0.05] * 3)
    metrics = evaluate(scene(GRID.points()), GRID, truth_on([0.00125] * 3, TURN), TURN, inner)
    assert metrics.rmse_hu < 1 and metrics.ssim > 0.999 and metrics.psnr_db > 70
    assert metrics.sphere_radius == pytest.approx(0.95 * 0.025)
    assert metrics.covered > 0.99


def test_a_coarse_truth_is_brought_to_fine_spacing():
    ours = scene(GRID.points())
    inner = Region(GRID.region.center, [0.05] * 3)
    coarse = evaluate(ours, GRID, truth_on([0.0007, 0.0007, 0.0025], TURN), TURN, inner)
    assert coarse.rmse_hu < 1 and coarse.ssim > 0.999
    whole = 4 / 3 * np.pi * 0.02375 ** 3 / (0.0007 * 0.0007 * 0.00125)
    assert coarse.voxels == pytest.approx(whole, rel=0.01)


def test_only_the_inside_of_the_sphere_counts():
    ours = scene(GRID.points()).astype(np.float32)
    distance = np.linalg.norm(GRID.points() - GRID.region.center, axis=-1)
    clean = evaluate(ours, GRID, truth_on([0.00125] * 3, TURN), TURN)
    spoilt = np.where(distance > 0.0285 + 0.0025, 0.0, ours)
    assert evaluate(spoilt, GRID, truth_on([0.00125] * 3, TURN), TURN).rmse_hu == clean.rmse_hu
    spoilt = np.where(distance < 0.01, 0.0, ours)
    assert evaluate(spoilt, GRID, truth_on([0.00125] * 3, TURN), TURN).rmse_hu > 100


def test_a_flipped_axis_or_a_shift_of_one_voxel_is_seen():
    truth = truth_on([0.00125] * 3, TURN)
    ours = scene(GRID.points())
    good = evaluate(ours, GRID, truth, TURN).rmse_hu
    for axis in range(3):
        assert evaluate(np.flip(ours, axis), GRID, truth, TURN).rmse_hu > 20 * good
    shifted = VoxelGrid(GRID.origin + [0.00125, 0, 0], GRID.spacing, GRID.size)
    assert evaluate(ours, shifted, truth, TURN).rmse_hu > 8 * good


def test_negative_values_are_clipped_on_both_sides():
    per_m = np.full((60, 60, 60), -3.0, np.float32)
    affine = np.diag([0.00125, 0.00125, 0.00125, 1.0])
    affine[:3, 3] = GRID.region.center - 0.00125 * 29.5
    ours = np.full(GRID.shape, -5.0, np.float32)
    assert evaluate(ours, GRID, Truth(per_m, affine), RigidTransform()).rmse_hu == 0.0


def test_a_truth_elsewhere_is_refused_and_a_short_one_is_said():
    truth = truth_on([0.00125] * 3, TURN)
    with pytest.raises(ValueError, match='expected lps_from_reference'):
        evaluate(scene(GRID.points()), GRID, truth, RigidTransform(np.eye(3), np.ones(3)))
    half = Truth(truth.per_m[:48], truth.lps_from_index)
    assert 0.4 < evaluate(scene(GRID.points()), GRID, half, TURN).covered < 0.6
