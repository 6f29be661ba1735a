"""The float64 reference itself: closed forms, quadrature, finite differences, and a peer."""

from gaussian_scenes import one_gaussian, random_model, random_view, view_from
from gsplat.cuda import _torch_impl as gsplat
import numpy as np
import pytest
from scipy.spatial.transform import Rotation
import torch

from ixgs_ros.gaussians import reference
from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.geometry.view import View
from ixgs_ros.volume.grid import VoxelGrid
from ixgs_ros.volume.plane import Plane

CPU = torch.device('cpu')
GRID = VoxelGrid([-0.008, -0.006, -0.004], [0.008, 0.007, 0.006], (3, 2, 2))


def test_ray_integral_is_the_quadrature_of_the_density():
    """∫ σ along the ray by small steps, through the middle and far off it: to 1e-10."""
    parameters = reference.parameters_of(random_model(0, 6, 0.01, 2e-3, 6e-3))
    view = view_from(Rotation.random(random_state=3).as_matrix(), 5, 6, 120.0)
    steps = np.arange(0.45, 0.85, 2e-4)
    points = view.source + view.ray_directions()[:, :, None] * steps[:, None]
    sums = reference.density(parameters, points).sum(-1) * 2e-4
    exact = reference.line_integrals(parameters, view)
    assert float(exact.max()) > 0.01
    np.testing.assert_allclose(sums, exact, atol=1e-10 * float(exact.max()))


def test_a_sphere_off_axis_has_its_closed_form():
    """Σ = (f s / tz)² [[1 + X², X Y], [X Y, 1 + Y²]], and the centre sees √(2π) s."""
    scale, focal, (x, y, z) = 4e-3, 700.0, (0.12, -0.09, 0.6)
    view = View(np.array([[focal, 0, 3], [0, focal, 5], [0, 0, 1]]), RigidTransform(), 8, 8)
    parameters = reference.parameters_of(one_gaussian((x, y, z), (scale,) * 3))
    found = reference.footprints(parameters, reference.camera_of(view, CPU))
    slope_x, slope_y = x / z, y / z
    shape = np.array([[1 + slope_x ** 2, slope_x * slope_y],
                      [slope_x * slope_y, 1 + slope_y ** 2]])
    np.testing.assert_allclose(found.centers[0], [focal * slope_x + 3, focal * slope_y + 5],
                               rtol=1e-6)
    np.testing.assert_allclose(found.covariance[0], (focal * scale / z) ** 2 * shape, rtol=1e-6)
    assert float(found.factors[0]) == pytest.approx(np.sqrt(2 * np.pi) * scale, rel=1e-6)


@pytest.mark.parametrize('seed', range(5))
def test_projection_agrees_with_gsplat(seed):
    """Means and conics of a peer that states the same affine map on its own, to 1e-10.

    gsplat counts pixels from corners, so its means lie half a pixel further on. Its clamp of the
    Jacobian far outside the field (a choice of its own) is switched off by an image so large that
    nothing lies there, and its low-pass by eps2d = 0.
    """
    parameters = reference.parameters_of(random_model(seed, 200, 0.08))
    view = random_view(seed, 40, 50, 500.0)
    means, log_scales, quaternions, _ = parameters
    covariance, _ = gsplat._quat_scale_to_covar_preci(quaternions, log_scales.exp())
    corner_based = torch.tensor(view.k)
    corner_based[:2, 2] += 0.5
    _, centers, depths, conics, _ = gsplat._fully_fused_projection(
        means, covariance, torch.tensor(view.source_from_reference.matrix())[None],
        corner_based[None], 10_000, 10_000, eps2d=0.0)
    ours = reference.footprints(parameters, reference.camera_of(view, CPU))
    inverse = torch.linalg.inv(ours.covariance)
    expected = torch.stack([inverse[:, 0, 0], inverse[:, 0, 1], inverse[:, 1, 1]], 1)
    np.testing.assert_allclose(centers[0] - 0.5, ours.centers, rtol=0, atol=1e-10)
    np.testing.assert_allclose(depths[0], ours.positions[:, 2], rtol=0, atol=1e-12)
    assert float((conics[0] - expected).abs().max()) < 1e-10 * float(expected.abs().max())


