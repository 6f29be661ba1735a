"""Where kernels break: nothing to draw, one pixel, needles, at the source, far out of range."""

from gaussian_scenes import one_gaussian, random_model, random_view, view_from
from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from ixgs_ros.gaussians import reference
from ixgs_ros.gaussians.cpu import CpuSplatter
from ixgs_ros.gaussians.model import GaussianModel
from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.geometry.view import View
from ixgs_ros.volume.grid import VoxelGrid
from ixgs_ros.volume.plane import Plane


def test_behind_and_at_the_source_nothing_is_drawn():
    """A Gaussian behind the source, at it, or reaching to it is culled, image and gradient."""
    view = View(np.array([[200.0, 0, 15], [0, 200, 15], [0, 0, 1]]), RigidTransform(), 31, 31)
    splatter = CpuSplatter(3.0)
    for depth in (-0.5, 0.0, 0.011):
        model = one_gaussian((0, 0, depth), (4e-3,) * 3)
        footprints = splatter.project(model, view)
        image = splatter.render(footprints)
        gradients = splatter.gradient(footprints, np.ones_like(image))
        assert not footprints.seen.any() and (image == 0).all()
        assert all((block == 0).all() for block in gradients.blocks().values())
    model = one_gaussian((0, 0, 0.013), (4e-3,) * 3)
    assert splatter.render(splatter.project(model, view)).max() > 0


def test_outside_the_image_nothing_is_drawn_and_no_other_pixel_touched():
    """Footprints beyond each border leave zeros; one across a border leaves its inner part."""
    view = view_from(np.eye(3), 40, 50, 600.0)
    splatter = CpuSplatter(3.0)
    wide = view_from(np.eye(3), 240, 250, 600.0)
    for x, y in ((0.06, 0), (-0.06, 0), (0, 0.06), (0, -0.06), (0.025, 0.02), (-0.026, 0)):
        model = one_gaussian((x, y, 0), (2e-3, 3e-3, 2e-3))
        footprints = splatter.project(model, view)
        image = splatter.render(footprints)
        inner = splatter.render(splatter.project(model, wide))[100:140, 100:150]
        assert footprints.seen.any() == bool(image.any())
        np.testing.assert_allclose(image, inner, rtol=2e-5, atol=1e-7)


def test_one_pixel_and_empty_models():
    """A one-pixel image and a model of nothing are ordinary cases."""
    splatter = CpuSplatter(6.0)
    view = view_from(np.eye(3), 1, 1, 300.0)
    model = random_model(1, 40)
    expected = reference.render(reference.parameters_of(model), view, 6.0).numpy()
    footprints = splatter.project(model, view)
    np.testing.assert_allclose(splatter.render(footprints), expected, rtol=1e-5)
    assert len(splatter.gradient(footprints, np.ones((1, 1), np.float32))) == 40
    empty = splatter.project(GaussianModel.empty(), view)
    assert splatter.render(empty).tolist() == [[0.0]]
    assert len(splatter.gradient(empty, np.ones((1, 1), np.float32))) == 0
    assert splatter.moments(empty, np.ones((1, 1), np.float32)).shape == (0,)


@pytest.mark.parametrize('cut', [3.0, 6.0])
def test_needles_and_discs_are_drawn_right(cut):
    """Needles of 1 : 1000 and discs of 1 : 200 in any direction, far thinner than a pixel."""
    rng = np.random.default_rng(8)
    model = random_model(8, 64, 0.02)
    model.log_scales[:] = np.log([5e-2, 5e-5, 5e-5])
    model.log_scales[::2] = np.log([1e-2, 1e-2, 5e-5])
    view = random_view(3, 64, 64, 500.0)
    splatter = CpuSplatter(cut)
    footprints = splatter.project(model, view)
    image = splatter.render(footprints)
    expected = reference.render(reference.parameters_of(model), view, cut).numpy()
    assert np.isfinite(image).all()
    # Pixels on the cut's edge may fall either way by rounding: they differ by at most e(cut).
    edge = np.abs(image - expected) > 1e-3 * expected.max()
    assert edge.mean() < (0.01 if cut < 5 else 1e-9)
    gradients = splatter.gradient(footprints, rng.normal(size=image.shape).astype(np.float32))
    assert all(np.isfinite(block).all() for block in gradients.blocks().values())


