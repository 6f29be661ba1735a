"""The CPU kernels against the float64 reference, over random models, views and boxes."""

from gaussian_scenes import random_model, random_view, Scene, scenes
from hypothesis import example, given
from hypothesis import strategies as st
import numpy as np
import pytest
from scipy.spatial.transform import Rotation
import torch

from ixgs_ros.gaussians import reference
from ixgs_ros.gaussians.cpu import CpuSplatter
from ixgs_ros.gaussians.model import BLOCKS
from ixgs_ros.volume.grid import VoxelGrid
from ixgs_ros.volume.plane import Plane

PARITY = 1e-5   # of the peak


def assert_close(name, found, expected, floor=0.0):
    """Compare to 1e-4 of the largest expected value.

    ``floor`` is what a value would be without cancellation, times a tenth: where a loss's parts
    cancel, float32 cannot say more.
    """
    error = np.abs(found - expected).max()
    assert error < 1e-4 * max(floor, np.abs(expected).max()), f'{name}: {error:.2g}, {expected}'


def assert_gradients_agree(gradients, parameters):
    """Compare blocks of gradients with what autograd left in the reference's parameters."""
    per_density = parameters[3].grad.numpy()
    mass = 0.1 * np.abs(parameters[3].detach().numpy() * per_density).max()
    floors = (mass / float(parameters[1].detach().exp().max()), mass, mass, 0.0)
    for (name, block), parameter, floor in zip(gradients.blocks().items(), parameters, floors):
        assert_close(name, block, parameter.grad.numpy(), floor)


@given(scenes())
def test_image_and_gradients_equal_the_reference(scene: Scene):
    """Image, gradients of all parameters, and of the view's pose and K."""
    view, splatter = scene.view, CpuSplatter(scene.cut)
    parameters = reference.parameters_of(scene.model, requires_grad=True)
    pose = torch.zeros(6, dtype=torch.float64, requires_grad=True)
    intrinsics = torch.tensor(view.intrinsics, requires_grad=True)
    expected = reference.render(parameters, view, scene.cut, pose, intrinsics)
    footprints = splatter.project(scene.model, view)
    image = splatter.render(footprints)
    peak = float(expected.detach().max())
    amplitude = (scene.model.densities * footprints.factors).max()
    # Of footprints that only graze the image, float32 knows no more than their exponent, -7.
    scale = max(peak, 1e-3 * amplitude)
    assert np.abs(image - expected.detach().numpy()).max() <= PARITY * scale
    if peak < 1e-3 * amplitude or peak == 0:
        return
    d_image = scene.noise(image.shape)
    (expected * torch.tensor(d_image, dtype=torch.float64)).sum().backward()
    assert_gradients_agree(splatter.gradient(footprints, d_image), parameters)
    gradient = splatter.view_gradient(footprints, d_image)
    # A translation of the body by 1 m does what all Gaussians moved by 1 m do.
    mass = np.abs(scene.model.densities * parameters[3].grad.numpy()).max()
    floor = 0.1 * mass / footprints.scales.max()
    distance = float(np.linalg.norm(view.source))
    assert_close('turn', gradient.pose[:3], pose.grad[:3].numpy(), distance * floor)
    assert_close('shift', gradient.pose[3:], pose.grad[3:].numpy(), floor)
    assert_close('focal', gradient.intrinsics[:2], intrinsics.grad[:2].numpy(),
                 mass / view.intrinsics[0])
    assert_close('principal', gradient.intrinsics[2:], intrinsics.grad[2:].numpy(),
                 floor * distance / view.intrinsics[0])


@given(seed=st.integers(0, 2 ** 31), count=st.integers(1, 60), cut=st.sampled_from([6.0, 7.5]),
       size=st.tuples(*3 * [st.integers(1, 20)]),
       spacing=st.tuples(*3 * [st.floats(1e-3, 6e-3)]))
@example(seed=0, count=40, cut=6.0, size=(1, 1, 1), spacing=(1e-3, 2e-3, 3e-3))
def test_volume_and_gradients_equal_the_reference(seed, count, cut, size, spacing):
    """The same for the voxelizer, on boxes of any size and spacings about a Gaussian's centre."""
    model = random_model(seed, count, 0.03, 1.5e-3, 7e-3)
    grid = VoxelGrid(model.means[0] - 0.5 * (np.array(size) - 1) * spacing, spacing, size)
    parameters = reference.parameters_of(model, requires_grad=True)
    expected = reference.voxelize(parameters, grid, cut)
    splatter = CpuSplatter(cut)
    volume = splatter.voxelize(model, grid)
    peak = float(expected.detach().max())
    assert np.abs(volume - expected.detach().numpy()).max() <= PARITY * peak
    d_volume = np.random.default_rng(seed).normal(1.0, 1.0, volume.shape).astype(np.float32)
    (expected * torch.tensor(d_volume, dtype=torch.float64)).sum().backward()
    assert_gradients_agree(splatter.voxelize_gradient(model, grid, d_volume), parameters)


@given(seed=st.integers(0, 2 ** 31), size=st.tuples(st.integers(1, 60), st.integers(1, 60)),
       spacing=st.floats(3e-4, 3e-3))
def test_oblique_slice_equals_the_reference(seed, size, spacing):
    """An MPR plane evaluated from the Gaussians is the density at its pixels."""
    model = random_model(seed, 60)
    u, v, _ = Rotation.random(random_state=seed).as_matrix()
    corner = model.means[0] - 0.5 * spacing * ((size[1] - 1) * u + (size[0] - 1) * v)
    plane = Plane(corner, u, v, spacing, *size)
    expected = reference.slice_of(reference.parameters_of(model), plane, 6.0).numpy()
    image = CpuSplatter(6.0).slice(model, plane)
    assert image.shape == size
    assert np.abs(image - expected).max() <= PARITY * expected.max()


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