def inputs_of(count: int) -> tuple[torch.Tensor, ...]:
    """Return the parameters of a model and a pose, to differentiate by."""
    parameters = reference.parameters_of(random_model(2, count, 0.01, 3e-3, 6e-3), True)
    return *parameters, torch.zeros(6, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize('function', [reference.render, reference.line_integrals])
def test_images_differentiate_by_parameters_pose_and_intrinsics(function):
    """Autograd against finite differences: eleven numbers a Gaussian, pose (6) and K (4)."""
    view = random_view(2, 5, 6, 60.0)
    inputs = (*inputs_of(2), torch.tensor(view.intrinsics, requires_grad=True))

    def image(*values):
        return function(values[:4], view, pose=values[4], intrinsics=values[5])

    assert torch.autograd.gradcheck(image, inputs, eps=1e-7, atol=1e-6, rtol=1e-5)


def test_volumes_and_slices_differentiate_by_the_parameters():
    turn = Rotation.random(random_state=1).as_matrix()
    plane = Plane(-0.005 * (turn[0] + turn[1]), turn[0], turn[1], 0.005, 3, 3)
    for function, where in ((reference.voxelize, GRID), (reference.slice_of, plane)):
        assert torch.autograd.gradcheck(lambda *p, f=function, w=where: f(p, w),
                                        inputs_of(2)[:4], eps=1e-7, atol=1e-4)


def test_slices_and_volumes_are_the_density_at_their_points():
    parameters = reference.parameters_of(random_model(1, 20, 0.01))
    volume = reference.voxelize(parameters, GRID, 6.0)
    assert volume.shape == GRID.shape
    plane = Plane(GRID.origin, [1, 0, 0], [0, 0, 1], 0.004, 2, 3)
    image = reference.slice_of(parameters, plane, 6.0)
    at = reference.density(parameters, GRID.origin + [0.008, 0.0, 0.0], 6.0)
    assert float(volume[0, 0, 1]) == float(image[0, 2]) == float(at)


def test_pose_and_intrinsics_are_those_of_a_moved_view():
    """The documented motion, and K, give the image of the view that has them."""
    parameters, view = reference.parameters_of(random_model(3, 20, 0.02)), random_view(3, 9, 8)
    motion = np.array([0.01, -0.02, 0.015, 0.003, -0.001, 0.004])
    k = view.k + [[5, 0, 2.5], [0, -7, -1.5], [0, 0, 0]]
    body = RigidTransform.from_rotation_vector(motion[:3], motion[3:])
    moved = View(k, (body @ view.source_from_reference).inverse(), 9, 8)
    for function in (reference.render, reference.line_integrals):
        image = function(parameters, view, pose=torch.tensor(motion),
                         intrinsics=torch.tensor(moved.intrinsics))
        np.testing.assert_allclose(image, function(parameters, moved), rtol=1e-9)


@pytest.mark.parametrize(('number', 'change', 'error', 'message'), [
    (0, lambda t: t.float(), TypeError, 'means as a float64 tensor, got torch.float32'),
    (0, lambda t: t * np.nan, ValueError, 'means with finite values, got .*nan'),
    (1, lambda t: t[:, :2], ValueError, r'log_scales of shape \(4, 3\), got \(4, 2\)'),
    (1, lambda t: t - np.inf, ValueError, 'log_scales with finite values, got .*-inf'),
    (2, lambda t: 2 * t, ValueError, 'quaternions with a norm within 1% of 1, got'),
    (3, lambda t: t[:3], ValueError, r'densities of shape \(4,\), got \(3,\)')])
def test_wrong_parameters_are_named(number, change, error, message):
    parameters = list(reference.parameters_of(random_model(0, 4)))
    parameters[number] = change(parameters[number])
    with pytest.raises(error, match=message):
        reference.render(tuple(parameters), random_view(0))
    with pytest.raises(error, match=message):
        reference.voxelize(tuple(parameters), GRID)


@pytest.mark.parametrize(('arguments', 'error', 'message'), [
    ({'cut': -1.0}, ValueError, 'a cut above 0, got -1.0'),
    ({'pose': torch.zeros(6)}, TypeError, 'pose as a float64 tensor, got torch.float32'),
    ({'pose': torch.zeros(7, dtype=torch.float64)}, ValueError, r'pose of shape \(6,\)'),
    ({'intrinsics': torch.ones(3, dtype=torch.float64)}, ValueError, r'intrinsics of shape'),
    ({'intrinsics': torch.zeros(4, dtype=torch.float64)}, ValueError, 'positive fx and fy')])
def test_wrong_arguments_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        reference.render(reference.parameters_of(random_model(0, 4)), random_view(0), **arguments)


def test_points_are_checked():
    parameters = reference.parameters_of(random_model(0, 4))
    with pytest.raises(ValueError, match=r'points of shape \(5, 3\), got \(5, 2\)'):
        reference.density(parameters, np.zeros((5, 2)))
    with pytest.raises(ValueError, match='points with finite values'):
        reference.density(parameters, np.full((1, 3), np.inf))


def test_gaussians_at_and_behind_the_source_leave_numbers():
    """Culled, also by their derivatives, which a plain division by the depth would make NaN."""
    view = view_from(np.eye(3), 5, 5, 50.0, distance=0.0)
    for depth in (0.0, -0.3):
        parameters = reference.parameters_of(one_gaussian((0, 0, depth), (2e-3,) * 3), True)
        image = reference.render(parameters, view, 3.0)
        image.sum().backward()
        assert float(image.detach().abs().max()) == 0.0
        assert all(float(p.grad.abs().max()) == 0.0 for p in parameters)
