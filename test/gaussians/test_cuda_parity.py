"""The CUDA kernels against the float64 reference and the CPU back end, in Triton's interpreter.

On a machine with a GPU the same tests run the compiled kernels.
"""

from device_scenes import DEVICE, tensor
from gaussian_scenes import random_model, random_view
import numpy as np
import pytest
from scipy.spatial.transform import Rotation
import torch

from ixgs_ros.gaussians import reference
from ixgs_ros.gaussians.cpu import CpuSplatter
from ixgs_ros.gaussians.cuda.model import DeviceModel
from ixgs_ros.gaussians.cuda.splatter import CudaSplatter
from ixgs_ros.gaussians.model import BLOCKS
from ixgs_ros.volume.grid import VoxelGrid
from ixgs_ros.volume.plane import Plane

# Three spacings, sizes that no brick divides, Gaussians on all sides.
GRID = VoxelGrid([-0.03, -0.02, -0.035], [0.006, 0.005, 0.004], (11, 9, 17))


def assert_close(actual, expected, tolerance, name='image'):
    """Compare with a tolerance relative to the largest expected value."""
    error = np.abs(actual.cpu().numpy() - expected).max() / np.abs(expected).max()
    assert error < tolerance, f'{name}: {error:.2g}'


def assert_gradients_agree(gradients, parameters):
    for name, parameter in zip(BLOCKS, parameters):
        assert_close(getattr(gradients, name), parameter.grad.numpy(), 1e-4, name)


@pytest.mark.parametrize('seed, cut, high', [(0, 6.0, 2e-3), (1, 6.0, 6e-3), (2, 7.5, 1.5e-2)])
def test_image_and_all_gradients_equal_the_reference(seed, cut, high):
    """Image to 1e-5 of its peak; gradients, those by pose and K too, to 1e-4 of the largest."""
    model, view = random_model(seed, 40, high=high), random_view(seed, 37, 45, 300.0)
    parameters = reference.parameters_of(model, requires_grad=True)
    pose = torch.zeros(6, dtype=torch.float64, requires_grad=True)
    intrinsics = torch.tensor(view.intrinsics, requires_grad=True)
    expected = reference.render(parameters, view, cut, pose, intrinsics)
    splatter = CudaSplatter(cut, DEVICE)
    footprints = splatter.project(DeviceModel.from_host(model, DEVICE), view)
    assert_close(splatter.render(footprints), expected.detach().numpy(), 1e-5)
    d_image = np.random.default_rng(seed).normal(size=(37, 45))
    (expected * torch.tensor(d_image)).sum().backward()
    assert_gradients_agree(splatter.gradient(footprints, tensor(d_image)), parameters)
    by_view = splatter.view_gradient(footprints, tensor(d_image))
    assert by_view.pose.dtype == torch.float64
    for part in (slice(0, 3), slice(3, 6)):
        assert_close(by_view.pose[part], pose.grad.numpy()[part], 1e-4, f'pose {part}')
    for part in (slice(0, 2), slice(2, 4)):
        assert_close(by_view.intrinsics[part], intrinsics.grad.numpy()[part], 1e-4, f'K {part}')


@pytest.mark.parametrize('seed, count', [(0, 20), (1, 12)])
def test_volume_and_gradients_equal_the_reference(seed, count):
    """The same for the voxelizer, with three different spacings."""
    model = random_model(seed, count, 0.03)
    parameters = reference.parameters_of(model, requires_grad=True)
    expected = reference.density(parameters, GRID.points(), 6.0)
    splatter, on_device = CudaSplatter(6.0, DEVICE), DeviceModel.from_host(model, DEVICE)
    volume = splatter.voxelize(on_device, GRID)
    assert volume.shape == GRID.shape
    assert_close(volume, expected.detach().numpy(), 1e-5)
    d_volume = np.random.default_rng(seed).normal(size=GRID.shape)
    (expected * torch.tensor(d_volume)).sum().backward()
    gradients = splatter.voxelize_gradient(on_device, GRID, tensor(d_volume))
    assert_gradients_agree(gradients, parameters)


