"""The CPU kernels against the float64 reference, and the reference against finite differences."""

from gaussian_scenes import random_model, random_view
from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pytest
from scipy.spatial.transform import Rotation
import torch

from ixgs_ros.gaussians import reference
from ixgs_ros.gaussians.cpu import CpuSplatter
from ixgs_ros.gaussians.model import BLOCKS
from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.geometry.view import View
from ixgs_ros.volume.grid import VoxelGrid
from ixgs_ros.volume.plane import Plane

GRID = VoxelGrid([-0.04, -0.03, -0.05], [0.004, 0.005, 0.003], (17, 13, 21))


def assert_gradients_agree(gradients, parameters, tolerance=1e-4):
    for name, parameter in zip(BLOCKS, parameters):
        expected = parameter.grad.numpy()
        error = np.abs(getattr(gradients, name) - expected).max() / np.abs(expected).max()
        assert error < tolerance, f'{name}: {error:.2g}'


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(20, 120), cut=st.sampled_from([6.0, 7.5]),
       high=st.sampled_from([2e-3, 6e-3, 2e-2]))
def test_image_and_gradients_equal_the_reference(seed, count, cut, high):
    """Image to 1e-5 of its peak, gradients to 1e-4 of their largest, over random scenes."""
    model, view = random_model(seed, count, high=high), random_view(seed)
    parameters = reference.parameters_of(model, requires_grad=True)
    expected = reference.render(parameters, view, cut)
    splatter = CpuSplatter(cut)
    footprints = splatter.project(model, view)
    image = splatter.render(footprints)
    peak = float(expected.detach().max())
    if peak < 1e-6:
        assert image.max() < 1e-6
        return
    assert np.abs(image - expected.detach().numpy()).max() < 1e-5 * peak
    d_image = np.random.default_rng(seed).normal(size=image.shape)
    (expected * torch.tensor(d_image)).sum().backward()
    gradients = splatter.gradient(footprints, d_image.astype(np.float32))
    assert_gradients_agree(gradients, parameters)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(20, 80))
def test_volume_and_gradients_equal_the_reference(seed, count):
    """The same for the voxelizer, with three different spacings."""
    model = random_model(seed, count)
    parameters = reference.parameters_of(model, requires_grad=True)
    expected = reference.density(parameters, GRID.points(), 6.0)
    splatter = CpuSplatter(6.0)
    volume = splatter.voxelize(model, GRID)
    assert np.abs(volume - expected.detach().numpy()).max() < 1e-5 * float(expected.detach().max())
    d_volume = np.random.default_rng(seed).normal(size=volume.shape)
    (expected * torch.tensor(d_volume)).sum().backward()
    gradients = splatter.voxelize_gradient(model, GRID, d_volume.astype(np.float32))
    assert_gradients_agree(gradients, parameters)


@pytest.mark.parametrize('seed', range(4))
def test_oblique_slice_equals_the_reference(seed):
    """An MPR plane evaluated from the Gaussians is the density at its pixels."""
    model = random_model(seed, 60)
    turn = Rotation.random(random_state=seed).as_matrix()
    plane = Plane(np.array([0.004, -0.003, 0.002]) - 0.03 * (turn[0] + turn[1]), turn[0], turn[1],
                  0.0013, 44, 51)
    rows, columns = np.mgrid[:44, :51]
    points = plane.origin + 0.0013 * (columns[..., None] * turn[0] + rows[..., None] * turn[1])
    expected = reference.density(reference.parameters_of(model), points, 6.0).numpy()
    image = CpuSplatter(6.0).slice(model, plane)
    assert image.shape == (44, 51)
    assert np.abs(image - expected).max() < 1e-5 * expected.max()


def test_moments_are_the_transpose_of_render():
    """⟨A ρ, d⟩ = ⟨ρ, Aᵀ d⟩, and they equal the gradient by the densities."""
    model, view = random_model(4, 200), random_view(4)
    rng = np.random.default_rng(0)
    splatter = CpuSplatter(3.0)
    footprints = splatter.project(model, view)
    other = rng.uniform(0, 5, len(model)).astype(np.float32)
    image = splatter.render(footprints, densities=other)
    d_image = rng.normal(size=image.shape).astype(np.float32)
    back = splatter.moments(footprints, d_image)
    np.testing.assert_allclose(back, splatter.gradient(footprints, d_image).densities, rtol=1e-6)
    assert np.vdot(image.astype(float), d_image) == pytest.approx(
        np.vdot(other.astype(float), back), rel=1e-4)


