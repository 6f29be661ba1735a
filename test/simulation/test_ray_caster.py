"""The ray caster against integrals that are known in closed form, and against dense sampling."""

from itertools import product

import numba
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.spatial.transform import Rotation

from ixgs_ros.geometry.orbits import CArm, CArmAngles, random_views
from ixgs_ros.simulation.ray_caster import RayCaster
from ixgs_ros.volume.grid import VoxelGrid

CARM = CArm(height=96, width=112, pixel_pitch=0.0025)
VIEWS = random_views(4, seed=1, carm=CARM)
GRID = VoxelGrid([-0.05, -0.045, -0.04], [0.0009, 0.0012, 0.0020], (110, 75, 41))


def chord(view, lower, upper):
    """Return the length of each ray within a box; metres."""
    directions = view.ray_directions()
    with np.errstate(divide='ignore'):
        first, second = (lower - view.source) / directions, (upper - view.source) / directions
    length = np.maximum(first, second).min(-1) - np.minimum(first, second).max(-1)
    return np.maximum(length, 0.0)


@pytest.mark.parametrize('view', [*VIEWS, CARM.view(CArmAngles())])
def test_uniform_box_is_exact_to_its_edges(view):
    image = RayCaster(np.full(GRID.shape, 7.0, np.float32), GRID).project(view)
    expected = 7.0 * chord(view, GRID.region.lower, GRID.region.upper)
    assert np.abs(image - expected).max() < 1e-6
    assert expected.max() > 0.5 and expected.min() == 0.0


def test_ball_is_within_half_a_percent():
    grid = VoxelGrid(np.full(3, -0.03975), np.full(3, 0.0005), (160, 160, 160))
    center, radius = np.array([0.006, -0.009, 0.004]), 0.028
    distance = np.linalg.norm(grid.points() - center, axis=-1) - radius
    volume = 20.0 * np.clip(0.5 - distance / 0.0005, 0, 1)
    for view in VIEWS:
        image = RayCaster(volume, grid).project(view)
        rays = view.ray_directions()
        across = np.linalg.norm(np.cross(center - view.source, rays), axis=-1)
        expected = 40.0 * np.sqrt(np.maximum(radius ** 2 - across ** 2, 0.0))
        inner = across < 0.9 * radius
        assert np.abs(image - expected)[inner].max() < 0.005 * expected.max()
        assert image.sum() == pytest.approx(expected.sum(), rel=0.002)


@pytest.mark.parametrize('shear', [0.0, 0.3])
def test_any_affine_places_the_same_body(shear):
    """A Gaussian blob, whose line integral is known, in oblique, mirrored and sheared voxels."""
    affine = np.eye(4)
    turn = Rotation.from_rotvec([0.4, -0.9, 0.3]).as_matrix()
    slant = np.array([[1, 0, 0], [0, 1, shear], [0, 0, 1]])
    affine[:3, :3] = turn @ slant @ np.diag([-0.0010, 0.0013, 0.0016])
    shape = (60, 90, 110)
    affine[:3, 3] = -affine[:3, :3] @ (0.5 * (np.array(shape[::-1]) - 1))
    k, j, i = np.meshgrid(*map(np.arange, shape), indexing='ij')
    points = np.stack([i, j, k], -1) @ affine[:3, :3].T + affine[:3, 3]
    center, sigma = np.array([0.004, 0.003, -0.006]), 0.008
    squared = np.sum((points - center) ** 2, -1)
    caster = RayCaster.from_affine(30.0 * np.exp(-0.5 * squared / sigma ** 2), affine)
    for view in VIEWS:
        rays = view.ray_directions()
        across = np.linalg.norm(np.cross(center - view.source, rays), axis=-1)
        expected = 30.0 * np.sqrt(2 * np.pi) * sigma * np.exp(-0.5 * (across / sigma) ** 2)
        # Linear interpolation of a blob of 8 mm in voxels of 1.6 mm smooths it by 0.4 %.
        assert np.abs(caster.project(view) - expected).max() < 0.006 * expected.max()


