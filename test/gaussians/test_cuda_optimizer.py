"""Adam and total variation on the device against those on the CPU; whole steps on the device."""

from device_scenes import DEVICE, tensor
from gaussian_scenes import random_model, random_view
import numpy as np
import pytest
import torch

from ixgs_ros.gaussians import tv
from ixgs_ros.gaussians.cuda.model import DeviceGradients, DeviceModel
from ixgs_ros.gaussians.cuda.optimizer import DeviceAdam
from ixgs_ros.gaussians.cuda.splatter import CudaSplatter
from ixgs_ros.gaussians.cuda.tv import total_variation
from ixgs_ros.gaussians.model import GaussianModel, Gradients
from ixgs_ros.gaussians.optimizer import Adam, AdamConfig


def random_gradients(seed, count):
    rng = np.random.default_rng(seed)
    gradients = Gradients.zeros(count)
    for block in gradients.blocks().values():
        block[:] = rng.normal(size=block.shape)
    return gradients


def on_device(gradients):
    return DeviceGradients(**{name: tensor(block) for name, block in gradients.blocks().items()})


def assert_equal(device_model, model):
    for name, block in device_model.to_host().blocks().items():
        np.testing.assert_allclose(block, getattr(model, name), rtol=2e-5, atol=1e-6, err_msg=name)


# The second reaches every bound within a few steps.
@pytest.mark.parametrize('config', [
    AdamConfig(), AdamConfig(rate_log_scales=0.5, rate_densities=5.0, min_scale=5e-4,
                             max_scale=8e-3, max_anisotropy=4.0),
    AdamConfig(rate_log_scales=0.0, rate_quaternions=0.0)])
def test_steps_and_bounds_are_those_of_the_cpu(config):
    model = random_model(1, 60)
    device_model = DeviceModel.from_host(model, DEVICE)
    cpu, cuda = Adam(60, config), DeviceAdam(60, DEVICE, config)
    for step in range(12):
        gradients = random_gradients(step, 60)
        cpu.step(model, gradients, factor=0.8)
        cuda.step(device_model, on_device(gradients), factor=0.8)
    assert_equal(device_model, model)


def test_a_sample_of_many_damps_them_alike():
    """Of 9,000 Gaussians every fourth is looked at; those between are a thousand times as far."""
    count = 9000
    model = random_model(2, count)
    device_model = DeviceModel.from_host(model, DEVICE)
    cpu, cuda = Adam(count), DeviceAdam(count, DEVICE)
    for step in range(2):
        gradients = random_gradients(step, count)
        gradients.densities[1::2] *= 1000.0
        cpu.step(model, gradients)
        cuda.step(device_model, on_device(gradients))
    assert_equal(device_model, model)


def test_survivors_newcomers_and_restarts_keep_step_with_the_cpu():
    model = random_model(3, 30)
    device_model = DeviceModel.from_host(model, DEVICE)
    cpu, cuda = Adam(30), DeviceAdam(30, DEVICE)
    keep, again = np.arange(30) % 4 > 0, np.array([2, 5])

    def step(seed):
        gradients = random_gradients(seed, len(model))
        cpu.step(model, gradients)
        cuda.step(device_model, on_device(gradients))

    for seed in range(3):
        step(seed)
    for adam, which, restart in ((cpu, keep, again), (cuda, torch.tensor(keep, device=DEVICE),
                                                      torch.tensor(again, device=DEVICE))):
        adam.select(which)
        adam.extend(4)
        adam.forget(restart)
    newcomers = random_model(4, 4)
    device_model = DeviceModel.concatenate([device_model.select(torch.tensor(keep, device=DEVICE)),
                                            DeviceModel.from_host(newcomers, DEVICE)])
    model = GaussianModel.concatenate([model.select(keep), newcomers])
    for seed in range(3, 6):
        step(seed)
    assert len(cuda) == len(cpu) == len(device_model)
    assert_equal(device_model, model)


def test_gradients_that_are_no_numbers_are_refused():
    """The error counts them, and their Gaussians stay as they were."""
    model = random_model(6, 10)
    device_model, adam = DeviceModel.from_host(model, DEVICE), DeviceAdam(10, DEVICE)
    gradients = random_gradients(0, 10)
    gradients.means[3, 1] = np.nan
    gradients.densities[7] = np.inf
    with pytest.raises(FloatingPointError, match='got 2 of 10 Gaussians'):
        adam.step(device_model, on_device(gradients))
    moved = device_model.to_host()
    np.testing.assert_array_equal(moved.means[[3, 7]], model.means[[3, 7]])
    assert (moved.means[4] != model.means[4]).all()
    moved.validate()


def test_wrong_sizes_and_bounds_are_named():
    with pytest.raises(ValueError, match=r'means of shape \(4, 3\), .* got \(5, 3\)'):
        DeviceAdam(4, DEVICE).step(DeviceModel.from_host(random_model(0, 5), DEVICE),
                                   on_device(random_gradients(0, 5)))
    with pytest.raises(ValueError, match='min_scale <= max_scale'):
        DeviceAdam(1, DEVICE, AdamConfig(min_scale=0.1, max_scale=0.01))


@pytest.mark.parametrize('shape', [(7, 5, 9), (1, 4, 3), (1, 1, 1)])
def test_total_variation_is_that_of_the_cpu(shape):
    volume = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    expected, slope = tv.total_variation(volume, 0.2)
    value, gradient = total_variation(tensor(volume), 0.2)
    assert float(value) == pytest.approx(expected, rel=1e-5, abs=1e-6)
    np.testing.assert_allclose(gradient.cpu(), slope, rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match='epsilon > 0'):
        total_variation(tensor(volume), 0.0)


def test_steps_on_the_device_descend():
    """Render, compare, differentiate and move, all on the device: the loss falls by half."""
    view, splatter = random_view(1, 24, 24, 150.0), CudaSplatter(3.0, DEVICE)
    target = splatter.render(splatter.project(
        DeviceModel.from_host(random_model(1, 12, 0.02, 4e-3, 6e-3), DEVICE), view))
    model = DeviceModel.from_host(random_model(2, 12, 0.02, 4e-3, 6e-3), DEVICE)
    adam = DeviceAdam(12, DEVICE, AdamConfig(rate_means=5e-4, rate_densities=1.0,
                                             rate_log_scales=0.03))
    losses = []
    for _ in range(8):
        footprints = splatter.project(model, view)
        residual = splatter.render(footprints) - target
        losses.append(float((residual ** 2).sum()))
        adam.step(model, splatter.gradient(footprints, residual))
    assert losses[-1] < 0.5 * losses[0]
    model.to_host().validate()