def test_render_is_linear_in_the_densities():
    """Densities given to render replace the model's."""
    model, view = random_model(4, 50), random_view(4)
    splatter = CpuSplatter()
    footprints = splatter.project(model, view)
    doubled = splatter.render(footprints, densities=2 * model.densities)
    np.testing.assert_allclose(doubled, 2 * splatter.render(footprints), rtol=1e-6)


def test_the_reference_differentiates_its_own_image():
    """Autograd of the float64 reference against finite differences: all blocks, and the pose."""
    model, view = random_model(2, 2, 0.01, 3e-3, 6e-3), random_view(2, 6, 7, 60.0)
    parameters = reference.parameters_of(model, requires_grad=True)
    pose = torch.zeros(6, dtype=torch.float64, requires_grad=True)

    def image(*inputs):
        return reference.render(inputs[:4], view, pose=inputs[4])

    assert torch.autograd.gradcheck(image, (*parameters, pose), eps=1e-7, atol=1e-5)
    points = np.random.default_rng(0).uniform(-0.01, 0.01, (5, 3))
    assert torch.autograd.gradcheck(lambda *inputs: reference.density(inputs, points), parameters,
                                    eps=1e-7, atol=1e-4)


def test_gradients_descend_the_rendered_loss():
    """The kernels' gradient against differences of the kernels' loss, along the gradient."""
    model, view = random_model(9, 40, 0.02, 3e-3, 6e-3), random_view(9)
    splatter = CpuSplatter(6.0)
    target = splatter.render(splatter.project(random_model(10, 40, 0.02, 3e-3, 6e-3), view))

    def loss(candidate):
        residual = splatter.render(splatter.project(candidate, view)).astype(float) - target
        return 0.5 * (residual ** 2).sum(), residual.astype(np.float32)

    _, residual = loss(model)
    gradients = splatter.gradient(splatter.project(model, view), residual)
    for name, step in zip(BLOCKS, (5e-6, 2e-3, 6e-4, 2e-2)):
        gradient = getattr(gradients, name)
        direction = gradient / np.sqrt(np.mean(gradient ** 2))
        values = []
        for sign in (1, -1):
            moved = model.copy()
            getattr(moved, name)[:] += np.float32(sign * step) * direction
            values.append(loss(moved)[0])
        slope = (values[0] - values[1]) / (2 * step)
        assert slope == pytest.approx(float(np.vdot(gradient, direction)), rel=3e-3)


@pytest.mark.parametrize('seed', range(3))
def test_pose_gradient_equals_the_reference(seed):
    """Rotation about the source and translation, through the mean, the covariance and μ."""
    model, view = random_model(seed, 80), random_view(seed)
    parameters = reference.parameters_of(model)
    pose = torch.zeros(6, dtype=torch.float64, requires_grad=True)
    d_image = np.random.default_rng(seed).normal(size=(48, 56))
    (reference.render(parameters, view, 6.0, pose) * torch.tensor(d_image)).sum().backward()
    splatter = CpuSplatter(6.0)
    gradient = splatter.view_gradient(splatter.project(model, view),
                                      d_image.astype(np.float32)).pose
    for part in (slice(0, 3), slice(3, 6)):
        expected = pose.grad.numpy()[part]
        assert np.abs(gradient[part] - expected).max() < 1e-4 * np.abs(expected).max()


def test_pose_gradient_is_that_of_a_moved_view():
    """The documented motion of the view, and its pivot, against differences of the loss."""
    model, view = random_model(3, 60, 0.03, 3e-3, 6e-3), random_view(3)
    splatter = CpuSplatter(6.0)
    weights = np.random.default_rng(3).uniform(0, 1, (48, 56))
    weights *= np.linspace(-1, 1, 56)
    gradient = splatter.view_gradient(splatter.project(model, view),
                                      weights.astype(np.float32)).pose
    pivot = np.array([0.0, 0.0, 0.65])
    about = gradient[:3] - np.cross(pivot, gradient[3:])
    for axis in range(3):
        for step, expected, center in ((2e-4, about[axis], pivot),
                                       (1e-4, gradient[3 + axis], None)):
            values = []
            for sign in (1, -1):
                move = np.zeros(3)
                move[axis] = sign * step
                if center is None:
                    motion = RigidTransform(translation=move)
                else:
                    turn = RigidTransform.from_rotation_vector(move, np.zeros(3))
                    motion = RigidTransform(turn.rotation, center - turn.rotation @ center)
                moved = View(view.k, (motion @ view.source_from_reference).inverse(), 48, 56)
                image = splatter.render(splatter.project(model, moved))
                values.append(float((image * weights).sum()))
            slope = (values[0] - values[1]) / (2 * step)
            scale = np.abs(about if center is not None else gradient[3:]).max()
            assert slope == pytest.approx(expected, rel=5e-3, abs=5e-3 * scale)
