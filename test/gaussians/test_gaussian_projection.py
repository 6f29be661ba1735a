"""The X-ray projection: closed forms, the right pixel, mass, resolution, what is culled."""

from gaussian_scenes import one_gaussian, random_model, random_view, view_from
import numpy as np
import pytest
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

from ixgs_ros.gaussians import reference
from ixgs_ros.gaussians.cpu import CpuSplatter
from ixgs_ros.gaussians.model import GaussianModel
from ixgs_ros.geometry.view import View
from ixgs_ros.volume.grid import VoxelGrid


def test_central_ray_of_a_sphere_is_its_closed_form():
    """∫ ρ exp(-½ r²/s²) along a line through the centre is √(2π) ρ s."""
    view = view_from(np.eye(3), 41, 41, 900.0)
    splatter = CpuSplatter(6.0)
    model = one_gaussian((0, 0, 0), (4e-3,) * 3, density=20)
    image = splatter.render(splatter.project(model, view))
    assert image[20, 20] == pytest.approx(np.sqrt(2 * np.pi) * 20 * 4e-3, rel=3e-6)
    assert image.argmax() == 20 * 41 + 20


@pytest.mark.parametrize('seed', range(4))
def test_central_ray_of_any_gaussian_off_axis_is_exact(seed):
    """Where the ray meets the centre the affine footprint equals the exact integral."""
    rng = np.random.default_rng(seed)
    model = one_gaussian(tuple(rng.uniform(-0.04, 0.04, 3)), tuple(rng.uniform(2e-3, 6e-3, 3)),
                         Rotation.random(random_state=seed))
    view = random_view(seed, 64, 64)
    pixel, _ = view.project(model.means.astype(float))
    # Move the principal point so that the centre falls on a pixel.
    k = view.k.copy()
    k[:2, 2] += np.round(pixel[0]) - pixel[0]
    view = View(k, view.reference_from_source, 64, 64)
    column, line = np.round(pixel[0]).astype(int)
    splatter = CpuSplatter(6.0)
    image = splatter.render(splatter.project(model, view))
    exact = reference.line_integrals(reference.parameters_of(model), view).numpy()
    assert image[line, column] == pytest.approx(exact[line, column], rel=2e-5)


def test_error_off_centre_grows_with_size_and_cone_angle():
    """The affine map errs with size × cone angle: within 0.5 % of the peak for a 3 mm Gaussian."""
    view = view_from(np.eye(3), 121, 121, 600.0, distance=0.65)
    splatter = CpuSplatter(6.0)

    def worst(x: float, scale: float) -> float:
        model = one_gaussian((x, 0.5 * x, 0.03), (scale, 0.6 * scale, 1.4 * scale),
                             Rotation.from_euler('xyz', [0.4, 0.7, 0.2]))
        image = splatter.render(splatter.project(model, view))
        exact = reference.line_integrals(reference.parameters_of(model), view).numpy()
        return float(np.abs(image - exact).max() / exact.max())

    assert worst(0.04, 3e-3) < 0.005
    assert worst(0.0, 1e-3) < worst(0.0, 3e-3) < worst(0.04, 3e-3) < worst(0.04, 9e-3)


@pytest.mark.parametrize('octant', range(8))
def test_off_axis_ball_lands_on_its_pixel(octant):
    """A small ball off all axes, seen from each octant, peaks where the geometry says."""
    corner = np.array([1 if octant & bit else -1 for bit in (1, 2, 4)], float)
    axis = corner / np.linalg.norm(corner) @ Rotation.from_euler('z', 10, degrees=True).as_matrix()
    u = np.cross(axis, [0.2, -0.3, 1.0])
    u /= np.linalg.norm(u)
    rotation = np.stack([u, np.cross(axis, u), axis], 1)
    view = view_from(rotation, 100, 120, 700.0, (4.3, -7.6), distance=0.7)
    ball = one_gaussian((0.021, -0.013, 0.017), (1.5e-3,) * 3)
    splatter = CpuSplatter()
    image = splatter.render(splatter.project(ball, view))
    (u_true, v_true), _ = (value[0] for value in view.project(ball.means.astype(float)))
    rows, columns = np.mgrid[:100, :120]
    assert (image * columns).sum() / image.sum() == pytest.approx(u_true, abs=0.02)
    assert (image * rows).sum() / image.sum() == pytest.approx(v_true, abs=0.02)


