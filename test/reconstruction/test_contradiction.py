"""Shots that no one body explains are said to contradict each other, until they do not."""

from dataclasses import replace
import re

import numpy as np
import pytest
from reconstruction_scene import BODY, CARM, configure, line_integrals, take, WIDE_BODY

from ixgs_ros.geometry.orbits import random_views
from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.geometry.view import View
from ixgs_ros.reconstruction import Reconstructor
from ixgs_ros.reconstruction.contradiction import Halves, halves, LEAST_VIEWS, sentence
from ixgs_ros.reconstruction.work import finish

VIEWS = random_views(12, 3, CARM)
OTHER = [((0.01, 0, 0.01), 0.06, 15.0), ((-0.03, -0.02, 0.02), 0.014, 20.0)]
WIDE_OTHER = [((0.03, -0.02, 0.05), 0.15, 15.0), ((-0.03, -0.02, 0.02), 0.014, 20.0)]


def of_another_body(shots, first, body=OTHER):
    """All from the ``first`` on show another patient."""
    return shots[:first] + [replace(s, line_integrals=line_integrals(body, s.view))
                            for s in shots[first:]]


def knocked(shots, first):
    """The reference marker was moved by 20 mm before the ``first``."""
    motion = RigidTransform(np.eye(3), np.array([0.012, -0.012, 0.010]))
    return shots[:first] + [
        replace(s, view=View(s.view.k, motion @ s.view.reference_from_source, s.view.height,
                             s.view.width)) for s in shots[first:]]


def parts(shots):
    """Return the moment at which shots fall apart most, once each was fitted twice."""
    model = Reconstructor(configure(model__max_gaussians=1500))
    model.add_shots(shots)
    model.refine(2 * len(shots) + 1)
    solution = model._course.solution
    return finish(halves(solution.measurements, solution.exposures.offsets,
                         np.ones(len(shots), bool), solution.region, model.config))


@pytest.mark.parametrize('body, views, noise', [
    (BODY, 12, {}), (BODY, 12, {'photons': 1e4}), (WIDE_BODY, 12, {}),
    (WIDE_BODY, LEAST_VIEWS, {})])
def test_right_shots_are_not_explained_better_apart(body, views, noise):
    found = parts(take(body, VIEWS[:views], **noise))
    assert not found.contradict and sentence(found, 6) == ''


@pytest.mark.parametrize(('shots', 'first'), [
    (of_another_body(take(BODY, VIEWS), 6), 6),
    (of_another_body(take(BODY, VIEWS), 9), 9),
    (of_another_body(take(WIDE_BODY, VIEWS), 6, WIDE_OTHER), 6),
    (knocked(take(BODY, VIEWS), 6), 6)])
def test_shots_of_two_bodies_are_explained_better_apart(shots, first):
    found = parts(shots)
    assert found.contradict and found.before == first


def test_the_sentence_names_the_moment_and_what_was_expected():
    said = sentence(Halves(6, 0.5), 17)
    assert 'up to about shot 17 ' in said
    assert '0.50 times' in said and 'expected at least 0.85' in said


def test_it_is_said_when_the_model_rests_and_forgotten_with_the_shots():
    model = Reconstructor(configure(model__max_gaussians=1500))
    model.add_shots(of_another_body(take(BODY, VIEWS), 6))
    assert model.contradiction is None
    while not model.converged:
        model.advance()
    # No more than a third is set aside, which shifts the moments that are tried.
    assert model.views >= LEAST_VIEWS
    assert re.search('up to about shot [5-8] ', model.contradiction)
    for shot_id in range(7, 11):
        model.remove_shot(shot_id)
    assert model.contradiction is None
    model.add_shots(take(BODY, VIEWS[6:], first_id=20))
    for shot_id in (11, 12):
        model.remove_shot(shot_id)
    while not model.converged:
        model.advance()
    assert model.contradiction == ''
