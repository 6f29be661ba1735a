"""The model's promises: layout and values are checked, each with its own message."""

from gaussian_scenes import random_model, random_view
import numpy as np
import pytest

from ixgs_ros.gaussians.cpu import CpuSplatter
from ixgs_ros.gaussians.model import check_finite, GaussianModel, Gradients
from ixgs_ros.volume.grid import VoxelGrid
from ixgs_ros.volume.plane import Plane

PLANE = Plane(np.full(3, -0.02), [1, 0, 0], [0, 1, 0], 0.001, 40, 40)


def test_a_sound_model_is_valid_and_copies_are_independent():
    model = random_model(0, 10)
    model.validate()
    other = model.copy()
    other.means[0] = 1.0
    assert not np.array_equal(model.means, other.means)


def test_select_and_concatenate_are_inverse():
    model = random_model(0, 10)
    mask = np.arange(10) % 3 == 0
    parts = [model.select(mask), model.select(np.flatnonzero(~mask))]
    joined = GaussianModel.concatenate(parts)
    order = np.concatenate([np.flatnonzero(mask), np.flatnonzero(~mask)])
    for name, block in model.blocks().items():
        np.testing.assert_array_equal(getattr(joined, name), block[order])
    assert len(GaussianModel.concatenate([])) == 0


@pytest.mark.parametrize(('name', 'value', 'message'), [
    ('means', np.nan, 'means with finite values, got .*nan.* at Gaussian 3 '),
    ('log_scales', np.inf, 'log_scales with finite values'),
    ('log_scales', 40.0, 'log_scales with logarithms of metres within ±16'),
    ('quaternions', 0.0, 'quaternions with a norm within 1% of 1, got .* at Gaussian 3'),
    ('quaternions', 1.0, r'a norm within 1% of 1, got \[1.0, 1.0, 1.0, 1.0\]'),
    ('densities', -0.5, r'densities with densities >= 0 \(1/m\), got -0.5 at Gaussian 3'),
])
def test_wrong_values_are_named(name, value, message):
    model = random_model(0, 10)
    getattr(model, name)[3] = value
    with pytest.raises(ValueError, match=message):
        model.validate()


@pytest.mark.parametrize(('name', 'array', 'error', 'message'), [
    ('means', np.zeros((5, 3)), TypeError, 'means as a float32 array, got float64'),
    ('densities', [1.0] * 5, TypeError, 'densities as a float32 array, got list'),
    ('quaternions', np.zeros((5, 3), np.float32), ValueError, r'quaternions of shape \(5, 4\)'),
    ('log_scales', np.zeros((4, 3), np.float32), ValueError, r'log_scales of shape \(5, 3\)'),
    ('log_scales', np.zeros((3, 5), np.float32).T, ValueError, 'log_scales C-contiguous'),
])
def test_wrong_layouts_are_named(name, array, error, message):
    blocks = random_model(0, 5).blocks() | {name: array}
    with pytest.raises(error, match=message):
        GaussianModel(**blocks)


def jobs(model):
    """Return the calls that take a model as it comes."""
    grid = VoxelGrid(np.zeros(3), np.full(3, 0.01), (3, 4, 5))
    splatter, image = CpuSplatter(), np.ones((48, 56), np.float32)
    sound = splatter.project(random_model(0, 9), random_view(0))
    sound.model = model
    calls = {'project': lambda: splatter.project(model, random_view(0)),
             'voxelize': lambda: splatter.voxelize(model, grid),
             'voxelize_gradient': lambda: splatter.voxelize_gradient(
                 model, grid, np.ones(grid.shape, np.float32)),
             'slice': lambda: splatter.slice(model, PLANE)}
    of_densities = {'render': lambda: splatter.render(sound),
                    'gradient': lambda: splatter.gradient(sound, image),
                    'view_gradient': lambda: splatter.view_gradient(sound, image)}
    return calls, of_densities


@pytest.mark.parametrize(('name', 'value'), [
    ('means', np.nan), ('means', -np.inf), ('log_scales', np.nan), ('log_scales', -np.inf),
    ('quaternions', 0.0), ('quaternions', 0.55), ('quaternions', np.nan), ('densities', np.inf),
    ('densities', np.nan)])
def test_kernels_refuse_what_is_not_a_number(name, value):
    """Also unvalidated models end in an error, not in a NaN or a crash, wherever they lie."""
    for away in (0.0, 5.0):
        model = random_model(0, 9)
        model.means += np.float32(away)
        getattr(model, name)[4] = value
        calls, of_densities = jobs(model)
        for job in (calls | (of_densities if name == 'densities' else {})).values():
            with pytest.raises(ValueError, match=f'expected {name} with'):
                job()


