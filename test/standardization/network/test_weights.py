"""The weights file says what it is, and a damaged one is refused."""

from __future__ import annotations

import json

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file
import torch

from ixgs_ros.standardization.network.weights import load_weights, save_weights, WeightsError


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