def test_dense_sampling_by_scipy_agrees():
    rng = np.random.default_rng(0)
    volume = gaussian_filter(rng.random(GRID.shape), 2.0).astype(np.float32) * 20.0
    view = VIEWS[0].binned(8)
    # From just before the region to just behind it.
    depths = np.linspace(0.5, 0.78, 4001)
    points = view.source + depths[:, None, None, None] * view.ray_directions()
    indices = np.moveaxis(GRID.indices(points)[..., ::-1], -1, 0)
    sampled = map_coordinates(volume, indices, order=1, mode='nearest')
    inside = (np.abs(points - GRID.region.center) <= GRID.region.size / 2).all(-1)
    expected = np.trapezoid(sampled * inside, depths, axis=0)
    image = RayCaster(volume, GRID).project(view)
    assert np.abs(image - expected).max() < 0.005 * expected.max()


@pytest.mark.parametrize('signs', list(product((-1, 1), repeat=3)))
def test_a_small_ball_in_every_octant_lands_on_its_pixel(signs):
    ball = np.array(signs) * [0.030, 0.024, 0.028]
    distance = np.linalg.norm(GRID.points() - ball, axis=-1) - 0.004
    volume = 20.0 * np.clip(0.5 - distance / 0.001, 0, 1)
    for view in VIEWS[:2]:
        image = RayCaster(volume, GRID).project(view, rays_per_pixel=3)
        rows, columns = np.indices(image.shape)
        centroid = np.array([(image * columns).sum(), (image * rows).sum()]) / image.sum()
        expected, _ = view.project(ball)
        assert centroid == pytest.approx(expected, abs=0.05)
        mirrored = np.array([view.width - 1 - centroid[0], centroid[1]])
        assert np.abs(mirrored - expected).max() > 5.0


def test_pixels_integrate_intensity():
    volume = np.zeros(GRID.shape, np.float32)
    volume[:, :, 55:] = 60.0
    view = VIEWS[1].binned(4)
    fine = CArm(height=view.height * 4, width=view.width * 4, pixel_pitch=0.0025)
    k = fine.k()
    k[:2, 2] = 4 * (view.k[:2, 2] + 0.5) - 0.5
    detailed = type(view)(k, view.reference_from_source, fine.height, fine.width)
    caster = RayCaster(volume, GRID)
    passed = np.exp(-caster.project(detailed)).reshape(view.height, 4, view.width, 4)
    expected = -np.log(passed.mean((1, 3)))
    assert np.abs(caster.project(view, rays_per_pixel=4) - expected).max() < 1e-5
    # At an edge the mean intensity is not the intensity of the mean.
    assert np.abs(caster.project(view) - expected).max() > 0.05


def test_nothing_underflows_behind_metal():
    caster = RayCaster(np.full(GRID.shape, 1e5, np.float32), GRID)
    image = caster.project(VIEWS[0].binned(8), rays_per_pixel=2)
    assert np.isfinite(image).all() and image.max() > 5000.0


def test_what_lies_behind_the_source_casts_no_shadow():
    volume = np.ones(GRID.shape, np.float32)
    away = CARM.view(CArmAngles(isocentre=np.array([0.0, -1.0, 0.0])))
    assert RayCaster(volume, GRID).project(away).max() == 0.0
    inside = CARM.view(CArmAngles(isocentre=np.array([0.0, -0.64, 0.0])))
    half = RayCaster(volume, GRID).project(inside)
    assert half.max() < 0.75 * np.linalg.norm(GRID.region.size)


def test_the_number_of_threads_changes_nothing():
    volume = np.random.default_rng(0).random(GRID.shape, dtype=np.float32)
    caster, before = RayCaster(volume, GRID), numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        single = caster.project(VIEWS[0])
    finally:
        numba.set_num_threads(before)
    assert np.array_equal(single, caster.project(VIEWS[0]))


def test_mismatched_input_is_refused():
    with pytest.raises(ValueError, match='expected a volume of shape'):
        RayCaster(np.zeros((3, 3, 3)), GRID)
    with pytest.raises(ValueError, match='at least 2 voxels'):
        RayCaster.from_affine(np.zeros((1, 3, 3)), np.eye(4))
    with pytest.raises(ValueError, match='invertible'):
        RayCaster.from_affine(np.zeros((3, 3, 3)), np.zeros((4, 4)))
    with pytest.raises(ValueError, match='at least one ray'):
        RayCaster(np.zeros(GRID.shape), GRID).project(VIEWS[0], rays_per_pixel=0)
