"""What the peers of ``ixgs bench peers`` are given, and the loss of one of them."""

from pathlib import Path
import sys

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from ixgs_ros.geometry.orbits import random_stations
from ixgs_ros.simulation.phantom import lumbar_phantom

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'bench'))
from _peers_scenes import beside_metal, box_of, CARM, CONDITIONS, INSIDE, Scene, take
from _ssim_loss import ssim_and_gradient
from _voxel_peer import coarse_volume, sart_tv


@pytest.fixture(scope='module')
def scene():
    return Scene(lumbar_phantom(spacing=0.003))


def test_fewer_views_are_the_first_of_more(scene):
    few, more = (scene.problem('clean', views, 3).images for views in (2, 3))
    assert np.array_equal(few, more[:2])


def test_only_the_truncated_shots_meet_anything_beyond_the_region(scene):
    whole, sphere = (scene.problem(name, 1, 0) for name in ('truncated', 'clean'))
    assert (whole.body.size > 0.2).all() and sphere.body is sphere.region
    rim = np.concatenate([sphere.images[0][0], sphere.images[0][-1]])
    assert rim.max() == 0 and np.median(whole.images[0][0]) > 1


def test_jitter_is_in_the_reported_poses_and_exposure_in_the_images():
    stations, image = random_stations(400, 5), np.ones((CARM.height, CARM.width), np.float32)
    shots = [take(image, station, CONDITIONS['jitter'], 5, k)
             for k, station in enumerate(stations)]
    true = [CARM.view(station).reference_from_source for station in stations]
    reported = [shot.view.reference_from_source for shot in shots]
    angles = [a.angle_to(b) for a, b in zip(true, reported)]
    moved = [np.linalg.norm((b @ a.inverse()).apply(station.isocentre) - station.isocentre)
             for a, b, station in zip(true, reported, stations)]
    offsets = [shot.line_integrals.mean() - 1 for shot in shots]
    assert np.rad2deg(np.sqrt(np.mean(np.square(angles)))) == pytest.approx(0.5, rel=0.1)
    assert np.sqrt(np.mean(np.square(moved))) == pytest.approx(0.0015, rel=0.1)
    assert np.std(offsets) == pytest.approx(0.05, rel=0.1)


def test_beside_metal_is_what_is_inside_and_not_at_it():
    truth = np.where(INSIDE, np.float32(20), np.float32(0))
    truth[60, 60, 60:80] = 150   # too little for an implant
    assert beside_metal(truth) is None
    truth[60:70, 60:70, 60:70] = 150
    beside = beside_metal(truth)
    assert not beside[58:72, 65, 65].any() and beside[57, 65, 65] and beside[72, 65, 65]
    assert not beside[~INSIDE].any()


def test_the_photons_are_as_many_as_said():
    image = np.full((CARM.height, CARM.width), 2.0, np.float32)
    shot = take(image, random_stations(1, 0)[0], CONDITIONS['photons'], 0, 0)
    # The deviation of -ln(n / n0) is 1 / sqrt(n).
    assert shot.line_integrals.std() == pytest.approx(1 / np.sqrt(1e4 * np.exp(-2)), rel=0.05)


def test_the_box_holds_the_marked_voxels_of_a_turned_grid():
    where = np.zeros((4, 5, 6), bool)
    where[1:3, 2, 3:6] = True
    turned = np.array([[0, -1.0, 0, 10], [1, 0, 0, 20], [0, 0, 2, 30], [0, 0, 0, 1]])
    box = box_of(where, turned)
    np.testing.assert_allclose(box.lower, [10 - 2.5, 20 + 2.5, 30 + 1])
    np.testing.assert_allclose(box.upper, [10 - 1.5, 20 + 5.5, 30 + 5])


def test_the_gradient_of_ssim_is_its_derivative():
    rng = np.random.default_rng(0)
    x, y = rng.random((2, 20, 24))
    change = rng.normal(size=x.shape)
    _, gradient = ssim_and_gradient(x, y)
    slope = (ssim_and_gradient(x + 1e-6 * change, y)[0]
             - ssim_and_gradient(x - 1e-6 * change, y)[0]) / 2e-6
    # The gradient is returned in float32.
    assert (gradient * change).sum() == pytest.approx(slope, rel=1e-5)


def test_ssim_is_that_of_scikit_image_away_from_the_border():
    x, y = np.random.default_rng(1).random((2, 64, 64))
    x[:8] = x[-8:] = x[:, :8] = x[:, -8:] = 0
    y = np.where(x == 0, 0, y)
    theirs = structural_similarity(x, y, gaussian_weights=True, sigma=1.5, data_range=1.0,
                                   use_sample_covariance=False, full=True)[1]
    assert ssim_and_gradient(x, y)[0] == pytest.approx(theirs.mean(), abs=1e-3)


def test_the_voxel_peer_finds_the_phantom(scene):
    snapshots = sart_tv(scene.problem('clean', 12, 0), np.inf)
    errors = [np.sqrt(np.mean((next(snapshots)() - scene.truth)[INSIDE] ** 2)) for _ in range(8)]
    assert errors[-1] < 0.7 * scene.truth[INSIDE].std()


def test_the_start_of_the_baseline_holds_as_much_as_the_phantom(scene):
    volume, grid = coarse_volume(scene.problem('clean', 6, 0))
    inside = np.linalg.norm(grid.points(), axis=-1) < 0.076
    assert volume[inside].mean() == pytest.approx(scene.truth[INSIDE].mean(), rel=0.1)
