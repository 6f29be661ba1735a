"""Negatives of line integrals are told from right pictures."""

from __future__ import annotations

from dataclasses import replace

from ellipsoids import exposed, material_shot
import numpy as np
import pytest
import torch

from ixgs_ros.parameters import build
from ixgs_ros.standardization.network.config import NetworkConfig, TrainingConfig
from ixgs_ros.standardization.network.dataset import ExposedShots
from ixgs_ros.standardization.network.domain import Domain
from ixgs_ros.standardization.network.finishing import camera_of
from ixgs_ros.standardization.network.inference import BoneNetwork
from ixgs_ros.standardization.network.inputs import channels_of, Scaled
from ixgs_ros.standardization.network.polarity import Polarity
from ixgs_ros.standardization.network.polarity_training import train_polarity
from ixgs_ros.standardization.network.weights import load_weights, save_weights, WeightsError

CONFIG = build(TrainingConfig, {'network.focal': 108.8, 'network.channels': 12,
                                'network.levels': 2, 'tile': 32, 'polarity_steps': 150})


@pytest.fixture(scope='module')
def bodies():
    rng = np.random.default_rng(1)
    return [material_shot(rng, 64) for _ in range(280)]


@pytest.fixture(scope='module')
def trained(bodies):
    torch.set_num_threads(1)
    return train_polarity(ExposedShots(bodies, range(256), exposed), CONFIG, 0, lambda *_: None)


@pytest.fixture(scope='module')
def unseen(bodies):
    examples = ExposedShots(bodies, range(256, 280), exposed)
    return [examples.example(k, np.random.default_rng(k)) for k in range(24)]


@pytest.fixture
def network(weights, trained):
    return BoneNetwork(replace(weights, domain=Domain({}), polarity=trained.polarity,
                               negative_below=trained.limit))


def score_of(polarity, image, mask):
    channels = channels_of(Scaled(np.where(mask, image, 0).astype(np.float32), mask),
                           NetworkConfig())
    with torch.inference_mode():
        return float(polarity(torch.from_numpy(channels)[None]))


@pytest.mark.parametrize('above', [0.0, 3.0, 20.0])
def test_a_negative_has_the_score_of_its_positive_with_the_sign_turned(above):
    torch.manual_seed(3)
    polarity, rng = Polarity().eval(), np.random.default_rng(2)
    image = np.cumsum(rng.normal(size=(48, 40)), axis=0).astype(np.float32)
    mask = rng.random((48, 40)) > 0.1
    score = score_of(polarity, image, mask)
    assert abs(score) > 1e-3
    assert score_of(polarity, above - image, mask) == pytest.approx(-score, rel=1e-3)


def test_most_negatives_of_bodies_that_it_has_not_seen_are_refused_and_no_body(network, unseen):
    def reason(image, example):
        return network.standardize(image.astype(np.float32), example.mask,
                                   camera_of(example)).reason
    assert not any(reason(example.line_integrals, example) for example in unseen)
    refused = [reason(5.0 - example.line_integrals, example) for example in unseen]
    assert np.mean([bool(text) for text in refused]) > 0.7
    assert all('looks like a negative' in text and 'already_log' in text
               for text in refused if text)


def test_what_it_says_of_itself_is_of_shots_that_were_kept(trained):
    assert trained.limit <= 0.0
    assert 0.0 <= trained.wrong < 0.1 and trained.caught > 0.5


def test_the_same_seed_trains_the_same(bodies, trained):
    again = train_polarity(ExposedShots(bodies, range(256), exposed), CONFIG, 0, lambda *_: None)
    assert again.limit == trained.limit
    for name, tensor in trained.polarity.state_dict().items():
        assert torch.equal(again.polarity.state_dict()[name], tensor)


def test_too_few_shots_are_said(bodies):
    with pytest.raises(ValueError, match='at least 225 shots to train the check of polarity on, '
                                         'got 20'):
        train_polarity(ExposedShots(bodies, range(20), exposed), CONFIG, 0, lambda *_: None)


def test_it_is_kept_in_the_file_with_its_limit(network, unseen, tmp_path):
    save_weights(tmp_path / 'bone.safetensors', network.weights)
    read = load_weights(tmp_path / 'bone.safetensors')
    assert read.negative_below == network.weights.negative_below
    example = unseen[0]
    scores = [score_of(of.polarity, example.line_integrals, example.mask)
              for of in (read, network.weights)]
    assert scores[0] == scores[1]


def test_weights_without_it_ask_nothing(weights, unseen, tmp_path):
    save_weights(tmp_path / 'bone.safetensors', replace(weights, domain=Domain({})))
    read = BoneNetwork.load(tmp_path / 'bone.safetensors')
    assert read.weights.polarity is None
    example = unseen[0]
    found = read.standardize(5.0 - example.line_integrals, example.mask, camera_of(example))
    assert not found.reason and np.isnan(found.polarity)


@pytest.mark.parametrize('limit', [float('nan'), 0.5, True])
def test_a_limit_that_is_none_is_refused(network, tmp_path, limit):
    save_weights(tmp_path / 'bone.safetensors', replace(network.weights, negative_below=limit))
    with pytest.raises(WeightsError, match='expected negative_below as a finite number'):
        load_weights(tmp_path / 'bone.safetensors')