def test_oblique_slice_equals_the_reference():
    """An MPR plane evaluated from the Gaussians is the density at its pixels."""
    model = random_model(3, 60)
    turn = Rotation.random(random_state=3).as_matrix()
    plane = Plane(np.array([0.004, -0.003, 0.002]) - 0.03 * (turn[0] + turn[1]), turn[0], turn[1],
                  0.0017, 34, 39)
    expected = reference.density(reference.parameters_of(model), plane.points(), 6.0).numpy()
    image = CudaSplatter(6.0, DEVICE).slice(DeviceModel.from_host(model, DEVICE), plane)
    assert image.shape == (34, 39)
    assert_close(image, expected, 1e-5)


def test_both_back_ends_agree_at_three_sigma():
    """Image, backprojection, gradients and volume at the cut that is used, culled ones included.

    Pixels on the edge of a cut may fall either way by rounding, worth e(3) = 1.1 % of one
    footprint each: so few may differ.
    """
    model, view = random_model(5, 120, 0.09, high=5e-3), random_view(5, 40, 44, 300.0)
    on_device = DeviceModel.from_host(model, DEVICE)
    cpu, cuda = CpuSplatter(3.0), CudaSplatter(3.0, DEVICE)
    expected, footprints = cpu.project(model, view), cuda.project(on_device, view)
    seen = expected.seen
    assert 0 < seen.sum() < len(seen)
    np.testing.assert_array_equal(footprints.seen.cpu(), seen)
    np.testing.assert_allclose(footprints.centers.cpu(), expected.centers, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(footprints.factors.cpu(), expected.factors, rtol=1e-5)
    image = cpu.render(expected)
    differs = np.abs(cuda.render(footprints).cpu().numpy() - image) > 1e-5 * image.max()
    assert differs.mean() < 2e-3
    d_image = np.random.default_rng(5).normal(size=image.shape).astype(np.float32)
    assert_close(cuda.moments(footprints, tensor(d_image)), cpu.moments(expected, d_image), 1e-3)
    gradients = cuda.gradient(footprints, tensor(d_image))
    for name, block in cpu.gradient(expected, d_image).blocks().items():
        assert_close(getattr(gradients, name), block, 2e-3, name)
        assert not getattr(gradients, name)[~footprints.seen].any()
    volume = cpu.voxelize(model, GRID)
    differs = np.abs(cuda.voxelize(on_device, GRID).cpu().numpy() - volume) > 1e-5 * volume.max()
    assert differs.mean() < 2e-3


def test_moments_are_the_transpose_of_render():
    """⟨A ρ, d⟩ = ⟨ρ, Aᵀ d⟩, with densities given in place of the model's."""
    model, view = random_model(4, 60), random_view(4, 40, 33, 300.0)
    rng = np.random.default_rng(0)
    splatter = CudaSplatter(3.0, DEVICE)
    footprints = splatter.project(DeviceModel.from_host(model, DEVICE), view)
    other, d_image = rng.uniform(0, 5, len(model)), rng.normal(size=(40, 33))
    image = splatter.render(footprints, densities=tensor(other))
    back = splatter.moments(footprints, tensor(d_image))
    assert np.vdot(image.cpu().double().numpy(), d_image) == pytest.approx(
        np.vdot(other, back.cpu().double().numpy()), rel=1e-5)


def test_every_run_gives_the_same_bits():
    """The order of every sum is fixed."""
    model, view = random_model(6, 50), random_view(6, 33, 40, 300.0)

    def everything():
        splatter, on_device = CudaSplatter(3.0, DEVICE), DeviceModel.from_host(model, DEVICE)
        footprints = splatter.project(on_device, view)
        image = splatter.render(footprints)
        gradients = splatter.gradient(footprints, image - 1)
        return [image, splatter.view_gradient(footprints, image).pose,
                splatter.voxelize(on_device, GRID), *gradients.blocks().values()]

    for first, second in zip(everything(), everything()):
        assert torch.equal(first, second)
