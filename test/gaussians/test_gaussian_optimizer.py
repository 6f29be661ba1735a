"""Adam against its textbook form, its bounds, and a model that changes its size."""

from gaussian_scenes import random_model
import numpy as np
import pytest

from ixgs_ros.gaussians.model import GaussianModel, Gradients
from ixgs_ros.gaussians.optimizer import Adam, AdamConfig


def random_gradients(seed: int, count: int) -> Gradients:
    rng = np.random.default_rng(seed)
    gradients = Gradients.zeros(count)
    for block in gradients.blocks().values():
        block[:] = rng.normal(size=block.shape)
    return gradients


@pytest.mark.parametrize('damping', [0.0, 0.7])
def test_steps_equal_the_textbook(damping):
    """Five steps of m, v with bias corrections, in float64 (Kingma and Ba, algorithm 1).

    Its ε is so many times the mean of the roots of v.
    """
    config = AdamConfig(rate_densities=0.2, rate_means=1e-4, min_scale=1e-6, max_anisotropy=1e6,
                        damping=damping)
    model, adam = random_model(0, 30), Adam(30, config)
    model.densities += 10
    means, densities = model.means.astype(float), model.densities.astype(float)
    m, v = np.zeros((2, 30, 3)), np.zeros((2, 30, 3))
    for step in range(1, 6):
        gradients = random_gradients(step, 30)
        adam.step(model, gradients, factor=0.5)
        for k, (values, name, rate) in enumerate(((means, 'means', 1e-4),
                                                  (densities[:, None], 'densities', 0.2))):
            g = getattr(gradients, name).reshape(30, -1).astype(float)
            m[k][:, :g.shape[1]] += 0.1 * (g - m[k][:, :g.shape[1]])
            v[k][:, :g.shape[1]] += 0.01 * (g * g - v[k][:, :g.shape[1]])
            first, second = (state[k][:, :g.shape[1]] / (1 - decay ** step)
                             for state, decay in ((m, 0.9), (v, 0.99)))
            epsilon = 1e-150 + damping * np.sqrt(second).mean()
            values -= 0.5 * rate * first / (np.sqrt(second) + epsilon)
    np.testing.assert_allclose(model.means, means, atol=1e-8)
    np.testing.assert_allclose(model.densities, densities, rtol=1e-5)


def test_where_there_is_nothing_to_fit_nothing_walks():
    """Gradients of a hundredth of the others' size move 1 of 20 as far; undamped as far."""
    moved = {}
    for damping in (0.0, 1.0):
        model, adam = random_model(7, 40), Adam(40, AdamConfig(damping=damping))
        before = model.copy()
        for step in range(10):
            gradients = random_gradients(step, 40)
            gradients.means[::2] *= 0.01
            adam.step(model, gradients)
        far = np.abs(model.means - before.means).mean(axis=1)
        moved[damping] = far[::2].mean() / far[1::2].mean()
    assert moved[0.0] == pytest.approx(1.0, abs=0.3)
    assert moved[1.0] < 0.05


def test_bounds_hold_whatever_the_gradient():
    """Densities stay >= 0; scales in [0.5, 8] mm within 4 : 1; quaternions of unit norm."""
    config = AdamConfig(rate_log_scales=0.5, rate_densities=5.0, min_scale=5e-4, max_scale=8e-3,
                        max_anisotropy=4.0)
    model, adam = random_model(1, 200), Adam(200, config)
    for step in range(20):
        adam.step(model, random_gradients(step, 200))
        scales = np.exp(model.log_scales)
        assert (model.densities >= 0).all()
        assert scales.min() > 4.999e-4 and scales.max() < 8.001e-3
        assert (scales.max(1) / scales.min(1)).max() < 4.001
        np.testing.assert_allclose(np.linalg.norm(model.quaternions, axis=1), 1, atol=1e-6)
    model.validate()


def test_a_rate_of_zero_leaves_its_block_alone():
    config = AdamConfig(rate_log_scales=0.0, rate_quaternions=0.0)
    model, adam = random_model(2, 20), Adam(20, config)
    before = model.copy()
    adam.step(model, random_gradients(0, 20))
    np.testing.assert_array_equal(model.log_scales, before.log_scales)
    np.testing.assert_array_equal(model.quaternions, before.quaternions)
    assert (model.means != before.means).all()


def test_survivors_keep_their_state_and_newcomers_start_afresh():
    """Removing and adding Gaussians changes no other's path, bit for bit."""
    # Damping is by what all have in common.
    config = AdamConfig(damping=0.0)
    model, adam = random_model(3, 40), Adam(40, config)
    whole, reference = model.copy(), Adam(40, config)
    for step in range(3):
        for one, state in ((model, adam), (whole, reference)):
            state.step(one, random_gradients(step, 40))
    keep = np.arange(40) % 4 > 0
    adam.select(keep)
    adam.extend(5)
    model = GaussianModel.concatenate([model.select(keep), random_model(4, 5)])
    newcomers, alone = random_model(4, 5), Adam(5, config)
    for step in range(3, 6):
        gradients, late = random_gradients(step, 40), random_gradients(100 + step, 5)
        reference.step(whole, gradients)
        alone.step(newcomers, late)
        adam.step(model, Gradients(**{name: np.concatenate([block[keep], getattr(late, name)])
                                      for name, block in gradients.blocks().items()}))
    for name, block in model.blocks().items():
        np.testing.assert_array_equal(block[:30], getattr(whole, name)[keep])
        np.testing.assert_array_equal(block[30:], getattr(newcomers, name))


def test_forget_restarts_some():
    model, adam, fresh = random_model(5, 6), Adam(6), Adam(6)
    adam.step(model, random_gradients(0, 6))
    adam.forget(np.arange(6))
    other = model.copy()
    adam.step(model, random_gradients(1, 6))
    fresh.step(other, random_gradients(1, 6))
    np.testing.assert_array_equal(model.means, other.means)


def test_gradients_that_are_no_numbers_are_refused():
    """The error counts them, and their Gaussians stay as they were."""
    model, adam = random_model(6, 10), Adam(10)
    before, gradients = model.copy(), random_gradients(0, 10)
    gradients.means[3, 1] = np.nan
    gradients.densities[7] = np.inf
    with pytest.raises(FloatingPointError, match='got 2 of 10 Gaussians'):
        adam.step(model, gradients)
    np.testing.assert_array_equal(model.means[[3, 7]], before.means[[3, 7]])
    model.validate()


def test_wrong_sizes_and_bounds_are_named():
    with pytest.raises(ValueError, match=r'means of shape \(4, 3\), got \(5, 3\)'):
        Adam(4).step(random_model(0, 5), random_gradients(0, 5))
    with pytest.raises(ValueError, match='min_scale <= max_scale'):
        Adam(1, AdamConfig(min_scale=0.1, max_scale=0.01))
