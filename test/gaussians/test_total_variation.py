"""Total variation: closed forms and its gradient."""

import numpy as np
import pytest

from ixgs_ros.gaussians.tv import total_variation


def test_a_constant_volume_has_none():
    value, gradient = total_variation(np.full((4, 5, 6), 20, np.float32), 0.01)
    assert value == pytest.approx(0, abs=1e-4)
    assert np.abs(gradient).max() == 0


@pytest.mark.parametrize('axis', range(3))
def test_a_step_counts_its_area_times_its_height(axis):
    """A face of n × n voxels with a step of 3/m has the variation 3 n²."""
    volume = np.zeros((8, 8, 8), np.float32)
    np.moveaxis(volume, axis, 0)[3:] = 3
    value, _ = total_variation(volume, 1e-4)
    assert value == pytest.approx(3 * 64, rel=1e-3)


def test_it_is_isotropic_at_a_ramp():
    """The ramp a x + b y + c z has √(a² + b² + c²) a voxel, faces apart."""
    z, y, x = np.mgrid[:20, :20, :20].astype(np.float32)
    value, _ = total_variation(1 * x + 2 * y + 2 * z, 1e-6)
    inner = 19 ** 3 * 3.0
    faces = 19 ** 2 * (np.sqrt(5) + np.sqrt(5) + np.sqrt(8))
    edges = 19 * (1 + 2 + 2)
    assert value == pytest.approx(inner + faces + edges, rel=1e-4)


def test_the_gradient_is_the_derivative():
    rng = np.random.default_rng(0)
    volume = rng.normal(size=(5, 6, 7)).astype(np.float32)
    direction = rng.normal(size=volume.shape).astype(np.float32)
    _, gradient = total_variation(volume, 0.3)
    step = 1e-2
    up, down = (total_variation(volume + np.float32(sign * step) * direction, 0.3)[0]
                for sign in (1, -1))
    assert (up - down) / (2 * step) == pytest.approx(float(np.vdot(gradient, direction)), rel=1e-3)


def test_wrong_input_is_named():
    with pytest.raises(TypeError, match='volume as a float32 array, got float64'):
        total_variation(np.zeros((2, 2, 2)), 0.1)
    with pytest.raises(ValueError, match='epsilon > 0'):
        total_variation(np.zeros((2, 2, 2), np.float32), 0.0)
