"""Training repeats to the bit, goes on where it was, and learns."""

from __future__ import annotations

from dataclasses import replace
import math

from conftest import SMALL
import cv2
import numpy as np
import pytest
import torch

from ixgs_ros.parameters import build
from ixgs_ros.standardization.network.checkpoint import (
    CheckpointError,
    load_checkpoint,
    save_checkpoint,
)
from ixgs_ros.standardization.network.config import TrainingConfig
from ixgs_ros.standardization.network.finishing import (
    bone_by,
    choose_gate,
    evaluate,
    sample,
)
from ixgs_ros.standardization.network.inference import BoneNetwork
from ixgs_ros.standardization.network.log import SAMPLES, TrainingLog
from ixgs_ros.standardization.network.pictures import EDGE
from ixgs_ros.standardization.network.schedule import Budget, one_cycle
from ixgs_ros.standardization.network.training import Trainer


def trained(config, examples, steps, seed=5, until=None):
    trainer = Trainer(config, examples, seed)
    while trainer.step < (until or steps):
        trainer.take_step(trainer.step / steps)
    return trainer


def assert_equal_weights(first, second):
    for name, tensor in first.average.state_dict().items():
        assert torch.equal(tensor, second.average.state_dict()[name]), name


@pytest.fixture(scope='module')
def adversarial_config():
    return build(TrainingConfig, {**SMALL, 'loss.adversarial': 0.05})


def test_two_runs_end_with_the_same_weights(small_config, examples):
    assert_equal_weights(trained(small_config, examples, 20), trained(small_config, examples, 20))


def test_another_seed_is_another_run(small_config, examples):
    first, second = (trained(small_config, examples, 2, seed).average.head.weight
                     for seed in (1, 2))
    assert not torch.equal(first, second)


def test_bfloat16_rounds_the_convolutions_and_nothing_else(examples):
    """The same loss to a few per cent, and weights that stay float32."""
    losses = {}
    for precision in ('float32', 'bfloat16'):
        trainer = Trainer(build(TrainingConfig, {**SMALL, 'precision': precision}), examples, 5)
        losses[precision] = [sum(trainer.take_step(0.1).values()) for _ in range(3)]
        assert all(p.dtype == torch.float32 for p in trainer.generator.parameters())
    assert losses['bfloat16'] == pytest.approx(losses['float32'], rel=0.03)
    assert losses['bfloat16'] != losses['float32']


def test_resumed_is_uninterrupted(adversarial_config, examples, tmp_path):
    path = tmp_path / 'a.checkpoint'
    save_checkpoint(path, trained(adversarial_config, examples, 10, until=4))
    resumed = Trainer(adversarial_config, examples, 5)
    load_checkpoint(path, resumed)
    assert resumed.step == 4
    resumed.train(Budget(steps=10), lambda trainer, terms: None)
    assert_equal_weights(resumed, trained(adversarial_config, examples, 10))


def test_pictures_of_progress_come_with_the_checkpoints(small_config, examples, tmp_path):
    """They show the same shots and another network each time, and move no draw of the training."""
    path, trainer, shown = tmp_path / 'a.checkpoint', Trainer(small_config, examples, 5), []
    log = TrainingLog(path, lambda line: None, save_every=0.0)

    def report(trainer, terms):
        log(trainer, terms)
        shown.append(cv2.imread(str(tmp_path / 'a.checkpoint.png'), cv2.IMREAD_GRAYSCALE))

    trainer.train(Budget(steps=20), report)
    first, last = (picture.reshape(SAMPLES * EDGE, 4, EDGE) for picture in (shown[0], shown[-1]))
    for column, same in enumerate([True, False, True, False]):
        assert np.array_equal(first[:, column], last[:, column]) == same
    assert sorted(file.name for file in tmp_path.iterdir()) == ['a.checkpoint', 'a.checkpoint.png']
    assert_equal_weights(trainer, trained(small_config, examples, 20))


def test_a_checkpoint_of_other_settings_is_refused(small_config, examples, tmp_path):
    path = tmp_path / 'a.checkpoint'
    save_checkpoint(path, trained(small_config, examples, 10, until=1))
    with pytest.raises(CheckpointError, match='seed = 5, expected 6'):
        load_checkpoint(path, Trainer(small_config, examples, 6))
    with pytest.raises(CheckpointError, match='which shots_sha256 .* another version'):
        load_checkpoint(path, Trainer(small_config, examples, 5, data={'shots_sha256': 'ab'}))
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match='cannot be read'):
        load_checkpoint(path, Trainer(small_config, examples, 5))


def test_it_learns(weights, unseen):
    found = evaluate(bone_by(BoneNetwork(weights)), sample(unseen, 20, 0))
    # No bone at all would be 1, 0 and 1.
    assert found['relative_l1'] < 0.8
    assert found['invented'] < 0.1
    assert found['lost'] < 0.8


def test_a_training_that_goes_astray_says_at_which_step(small_config, examples):
    trainer = trained(small_config, examples, 2)
    with torch.no_grad():
        next(trainer.generator.parameters())[:] = math.nan
    with pytest.raises(FloatingPointError, match='step 2: expected finite losses, got .*nan'):
        trainer.take_step(0.5)


def test_weights_need_shots_with_bone(weights, examples):
    boneless = [replace(example, bone=np.zeros_like(example.bone))
                for example in sample(examples, 4, 0)]
    with pytest.raises(ValueError, match='error on 4 shots, got nan: has none of them bone'):
        choose_gate(weights.generator, weights.domain, boneless)


def test_a_training_needs_shots_and_a_fitting_tile(small_config, examples):
    with pytest.raises(ValueError, match='at least one shot'):
        Trainer(small_config, [], 0)
    with pytest.raises(ValueError, match='multiple of 4 px, got 34'):
        Trainer(build(TrainingConfig, {**SMALL, 'tile': 34}), examples, 0)


def test_the_rate_rises_and_falls():
    rates = [one_cycle(progress, 1.0) for progress in (0.0, 0.05, 0.1, 0.5, 1.0)]
    assert rates[0] < rates[1] < rates[2] == 1.0 > rates[3] > rates[4] > 0.0


def test_a_budget_is_steps_or_time():
    assert Budget(steps=10).progress(5, 1e9) == 0.5
    assert Budget(seconds=10.0).progress(10**9, 5.0) == 0.5
    for arguments in ((), (3, 3.0), (-3, 3.0), (3, -3.0), (3, math.nan), (0, math.inf)):
        with pytest.raises(ValueError, match='either a number of steps or a time'):
            Budget(*arguments)


def test_a_training_goes_on_from_a_network(small_config, examples, weights):
    """It begins with the network's images; one of another kind is refused."""
    trainer = Trainer(small_config, examples, 3, start=weights.generator)
    fresh = Trainer(small_config, examples, 3)
    assert trainer.take_step(0.0)['l1'] < 0.8 * fresh.take_step(0.0)['l1']
    with pytest.raises(ValueError, match='expected a network of'):
        Trainer(build(TrainingConfig, {**SMALL, 'network.gain': 1.2}), examples, 3,
                start=weights.generator)


def test_a_checkpoint_of_another_start_is_refused(small_config, examples, weights, tmp_path):
    path = tmp_path / 'a.checkpoint'
    save_checkpoint(path, Trainer(small_config, examples, 3, start=weights.generator))
    load_checkpoint(path, Trainer(small_config, examples, 3, start=weights.generator))
    with pytest.raises(CheckpointError, match='started_from'):
        load_checkpoint(path, Trainer(small_config, examples, 3))