def test_norms_within_the_tolerance_are_normalised():
    """The optimiser and float32 leave norms near 1: they draw the same Gaussian."""
    model, splatter = random_model(0, 50), CpuSplatter()
    model.quaternions /= np.linalg.norm(model.quaternions, axis=1, keepdims=True)
    longer = model.copy()
    longer.quaternions *= np.float32(1.0099)
    longer.validate()
    images = [splatter.render(splatter.project(m, random_view(0))) for m in (model, longer)]
    np.testing.assert_allclose(*images, atol=1e-5 * images[0].max())


def test_a_model_that_changed_its_size_after_the_projection_is_refused():
    """A gradient would otherwise read beyond the footprints."""
    splatter, image = CpuSplatter(), np.ones((48, 56), np.float32)
    footprints = splatter.project(random_model(0, 9), random_view(0))
    footprints.model = random_model(0, 12)
    for job in (splatter.gradient, splatter.view_gradient):
        with pytest.raises(ValueError, match=r'means of shape \(9, 3\), got \(12, 3\)'):
            job(footprints, image)


@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
def test_images_that_are_not_finite_are_named(value):
    splatter = CpuSplatter()
    footprints = splatter.project(random_model(0, 9), random_view(0))
    image = np.zeros((48, 56), np.float32)
    image[7, 5] = value
    for job in (splatter.gradient, splatter.view_gradient, splatter.moments):
        with pytest.raises(ValueError, match=r'd_image with finite values, got .* at \[7, 5\]'):
            job(footprints, image)
    grid = VoxelGrid(np.zeros(3), np.full(3, 0.01), (56, 48, 1))
    with pytest.raises(ValueError, match=r'd_volume with finite values, got .* at \[0, 7, 5\]'):
        splatter.voxelize_gradient(footprints.model, grid, image[np.newaxis])


def test_footprints_of_another_cut_are_refused():
    """Their factors make up for what the other cut loses."""
    splatter, other, image = CpuSplatter(3.0), CpuSplatter(4.5), np.ones((48, 56), np.float32)
    model = random_model(0, 9)
    footprints = splatter.project(model, random_view(0, 48, 56))
    for job in (other.gradient, other.view_gradient, other.moments,
                lambda footprints, image: other.render(footprints)):
        with pytest.raises(ValueError, match='with the cut 4.5 of this splatter, got them with 3'):
            job(footprints, image)
    # Projected anew into the same arrays they are the other's.
    footprints = other.project(model, random_view(0, 48, 56), out=footprints)
    assert other.render(footprints).any()
    with pytest.raises(ValueError, match='with the cut 3 of this splatter, got them with 4.5'):
        splatter.render(footprints)


def test_large_finite_values_are_not_taken_for_infinite_ones():
    check_finite('image', np.full(8, 3e38, np.float32))


def test_wrong_images_are_named():
    model, view = random_model(0, 9), random_view(0, 48, 56)
    splatter = CpuSplatter()
    footprints = splatter.project(model, view)
    with pytest.raises(ValueError, match=r'd_image of shape \(48, 56\).*got \(56, 48\)'):
        splatter.gradient(footprints, np.zeros((56, 48), np.float32))
    with pytest.raises(TypeError, match='d_image as a float32 array, got float64'):
        splatter.moments(footprints, np.zeros((48, 56)))
    with pytest.raises(ValueError, match=r'densities of shape \(9,\)'):
        splatter.render(footprints, densities=np.ones(8, np.float32))
    with pytest.raises(ValueError, match=r'means of shape \(9, 3\), got \(8, 3\)'):
        splatter.gradient(footprints, np.zeros((48, 56), np.float32), out=Gradients.zeros(8))


@pytest.mark.parametrize(('arguments', 'message'), [
    ({'cut': 0.5}, 'cut between 1 and 10, got 0.5'), ({'cut': np.nan}, 'cut between 1 and 10'),
    ({'threads': 0}, 'threads between 1 and'), ({'threads': 10_000}, 'threads between 1 and')])
def test_wrong_settings_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        CpuSplatter(**arguments)


def test_reused_results_are_the_same_as_new_ones():
    """`out` arrays are written over completely, by smaller and larger jobs in turn."""
    splatter, fresh = CpuSplatter(), CpuSplatter()
    footprints, gradients = None, None
    for seed, count, height in ((0, 300, 60), (1, 40, 20), (2, 300, 33)):
        model, view = random_model(seed, count), random_view(seed, height, 40)
        footprints = splatter.project(model, view, out=footprints)
        image = splatter.render(footprints)
        gradients = gradients if gradients and len(gradients) == count else Gradients.zeros(count)
        splatter.gradient(footprints, image, out=gradients)
        expected = fresh.project(model, view)
        np.testing.assert_array_equal(image, fresh.render(expected))
        for name, block in fresh.gradient(expected, image).blocks().items():
            np.testing.assert_array_equal(getattr(gradients, name), block)
