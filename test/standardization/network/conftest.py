"""A small network that was trained for some seconds, shared by the tests."""

from __future__ import annotations

from ellipsoids import exposed, material_shot
import numpy as np
import pytest
import torch

from ixgs_ros.parameters import build
from ixgs_ros.standardization.network.config import TrainingConfig
from ixgs_ros.standardization.network.dataset import ExposedShots
from ixgs_ros.standardization.network.finishing import finish
from ixgs_ros.standardization.network.schedule import Budget
from ixgs_ros.standardization.network.training import Trainer

# 32 pixels a row, a hundredth of the usual work.
SMALL = {'network.focal': 108.8, 'network.channels': 12, 'network.levels': 2, 'tile': 32,
         'batch': 4, 'averaging': 0.9, 'learning_rate': 5e-3}


@pytest.fixture(autouse=True)
def one_thread():
    """One thread, so that sums are in one order, and tests side by side do not wait."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope='session')
def shots():
    rng = np.random.default_rng(0)
    return [material_shot(rng, 64) for _ in range(80)]


@pytest.fixture(scope='session')
def examples(shots):
    return ExposedShots(shots, range(60), exposed)


@pytest.fixture(scope='session')
def unseen(shots):
    return ExposedShots(shots, range(60, 80), exposed)


@pytest.fixture(scope='session')
def small_config():
    return build(TrainingConfig, SMALL)


@pytest.fixture(scope='session')
def weights(small_config, examples):
    torch.set_num_threads(1)
    trainer = Trainer(small_config, examples, seed=0)
    trainer.train(Budget(steps=150), lambda trainer, terms: None)
    return finish(trainer, {'pool': 'ellipsoids'}, {'ellipsoids': 'none needed'})
