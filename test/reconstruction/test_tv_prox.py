"""The proximal step of total variation: the steps as written, and what they lead to."""

import numpy as np
import pytest

from ixgs_ros.gaussians.team import Team
from ixgs_ros.reconstruction import tv_prox
from ixgs_ros.reconstruction.tv_prox import prox_tv

WEIGHT = 0.5


def gradient(x):
    """Forward differences along x, y, z, (3, z, y, x); 0 across the border."""
    return np.stack([np.diff(x, axis=axis, append=np.take(x, [-1], axis)) for axis in (2, 1, 0)])


def primal(b, weight, p):
    """The volume that belongs to a dual field: max(0, b + weight · div p)."""
    divergence = sum(np.diff(component, axis=axis, prepend=0)
                     for component, axis in zip(p, (2, 1, 0), strict=True))
    return np.maximum(b + weight * divergence, 0)


def objective(x, b):
    return 0.5 * ((x - b) ** 2).sum() + WEIGHT * np.linalg.norm(gradient(x), axis=0).sum()


def noisy(shape):
    """A step in noise, (z, y, x) float32 in 1/m; near enough to 0 to be clipped there."""
    volume = np.random.default_rng(0).normal(0, 0.5, shape)
    volume[..., shape[2] // 2:] += 5
    return volume.astype(np.float32)


@pytest.mark.parametrize('shape', [(9, 11, 13), (3, 2, 16), (5, 4, 35), (2, 2, 2)])
def test_it_does_the_projected_gradient_steps(shape):
    b, p = noisy(shape).astype(float), np.zeros((3, *shape))
    for _ in range(7):
        p = p + gradient(primal(b, WEIGHT, p)) / (12 * WEIGHT)
        p = p / np.maximum(np.linalg.norm(p, axis=0), 1)
    dual = np.zeros((3, *shape), np.float32)
    np.testing.assert_allclose(prox_tv(noisy(shape), WEIGHT, 7, dual), primal(b, WEIGHT, p),
                               atol=1e-5)
    np.testing.assert_allclose(dual, p, atol=1e-5)


def test_going_on_from_the_dual_field_is_one_run():
    b = noisy((6, 7, 18))
    at_once, in_two = (np.zeros((3, *b.shape), np.float32) for _ in range(2))
    expected = prox_tv(b, WEIGHT, 9, at_once)
    prox_tv(b, WEIGHT, 4, in_two)
    np.testing.assert_array_equal(prox_tv(b, WEIGHT, 5, in_two), expected)


def test_it_goes_to_the_minimum():
    """The value of the dual problem bounds that of the primal one from below."""
    b = noisy((8, 9, 20))
    dual = np.zeros((3, *b.shape), np.float32)
    x = prox_tv(b, WEIGHT, 2000, dual).astype(float)
    bound = 0.5 * ((b.astype(float) ** 2).sum() - (primal(b, WEIGHT, dual) ** 2).sum())
    assert bound <= objective(x, b) * (1 + 1e-6)
    assert objective(x, b) - bound < 2e-3 * objective(x, b)
    assert objective(x, b) < 0.6 * objective(np.maximum(b, 0), b)


def test_threads_change_no_bit(monkeypatch):
    b = noisy((9, 11, 21))
    one, three = (np.zeros((3, *b.shape), np.float32) for _ in range(2))
    expected = prox_tv(b, WEIGHT, 5, one)
    monkeypatch.setattr(tv_prox, 'team_of', lambda: Team(3))
    np.testing.assert_array_equal(prox_tv(b, WEIGHT, 5, three), expected)
    np.testing.assert_array_equal(three, one)
