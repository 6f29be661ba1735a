"""What is unusual and must work on the device, and what must be refused in plain words."""

from device_scenes import DEVICE, tensor
from gaussian_scenes import one_gaussian, random_model, random_view, view_from
import numpy as np
import pytest
import torch

from ixgs_ros.gaussians import reference
from ixgs_ros.gaussians.cpu import CpuSplatter
from ixgs_ros.gaussians.cuda.model import DeviceGradients, DeviceModel
from ixgs_ros.gaussians.cuda.splatter import CudaSplatter
from ixgs_ros.gaussians.model import GaussianModel
from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.geometry.view import View
from ixgs_ros.volume.grid import VoxelGrid

# The interpreter's numpy reports what is computed for Gaussians that are then masked.
pytestmark = pytest.mark.filterwarnings('ignore::RuntimeWarning:triton')

GRID = VoxelGrid(np.full(3, -0.02), np.full(3, 0.01), (5, 4, 3))


def on_device(model):
    return DeviceModel.from_host(model, DEVICE)


def test_a_model_of_nothing():
    splatter, view = CudaSplatter(3.0, DEVICE), view_from(np.eye(3), 20, 21, 300.0)
    empty = on_device(GaussianModel.empty())
    footprints = splatter.project(empty, view)
    image = splatter.render(footprints)
    assert image.shape == (20, 21) and not image.any()
    assert len(splatter.gradient(footprints, image)) == 0
    assert splatter.moments(footprints, image).shape == (0,)
    gradient = splatter.view_gradient(footprints, image)
    assert gradient.pose.tolist() == [0.0] * 6 and gradient.intrinsics.tolist() == [0.0] * 4
    volume = splatter.voxelize(empty, GRID)
    assert volume.shape == GRID.shape and not volume.any()
    assert len(splatter.voxelize_gradient(empty, GRID, volume)) == 0


def test_one_pixel():
    model, view = random_model(1, 30), view_from(np.eye(3), 1, 1, 300.0)
    splatter = CudaSplatter(6.0, DEVICE)
    footprints = splatter.project(on_device(model), view)
    expected = reference.render(reference.parameters_of(model), view, 6.0).numpy()
    np.testing.assert_allclose(splatter.render(footprints).cpu(), expected, rtol=1e-5)
    assert len(splatter.gradient(footprints, tensor(np.ones((1, 1))))) == 30


@pytest.mark.parametrize('depth, drawn', [(-0.5, False), (0.0, False), (0.011, False),
                                          (0.013, True)])
def test_behind_and_at_the_source_nothing_is_drawn(depth, drawn):
    """4 mm reach 12 mm at three sigma: a support that touches the source's plane is culled."""
    view = View(np.array([[200.0, 0, 15], [0, 200, 15], [0, 0, 1]]), RigidTransform(), 31, 31)
    splatter = CudaSplatter(3.0, DEVICE)
    footprints = splatter.project(on_device(one_gaussian((0, 0, depth), (4e-3,) * 3)), view)
    image = splatter.render(footprints)
    gradients = splatter.gradient(footprints, torch.ones_like(image))
    assert footprints.seen.tolist() == [drawn] and bool(image.any()) == drawn
    assert any(block.any() for block in gradients.blocks().values()) == drawn
    assert bool(splatter.view_gradient(footprints, torch.ones_like(image)).pose.any()) == drawn


def test_outside_the_image_nothing_is_drawn():
    """Beyond each border nothing is seen; across one, the inner part of a wider image."""
    view, wide = view_from(np.eye(3), 40, 50, 600.0), view_from(np.eye(3), 80, 90, 600.0)
    splatter = CudaSplatter(3.0, DEVICE)
    for x, y in ((0.06, 0), (-0.06, 0), (0, 0.06), (0, -0.06), (0.025, 0.02), (-0.026, 0)):
        model = on_device(one_gaussian((x, y, 0), (2e-3, 3e-3, 2e-3)))
        footprints = splatter.project(model, view)
        image = splatter.render(footprints)
        inner = splatter.render(splatter.project(model, wide))[20:60, 20:70]
        assert bool(footprints.seen.any()) == bool(image.any())
        torch.testing.assert_close(image, inner, rtol=2e-5, atol=1e-7)


@pytest.mark.parametrize('cut', [3.0, 6.0])
def test_needles_are_drawn_right(cut):
    """Needles of 1 : 200 and plates, thinner than a pixel: no underflow, no overflow."""
    model = random_model(8, 24, 0.02)
    model.log_scales[:] = np.log([2e-2, 1e-4, 1e-4])
    model.log_scales[::2] = np.log([1e-2, 1e-2, 5e-5])
    view = random_view(3, 40, 40, 300.0)
    splatter = CudaSplatter(cut, DEVICE)
    footprints = splatter.project(on_device(model), view)
    image = splatter.render(footprints).cpu().numpy()
    expected = reference.render(reference.parameters_of(model), view, cut).numpy()
    edge = np.abs(image - expected) > 1e-4 * expected.max()
    assert edge.mean() < (0.01 if cut < 5 else 1e-9)
    gradients = splatter.gradient(footprints, tensor(np.random.default_rng(8).normal(
        size=image.shape)))
    assert all(torch.isfinite(block).all() for block in gradients.blocks().values())


