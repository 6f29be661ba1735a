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


def metadata_of(path):
    with safe_open(path, framework='pt') as file:
        return file.metadata()


def rewrite(path, tensors=None, **changes):
    """Write the file again with other metadata, or tensors, and their digest."""
    tensors, metadata = tensors or load_file(path), {**metadata_of(path), **changes}
    save_file(tensors, path, {**metadata, 'sha256': digest(tensors, metadata)})


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
    with pytest.raises(WeightsError, match='damaged: tensors and metadata do not have the digest'):
        load_weights(path)


@pytest.mark.parametrize(('name', 'value'), [
    ('gate', '0.5'), ('domain', '{"level": [0.0, 9.0]}'), ('licences', '{}'),
    ('provenance', '{"pool": "another"}')])
def test_metadata_that_were_changed_into_possible_ones_are_refused(path, name, value):
    save_file(load_file(path), path, {**metadata_of(path), name: value})
    with pytest.raises(WeightsError, match='damaged: tensors and metadata do not have the digest'):
        load_weights(path)


def test_a_configuration_that_fits_the_tensors_too_is_refused(path):
    config = json.loads(metadata_of(path)['config'])
    save_file(load_file(path), path, {**metadata_of(path),
                                      'config': json.dumps({**config, 'gain': 3.0})})
    with pytest.raises(WeightsError, match='damaged: tensors and metadata do not have the digest'):
        load_weights(path)


def test_a_file_of_the_first_schema_is_read_by_the_digest_of_its_tensors(path, weights):
    tensors = load_file(path)
    old = {**metadata_of(path), 'schema': '1', 'sha256': digest(tensors, {})}
    save_file(tensors, path, old)
    assert load_weights(path).gate == weights.gate
    save_file(tensors, path, {**old, 'sha256': metadata_of(path)['sha256'][::-1]})
    with pytest.raises(WeightsError, match='damaged: tensors and metadata do not have the digest'):
        load_weights(path)


def test_no_part_of_the_metadata_passes_for_another():
    assert digest({}, {'a': 'xb y', 'b': 'z'}) != digest({}, {'a': 'x', 'b': 'yb z'})


def test_another_kind_or_version_is_refused(path):
    rewrite(path, schema='99')
    with pytest.raises(WeightsError, match="expected schema '3' or '2' or '1', got '99'"):
        load_weights(path)
    save_file(load_file(path), path)
    with pytest.raises(WeightsError, match="expected format 'ixgs bone network', got None"):
        load_weights(path)


def test_a_configuration_that_does_not_fit_is_refused(path):
    config = json.loads(metadata_of(path)['config'])
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
    tensors = load_file(path)
    name = next(name for name in sorted(tensors) if tensors[name].ndim == 4)
    shape = tuple(tensors[name].shape)
    broken = torch.full(shape, float('nan'))
    for changed, words in (
            ({**tensors, 'more': torch.zeros(3)}, 'more of shape none .*, got \\(3,\\)'),
            ({key: value for key, value in tensors.items() if key != name}, f'{name} .* got none'),
            ({**tensors, name: broken[:1].contiguous()}, f'the tensor {name} of shape'),
            ({**tensors, name: broken}, f'expected finite values in the tensor {name}')):
        rewrite(path, changed)
        with pytest.raises(WeightsError, match=words) as caught:
            load_weights(path)
        assert '\n' not in str(caught.value)
