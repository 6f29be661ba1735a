"""The standardizer with a trained network: bone shots, both kinds, and what it does not know."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ixgs_ros.geometry import RigidTransform, View
from ixgs_ros.parameters import ParameterError
from ixgs_ros.shot import Shot
from ixgs_ros.standardization import Standardizer, StandardizerConfig
from ixgs_ros.standardization.network.inference import BoneNetwork, Standardized
from ixgs_ros.standardization.network.weights import save_weights
from ixgs_ros.standardization.weights import photon_weights
from ixgs_ros.verdict import Code, Refusal


@pytest.fixture(scope='module')
def file(weights, tmp_path_factory):
    path = tmp_path_factory.mktemp('weights') / 'bone.safetensors'
    save_weights(path, weights)
    return path


@pytest.fixture(scope='module')
def standardizer(file):
    made = Standardizer(StandardizerConfig(mode='both', weights=str(file)))
    made.warm_up()
    return made


@pytest.fixture
def example(unseen):
    return unseen.example(3, np.random.default_rng(1))


@pytest.fixture
def shot(example):
    height, width = example.bone.shape
    k = np.array([[example.focal, 0, (width - 1) / 2], [0, example.focal, (height - 1) / 2],
                  [0, 0, 1]])
    view = View(k, RigidTransform(np.eye(3), np.array([0, 0, -0.6])), height, width)
    return Shot(4, 9, view, example.line_integrals,
                photon_weights(example.line_integrals, example.mask))


def test_bone_comes_out_nearer_to_the_truth_than_attenuation(standardizer, shot, example):
    bone = standardizer.standardize(shot)
    assert bone.quantity == 'bone' and bone.exposure_offset == 0.0
    assert (bone.id, bone.stamp_ns, bone.view) == (4, 9, shot.view)
    used = bone.weights > 0
    error = np.abs(bone.line_integrals - example.bone)[used].mean()
    assert error < 0.5 * np.abs(shot.line_integrals - example.bone)[used].mean()


def test_both_are_of_the_same_shot(standardizer, shot):
    bone, attenuation = standardizer.standardize_both(shot)
    assert (bone.quantity, attenuation.quantity) == ('bone', 'attenuation')
    np.testing.assert_array_equal(attenuation.line_integrals, shot.line_integrals)
    physics = Standardizer().standardize(shot)
    np.testing.assert_array_equal(attenuation.weights, physics.weights)
    # The network's confidence takes weight from the bone, and adds none.
    assert (bone.weights <= attenuation.weights).all() and bone.weights.max() > 0
    np.testing.assert_array_equal(bone.line_integrals,
                                  standardizer.standardize(shot).line_integrals)


def test_where_bone_is_likely_but_not_called_bone_a_pixel_takes_no_part(weights, tmp_path, shot):
    # A gate that hardly anything passes: all that is rather bone than not is left open.
    path = tmp_path / 'strict.safetensors'
    save_weights(path, replace(weights, gate=0.999))
    strict = Standardizer(StandardizerConfig(mode='network', weights=str(path)))
    usable = Standardizer().standardize(shot).weights > 0
    bone = strict.standardize(shot)
    open_pixels = usable & (bone.weights == 0)
    assert 0.02 < open_pixels.sum() / usable.sum() < 0.98
    assert (bone.line_integrals[open_pixels] == 0).mean() > 0.9


def test_a_shot_of_which_it_can_tell_nothing_is_refused(standardizer, shot, monkeypatch):
    unsure = Standardized(np.zeros_like(shot.line_integrals), np.zeros_like(shot.line_integrals))
    monkeypatch.setattr(BoneNetwork, 'standardize', lambda *_: unsure)
    with pytest.raises(Refusal, match=r'of 0.0% of the pixels .* expected at least 2%') as caught:
        standardizer.standardize(shot)
    assert caught.value.verdict.code is Code.OUT_OF_DOMAIN


def test_what_it_does_not_know_is_refused_and_the_next_is_not(standardizer, shot):
    negative = replace(shot, line_integrals=12.0 - shot.line_integrals)
    for standardize in (standardizer.standardize, standardizer.standardize_both):
        with pytest.raises(Refusal, match='as in the images that the network') as caught:
            standardize(negative)
        assert caught.value.verdict.code is Code.OUT_OF_DOMAIN
    assert standardizer.standardize(shot).quantity == 'bone'


def test_a_damaged_file_is_refused_at_once(file, tmp_path):
    damaged = tmp_path / 'damaged.safetensors'
    content = bytearray(file.read_bytes())
    content[-10] ^= 1
    damaged.write_bytes(content)
    with pytest.raises(ParameterError, match='weights: .*damaged'):
        Standardizer(StandardizerConfig(mode='network', weights=str(damaged)))