def test_a_uniform_object_keeps_its_mass_at_three_sigma():
    """Σ voxels · their volume is the mass ρ s³ (2π)^1.5: what the cut takes is given back."""
    model = one_gaussian((0.001, -0.0005, 0.0003), (4e-3, 3e-3, 5e-3))
    grid = VoxelGrid(np.full(3, -0.016), np.full(3, 0.001), (33, 33, 33))
    mass = float(CudaSplatter(3.0, DEVICE).voxelize(on_device(model), grid).sum()) * 1e-9
    assert mass == pytest.approx(20.0 * 60e-9 * (2 * np.pi) ** 1.5, rel=3e-3)


def test_wrong_gaussians_are_named():
    splatter, view = CudaSplatter(3.0, DEVICE), view_from(np.eye(3), 20, 20, 300.0)
    for name, value in (('means', np.nan), ('log_scales', -90.0), ('quaternions', 0.0),
                        ('quaternions', 0.51)):
        model = random_model(0, 5)
        getattr(model, name)[3] = value
        with pytest.raises(ValueError, match=f'expected {name} with .* at Gaussian 3'):
            splatter.project(on_device(model), view)
        with pytest.raises(ValueError, match=f'expected {name} with .* at Gaussian 3'):
            splatter.voxelize(on_device(model), GRID)


def test_quaternions_are_refused_where_the_cpu_refuses_them_in_the_same_words():
    view = view_from(np.eye(3), 20, 20, 300.0)
    cpu, cuda = CpuSplatter(3.0), CudaSplatter(3.0, DEVICE)
    unit = random_model(0, 5)
    unit.quaternions /= np.linalg.norm(unit.quaternions, axis=1, keepdims=True)
    for length in (0.5, 0.989, 0.991, 1.009, 1.011, 40.0):
        model = unit.copy()
        model.quaternions[3] *= np.float32(length)
        messages = []
        for splatter, kept in ((cpu, model), (cuda, on_device(model))):
            for job, where in ((splatter.project, view), (splatter.voxelize, GRID)):
                try:
                    job(kept, where)
                    messages.append('')
                except ValueError as error:
                    messages.append(str(error))
        assert len(set(messages)) == 1
        assert ('within 1% of 1' in messages[0]) == (abs(length - 1) > 0.01)


def test_wrong_arguments_are_named():
    splatter, view = CudaSplatter(3.0, DEVICE), view_from(np.eye(3), 20, 21, 300.0)
    model = on_device(random_model(0, 5))
    footprints = splatter.project(model, view)
    with pytest.raises(ValueError, match=r'd_image of shape \(20, 21\), .* got \(21, 20\)'):
        splatter.gradient(footprints, tensor(np.zeros((21, 20))))
    with pytest.raises(TypeError, match='d_image as a float32 tensor, got torch.float64'):
        splatter.moments(footprints, torch.zeros(20, 21, dtype=torch.float64))
    with pytest.raises(TypeError, match='densities as a float32 tensor, got ndarray'):
        splatter.render(footprints, densities=np.ones(5, np.float32))
    other, image = CudaSplatter(4.0, DEVICE), tensor(np.zeros((20, 21)))
    for job in (lambda: other.render(footprints), lambda: other.gradient(footprints, image),
                lambda: other.moments(footprints, image),
                lambda: other.view_gradient(footprints, image)):
        with pytest.raises(ValueError, match='with the cut 4 of this splatter, got them with 3'):
            job()
    with pytest.raises(ValueError, match=r'd_volume of shape \(3, 4, 5\)'):
        splatter.voxelize_gradient(model, GRID, tensor(np.zeros((5, 4, 3))))
    with pytest.raises(ValueError, match=r'means on .*, got it on meta'):
        splatter.project(DeviceModel.from_host(random_model(0, 5), 'meta'), view)
    with pytest.raises(ValueError, match='cut between 1 and 10, got 11'):
        CudaSplatter(11, DEVICE)


@pytest.mark.skipif(torch.cuda.is_available(), reason='needs a machine without a GPU')
def test_a_device_that_is_not_there_is_refused_with_what_to_do(monkeypatch):
    with pytest.raises(RuntimeError, match='expected a CUDA device, torch sees none: install'):
        CudaSplatter()
    monkeypatch.setenv('TRITON_INTERPRET', '0')
    with pytest.raises(RuntimeError, match='expected a CUDA device, got cpu: on a CPU use'):
        CudaSplatter(device='cpu')


def test_a_model_goes_to_the_device_and_back():
    """Round trip, selection and concatenation, as the model on the host does them."""
    model, other = random_model(1, 7), random_model(2, 4)
    keep = np.arange(7) % 3 > 0
    device_model = DeviceModel.concatenate([
        on_device(model).select(torch.tensor(keep, device=DEVICE)), on_device(other).copy()])
    expected = GaussianModel.concatenate([model.select(keep), other])
    for name, block in device_model.to_host().blocks().items():
        np.testing.assert_array_equal(block, getattr(expected, name))


def test_gradients_add_up():
    """Those of an image and of a volume, weighted, as a loss of two terms needs them."""
    total, one = DeviceGradients.zeros(3, DEVICE), DeviceGradients.zeros(3, DEVICE)
    one.means += 2.0
    one.densities -= 1.0
    total.add(one)
    total.add(one, factor=0.5)
    assert (total.to_host().means == 3.0).all() and (total.to_host().densities == -1.5).all()


def test_warm_up_runs_every_kernel():
    CudaSplatter(3.0, DEVICE).warm_up()