def test_grazing_discs_are_drawn_right():
    """Discs of 1 : 1000 seen within a degree of edge-on, where the conic nearly degenerates."""
    view, splatter = view_from(np.eye(3), 61, 61, 600.0), CpuSplatter(6.0)
    for degrees in (89.0, 89.9, 90.0):
        turn = Rotation.from_euler('zx', [30, degrees], degrees=True)
        model = one_gaussian((0, 0, 0), (1e-2, 1e-2, 1e-5), turn)
        image = splatter.render(splatter.project(model, view))
        expected = reference.render(reference.parameters_of(model), view, 6.0).numpy()
        # Edge-on it is a line a hundredth of a pixel wide, through the middle pixel.
        assert expected[30, 30] == expected.max() > 0
        assert np.abs(image - expected).max() < 2e-3 * expected.max()


def logarithms(low, high):
    """Return numbers from 10^low to 10^high of either sign."""
    return st.builds(lambda power, sign: sign * 10 ** power, st.floats(low, high),
                     st.sampled_from([-1, 1]))


@given(mean=st.tuples(logarithms(-4, 0), logarithms(-4, 0), logarithms(-4, 0.5)),
       scales=st.tuples(*3 * [st.floats(-6, 0.5)]), seed=st.integers(0, 2 ** 31),
       focal=st.floats(0, 4), size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
       cut=st.sampled_from([3.0, 6.0]))
def test_any_gaussian_is_drawn_right_or_refused(mean, scales, seed, focal, size, cut):
    """Sizes from 1 µm to 3 m, anywhere about the source, focal lengths of 1 to 10 000 pixels."""
    view = View(np.array([[10 ** focal, 0, size[1] / 2], [0, 10 ** focal, size[0] / 3],
                          [0, 0, 1]]), RigidTransform(), *size)
    model = one_gaussian(mean, tuple(10.0 ** np.array(scales)),
                         Rotation.random(random_state=seed))
    splatter = CpuSplatter(cut)
    footprints = splatter.project(model, view)
    image = splatter.render(footprints)
    gradients = splatter.gradient(footprints, np.ones(size, np.float32))
    of_view = splatter.view_gradient(footprints, np.ones(size, np.float32))
    for array in (image, of_view.pose, of_view.intrinsics, *gradients.blocks().values()):
        assert np.isfinite(array).all()
    expected = reference.render(reference.parameters_of(model), view, cut).numpy()
    # On the edge of the cut a pixel may fall either way. And float32 places a footprint to some
    # 1e-5 of a pixel, which shows in those thinner than a hundredth.
    thinnest = 1 / np.sqrt(max(footprints.table[0, 4], footprints.table[0, 2]))
    inside = np.abs(image - expected) < 1e-4 * max(1.0, 0.03 / thinnest) * float(
        model.densities[0] * footprints.factors[0]) + 1e-30
    jump = np.exp(-0.5 * cut * cut) * 1.1 * model.densities[0] * footprints.factors[0]
    assert (inside | (np.abs(image - expected) < jump)).all()


@given(scales=st.tuples(*3 * [st.floats(-6, 0.5)]), seed=st.integers(0, 2 ** 31),
       spacing=st.tuples(*3 * [st.floats(-4, -1)]), size=st.tuples(*3 * [st.integers(1, 9)]))
def test_any_gaussian_is_voxelized_to_numbers(scales, seed, spacing, size):
    """The same for boxes of any spacing, and planes: never NaN, never above its density."""
    turn = Rotation.random(random_state=seed)
    model = one_gaussian((0.01, -0.02, 0.03), tuple(10.0 ** np.array(scales)), turn, 20.0)
    grid = VoxelGrid([0.0, -0.03, 0.02], 10.0 ** np.array(spacing), size)
    splatter = CpuSplatter(6.0)
    volume = splatter.voxelize(model, grid)
    u, v, _ = turn.as_matrix()
    image = splatter.slice(model, Plane([0.01, -0.02, 0.03], u, v, 10.0 ** spacing[0], *size[:2]))
    gradients = splatter.voxelize_gradient(model, grid, np.ones_like(volume))
    for array in (volume, image):
        assert (array >= 0).all() and (array <= 20.001).all()
    assert all(np.isfinite(block).all() for block in gradients.blocks().values())


@pytest.mark.parametrize(('block', 'value'), [('means', 3e38), ('log_scales', 15.9),
                                              ('log_scales', -15.9)])
def test_what_leaves_the_range_of_float32_is_refused_or_a_number(block, value):
    model, view, splatter = random_model(0, 5), random_view(0), CpuSplatter()
    getattr(model, block)[2] = value
    grid = VoxelGrid(np.zeros(3), np.full(3, 1e-3), (3, 4, 5))
    for job in (lambda: splatter.render(splatter.project(model, view)),
                lambda: splatter.voxelize(model, grid)):
        try:
            assert np.isfinite(job()).all()
        except ValueError as error:
            assert 'within float32 range, got 1 of 5' in str(error)
