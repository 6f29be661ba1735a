"""The network that comes along, on a body that it was not trained on and on no body at all."""

from __future__ import annotations

import numpy as np
import pytest

from ixgs_ros.simulation.material_caster import MaterialCaster
from ixgs_ros.simulation.materials import body_of
from ixgs_ros.simulation.pair_making import draw_isocentres, draw_view
from ixgs_ros.simulation.phantom import lumbar_phantom
from ixgs_ros.simulation.physics import draw_physics, expose_shot
from ixgs_ros.standardization.network import SHIPPED
from ixgs_ros.standardization.network.evaluation import relative_l1
from ixgs_ros.standardization.network.inference import BoneNetwork
from ixgs_ros.standardization.physics_bone import physics_bone

VIEWS, SIZE = 8, 128


@pytest.fixture(scope='module')
def network():
    return BoneNetwork.load()


@pytest.fixture(scope='module')
def shots():
    """The lumbar phantom at random poses; the pools of the training hold other bodies."""
    rng = np.random.default_rng(5)
    body = body_of(lumbar_phantom(spacing=0.003))
    caster = MaterialCaster(body)
    cast = [caster.cast(draw_view(rng, isocentre, SIZE))
            for isocentre in draw_isocentres(rng, body, VIEWS)]
    return [(shot, expose_shot(shot, draw_physics(rng), rng)) for shot in cast]


def test_it_says_what_it_was_trained_on_and_is_small(network):
    provenance = network.weights.provenance
    assert provenance['excluded'] == []
    licences = network.weights.licences
    assert set(provenance['shots']) == set(licences) == {
        'abdomen_2mm', 'lidc', 'procedural', 'plastimatch_thorax_t0', 'pyradiomics_lung1',
        'pyradiomics_lung2', 'ts_lumbar_pelvis'}
    assert 'CC BY 3.0' in licences['lidc'] and 'CC BY 3.0' in licences['abdomen_2mm']
    assert 'BSD-3-Clause' in licences['plastimatch_thorax_t0']
    assert SHIPPED.stat().st_size < 12e6


def test_it_is_nearer_to_the_bone_of_an_unseen_body_than_physics_is(network, shots):
    by_network, by_physics = [], []
    for shot, exposed in shots:
        found = network.standardize(exposed.line_integrals, exposed.mask, shot.view)
        by_network.append(relative_l1(found.bone, shot.bone, exposed.mask))
        by_physics.append(relative_l1(physics_bone(exposed.line_integrals, exposed.mask),
                                      shot.bone, exposed.mask))
    print(np.round(by_network, 2), np.round(by_physics, 2))
    assert np.mean(by_network) < 0.85 * np.mean(by_physics)


def test_most_shots_of_a_body_are_known_and_what_is_no_shot_is_not(network, shots):
    known = [not network.standardize(exposed.line_integrals, exposed.mask, shot.view).reason
             for shot, exposed in shots]
    assert np.mean(known) >= 0.75
    view, everywhere = shots[0][0].view, np.ones((SIZE, SIZE), bool)
    bright = shots[0][1].line_integrals
    negative = -np.log(np.maximum(1.0 - np.exp(-np.maximum(bright, 0.0)), 1e-4))
    for nonsense in (np.zeros((SIZE, SIZE)), np.full((SIZE, SIZE), 9.0), -bright, negative):
        assert network.standardize(nonsense.astype(np.float32), everywhere, view).reason