@pytest.mark.parametrize('cut', [3.0, 6.0])
def test_mass_is_conserved(cut):
    """The image's sum times the pixel's area at the object is the Gaussian's mass.

    Far away and narrow, so that rays are parallel: mass = ρ (2π)^{3/2} s1 s2 s3.
    """
    scales = (2e-3, 3e-3, 4e-3)
    model = one_gaussian((0, 0, 0), scales, Rotation.random(random_state=3), 25.0)
    view = view_from(Rotation.random(random_state=1).as_matrix(), 201, 201, 1e5, distance=50.0)
    splatter = CpuSplatter(cut)
    image = splatter.render(splatter.project(model, view)).astype(float)
    area = (50.0 / view.k[0, 0]) * (50.0 / view.k[1, 1])
    assert image.sum() * area == pytest.approx(25 * (2 * np.pi) ** 1.5 * np.prod(scales), rel=2e-3)


def test_half_resolution_view_shows_the_same():
    """The binned view renders what the mean of 2 × 2 pixels of the full one shows."""
    model, view = random_model(5, 60, 0.03, 4e-3, 7e-3), random_view(2, 96, 112, 700.0)
    splatter = CpuSplatter(5.0)
    full = splatter.render(splatter.project(model, view))
    half = splatter.render(splatter.project(model, view.binned(2)))
    mean = full.reshape(48, 2, 56, 2).mean((1, 3))
    assert np.abs(half - mean).max() < 0.01 * full.max()
    # Half a pixel of shift would show far above that.
    assert np.abs(half[1:] - mean[:-1]).max() > 0.1 * full.max()


def uniform_lattice(half: float, spacing: float, density: float) -> GaussianModel:
    """Return a body-centred lattice whose Gaussians add up to a uniform density inside."""
    k = np.arange(-half, half + 1e-9, spacing)
    corners = np.stack(np.meshgrid(k, k, k, indexing='ij'), -1).reshape(-1, 3)
    means = np.concatenate([corners, corners + spacing / 2]).astype(np.float32)
    sigma = 0.5 * spacing * np.sqrt(3) / 2
    model = GaussianModel.empty(len(means))
    model.means[:] = means
    model.log_scales[:] = np.log(sigma)
    model.densities[:] = density * spacing ** 3 / 2 / ((2 * np.pi) ** 1.5 * sigma ** 3)
    return model


def test_uniform_object_keeps_its_density_at_three_sigma():
    """Lattice of 20/m: voxels say 20/m and rays 20/m times the length, both within 0.3 %."""
    model = uniform_lattice(0.03, 0.005, 20.0)
    splatter = CpuSplatter(3.0)
    # Four whole periods, seven samples each, so that the lattice's ripple averages out.
    grid = VoxelGrid(np.full(3, -0.01), np.full(3, 0.005 / 7), (28, 28, 28))
    volume = splatter.voxelize(model, grid)
    assert volume.mean() == pytest.approx(20.0, rel=0.003)
    view = view_from(Rotation.from_euler('xyz', [0.2, 0.1, 0]).as_matrix(), 33, 33, 900.0)
    exact = CpuSplatter(8.0)
    image = splatter.render(splatter.project(model, view))
    truth = exact.render(exact.project(model, view))
    assert image.mean() == pytest.approx(truth.mean(), rel=0.003)


def test_projection_equals_line_integral_through_the_voxels():
    """Sampling the voxelized model along rays gives the rendered image within 1 % of its peak."""
    model = random_model(11, 150, 0.02, 3e-3, 5e-3)
    splatter = CpuSplatter(3.0)
    grid = VoxelGrid(np.full(3, -0.04), np.full(3, 0.001), (81, 81, 81))
    volume = splatter.voxelize(model, grid)
    view = random_view(7, 40, 40, 500.0)
    image = splatter.render(splatter.project(model, view))
    steps = np.arange(0.55, 0.75, 0.0005)
    points = view.source + view.ray_directions()[:, :, None] * steps[:, None]
    values = map_coordinates(volume, grid.indices(points)[..., ::-1].reshape(-1, 3).T, order=1)
    integrals = values.reshape(points.shape[:-1]).sum(-1) * 0.0005
    assert np.abs(integrals - image).max() < 0.01 * image.max()


@pytest.mark.parametrize('cut', [3.0, 6.0])
def test_a_volume_holds_the_mass(cut):
    """Σ voxels times their volume is ρ (2π)^{3/2} s1 s2 s3, whatever the cut and the spacings."""
    scales = (3e-3, 4e-3, 6e-3)
    model = one_gaussian((1e-3, -2e-3, 5e-4), scales, Rotation.random(random_state=3), 25.0)
    spacing = np.array([1e-3, 1.5e-3, 1.2e-3])
    grid = VoxelGrid(-40 * spacing, spacing, (81, 81, 81))
    volume = CpuSplatter(cut).voxelize(model, grid).astype(float)
    mass = 25 * (2 * np.pi) ** 1.5 * np.prod(scales)
    assert volume.sum() * spacing.prod() == pytest.approx(mass, rel=2e-3)
