"""The weights file says what it is, and a damaged one is refused."""

from __future__ import annotations

import json

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file
import torch

from ixgs_ros.standardization.network.weights import (
    digest,
    load_weights,
    save_weights,
    WeightsError,
)


@pytest.fixture
def path(weights, tmp_path):
    save_weights(tmp_path / 'bone.safetensors', weights)
    return tmp_path / 'bone.safetensors'


def rewrite(path, **changes):
    """Write the file again with other metadata."""
    with safe_open(path, framework='pt') as file:
        metadata = file.metadata()
    save_file(load_file(path), path, {**metadata, **changes})


def test_what_is_written_is_read(path, weights):
    read = load_weights(path)
    assert read.generator.config == weights.generator.config
    assert read.domain == weights.domain
    assert read.gate == weights.gate
    assert read.licences == {'ellipsoids': 'none needed'}
    assert read.provenance['pool'] == 'ellipsoids' and read.provenance['steps'] == 150
    for name, tensor in weights.generator.state_dict().items():
        assert torch.equal(read.generator.state_dict()[name], tensor)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(WeightsError, match='no such file; expected the weights'):
        load_weights(tmp_path / 'none.safetensors')


@pytest.mark.parametrize('length', [0, 7, 500, -1])
def test_a_cut_file_is_refused(path, length):
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(WeightsError, match='damaged'):
        load_weights(path)


def test_a_changed_value_is_refused(path):
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    with pytest.raises(WeightsError, match='damaged: the weights do not have the digest'):
        load_weights(path)


def test_another_kind_or_version_is_refused(path):
    rewrite(path, schema='99')
    with pytest.raises(WeightsError, match="expected schema '1', got '99'"):
        load_weights(path)
    save_file(load_file(path), path)
    with pytest.raises(WeightsError, match="expected format 'ixgs bone network', got None"):
        load_weights(path)


def test_a_configuration_that_does_not_fit_is_refused(path):
    with safe_open(path, framework='pt') as file:
        config = json.loads(file.metadata()['config'])
    rewrite(path, config=json.dumps({**config, 'channels': 20}))
    with pytest.raises(WeightsError, match='configuration does not fit'):
        load_weights(path)
    rewrite(path, config=json.dumps({**config, 'colour': 12}))
    with pytest.raises(WeightsError, match='colour'):
        load_weights(path)


@pytest.mark.parametrize('changes, words', [
    ({'config': '[1, 2]'}, r'expected config as a JSON object, got \[1, 2\]'),
    ({'config': '{'}, 'expected config as JSON'),
    ({'domain': '3'}, 'expected domain as a JSON object, got 3'),
    ({'domain': '{"level": [1]}'}, r'got level: \[1\]'),
    ({'domain': '{"level": ["low", "high"]}'}, 'expected a range .* got level'),
    ({'domain': '{"level": [null, null]}'}, 'expected a range .* got level'),
    ({'domain': '{"colour": [0, 1]}'}, 'expected a range .* got colour'),
    ({'gate': '5'}, 'expected gate as a number from 0 to 1, got 5'),
    ({'gate': 'NaN'}, 'expected gate as a number from 0 to 1, got nan'),
    ({'gate': '[1]'}, 'expected gate as a number from 0 to 1'),
    ({'provenance': '"mine"'}, 'expected provenance as a JSON object')])
def test_metadata_that_mean_nothing_are_named(path, changes, words):
    rewrite(path, **changes)
    with pytest.raises(WeightsError, match=words) as caught:
        load_weights(path)
    assert '\n' not in str(caught.value)


def test_tensors_that_are_not_those_of_the_configuration_are_named(path):
    with safe_open(path, framework='pt') as file:
        metadata = file.metadata()
    tensors = load_file(path)
    name = next(name for name in sorted(tensors) if tensors[name].ndim == 4)
    shape = tuple(tensors[name].shape)
    broken = torch.full(shape, float('nan'))
    for changed, words in (
            ({**tensors, 'more': torch.zeros(3)}, 'more of shape none .*, got \\(3,\\)'),
            ({key: value for key, value in tensors.items() if key != name}, f'{name} .* got none'),
            ({**tensors, name: broken[:1].contiguous()}, f'the tensor {name} of shape'),
            ({**tensors, name: broken}, f'expected finite values in the tensor {name}')):
        save_file(changed, path, {**metadata, 'sha256': digest(changed)})
        with pytest.raises(WeightsError, match=words) as caught:
            load_weights(path)
        assert '\n' not in str(caught.value)
