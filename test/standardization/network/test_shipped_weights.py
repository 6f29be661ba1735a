"""The network that comes along, on a body that it was not trained on and on no body at all."""

from __future__ import annotations

import time

import cv2
from hand import hand
import numpy as np
import pytest

from ixgs_ros.geometry import View
from ixgs_ros.geometry.orbits import CArm, CArmAngles
from ixgs_ros.shot import Shot
from ixgs_ros.simulation.material_caster import MaterialCaster
from ixgs_ros.simulation.materials import body_of
from ixgs_ros.simulation.pair_making import draw_isocentres, draw_view
from ixgs_ros.simulation.phantom import lumbar_phantom
from ixgs_ros.simulation.physics import draw_physics, expose_shot, Physics
from ixgs_ros.standardization import Standardizer, StandardizerConfig
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


def test_a_shot_of_512_takes_less_than_a_tenth_of_a_second_of_two_cores(network, shots):
    """Masks and network together. Promised are 100 ms of two cores, that is 0.2 CPU seconds.

    CPU seconds and not wall time, and the least of several runs (of many, on a machine that is
    busy), as other work takes caches and clock away; half as much again is allowed, so that what
    fails is an algorithm that became several times as slow and not a machine.
    """
    shot, exposed = next(
        (shot, exposed) for shot, exposed in shots
        if not network.standardize(exposed.line_integrals, exposed.mask, shot.view).reason)
    y, mask = (cv2.resize(image.astype(np.float32), (512, 512), interpolation=cv2.INTER_NEAREST)
               for image in (exposed.line_integrals, exposed.mask))
    k = np.array([[4 * shot.view.k[0, 0], 0, 255.5], [0, 4 * shot.view.k[1, 1], 255.5],
                  [0, 0, 1]])
    large = Shot(1, 1, View(k, shot.view.reference_from_source, 512, 512), y, mask)
    standardizer = Standardizer(StandardizerConfig(mode='network'))
    taken: list[float] = []
    while len(taken) < 3 or (len(taken) < 40 and min(taken) >= 0.3):
        started = time.process_time()
        assert standardizer.standardize(large).quantity == 'bone'
        taken.append(time.process_time() - started)
    assert min(taken) < 0.3, np.round(taken, 3)


def test_most_shots_of_a_body_are_known_and_what_is_no_shot_is_not(network, shots):
    known = [not network.standardize(exposed.line_integrals, exposed.mask, shot.view).reason
             for shot, exposed in shots]
    assert np.mean(known) >= 0.75
    view, everywhere = shots[0][0].view, np.ones((SIZE, SIZE), bool)
    bright = shots[0][1].line_integrals
    negative = -np.log(np.maximum(1.0 - np.exp(-np.maximum(bright, 0.0)), 1e-4))
    for nonsense in (np.zeros((SIZE, SIZE)), np.full((SIZE, SIZE), 9.0), -bright, negative):
        assert network.standardize(nonsense.astype(np.float32), everywhere, view).reason


def test_negatives_are_told_from_shots_by_more_than_nine_in_ten(network, shots):
    """Of a body that it has not seen; a negative has the score with the other sign."""
    scores = [network.standardize(exposed.line_integrals, exposed.mask, shot.view).polarity
              for shot, exposed in shots]
    assert np.mean(np.array(scores) > 0) > 0.9
    assert min(scores) > network.weights.negative_below


def test_a_negative_of_a_shot_is_refused_for_what_it_is(network, shots):
    """What is within all ranges of the statistics, too: those have another sentence."""
    reasons = [network.standardize(
        np.where(exposed.mask, np.percentile(exposed.line_integrals[exposed.mask], 99.5) + 0.5
                 - exposed.line_integrals, 0).astype(np.float32), exposed.mask, shot.view).reason
        for shot, exposed in shots]
    assert np.mean(['looks like a negative' in reason for reason in reasons]) >= 0.75


def typical(size):
    """Return the view of a typical C-arm's image of so many rows and columns."""
    return CArm(sod=0.64, sdd=1.02, height=size, width=size,
                pixel_pitch=0.3 / size).view(CArmAngles())


@pytest.mark.parametrize('size', [64, 128, 256, 512, 1024])
@pytest.mark.parametrize('body', [0.0, 0.3])
def test_noise_alone_or_with_a_hint_of_a_body_is_no_shot(network, size, body):
    """Intensities drawn evenly between black and white; means of many are nearly even."""
    rng = np.random.default_rng(size)
    rows, columns = np.mgrid[:size, :size] / size - 0.5
    hint = body * np.exp(-(rows ** 2 + columns ** 2) / 0.02)
    noise = hint - np.log(np.maximum(rng.uniform(size=(size, size)), 1e-6))
    reason = network.standardize(noise.astype(np.float32), np.ones((size, size), bool),
                                 typical(size)).reason
    assert reason
    if size in (256, 512):   # which every other statistic has within its range
        assert reason.startswith('share of the variance that is more than fine detail')


@pytest.mark.parametrize('kvp', [60.0, 100.0])
@pytest.mark.parametrize(('lao', 'cran'), [(0, 0), (30, 10), (60, -20), (90, 0)])
def test_a_hand_beside_bare_air_is_no_trunk(network, lao, cran, kvp):
    """As the acquisition reads it: air beside the body is seen, and has a line integral of 0."""
    caster, rng = MaterialCaster(hand()), np.random.default_rng(0)
    for size, across in ((64, 0.3), (128, 0.2), (256, 0.3)):
        carm = CArm(sod=0.64, sdd=1.02, height=size, width=size, pixel_pitch=across / size)
        view = carm.view(CArmAngles(np.deg2rad(lao), np.deg2rad(cran)))
        exposed = expose_shot(caster.cast(view), Physics(kvp=kvp, photons=5e3, scatter=0.1), rng)
        reason = network.standardize(exposed.line_integrals, exposed.mask, view).reason
        assert reason.startswith('median line integral is'), (size, across, reason)
