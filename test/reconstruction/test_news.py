"""What a shot is reported for again, and what is left as it was said."""

from dataclasses import replace

import numpy as np
import pytest

from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.reconstruction.correction import Correction
from ixgs_ros.reconstruction.fit import ShotFit
from ixgs_ros.reconstruction.news import is_news
from ixgs_ros.verdict import Code, Verdict

KNOWN = np.diag([1e-6] * 3 + [1e-5] * 3)


def corrected(shift=(0.002, 0.0, 0.001), turn=(0.0, 0.3, 0.0), covariance=KNOWN):
    """A correction by metres and degrees."""
    motion = RigidTransform.from_rotation_vector(np.deg2rad(turn), np.array(shift))
    return Correction(motion, pose_covariance=covariance)


SAID = ShotFit(4, Verdict(Code.ACCEPTED, 'as reported'), 0.02, 0.05, 1.01, correction=corrected())


@pytest.mark.parametrize('now', [
    {'verdict': Verdict(Code.ACCEPTED_CORRECTED, 'moved by 2 mm')},
    {'verdict': Verdict(Code.QUARANTINED, 'unlike the others'), 'aside': True},
    {'correction': corrected(shift=(0.00215, 0.0, 0.001))},
    {'correction': corrected(turn=(0.0, 0.32, 0.0))},
    {'correction': corrected(covariance=1.3 * KNOWN)},
    {'residual': 0.015},
    {'residual': float('nan')},
    {'exposure_offset': 0.07},
    {'scale': 0.99},
])
def test_what_a_reader_would_act_on_is_news_both_ways(now):
    other = replace(SAID, **now)
    assert is_news(SAID, other) and is_news(other, SAID)


@pytest.mark.parametrize('now', [
    {},
    {'verdict': Verdict(Code.ACCEPTED, 'in other words')},
    {'correction': corrected(shift=(0.00205, 0.0, 0.001))},
    {'correction': corrected(turn=(0.0, 0.305, 0.0))},
    {'correction': corrected(covariance=1.1 * KNOWN)},
    {'residual': 0.0195},
    {'exposure_offset': 0.055},
    {'agreement': 0.3},
])
def test_what_moves_by_less_is_none(now):
    assert not is_news(SAID, replace(SAID, **now))


def test_a_covariance_that_was_not_known_is_news():
    reported = replace(SAID, correction=Correction())
    assert not reported.pose_covariance.any()
    assert is_news(reported, replace(SAID, correction=Correction(pose_covariance=KNOWN)))


def test_a_first_fit_is_news_and_none_twice_is_not():
    unfitted = ShotFit(1, Verdict(Code.ACCEPTED, 'the first'))
    assert not is_news(unfitted, replace(unfitted))
    assert is_news(unfitted, replace(unfitted, residual=0.1))


def test_a_shot_that_stays_in_quarantine_is_none():
    aside = replace(SAID, verdict=Verdict(Code.QUARANTINED, 'unlike'), aside=True)
    assert not is_news(aside, replace(aside, residual=0.5, correction=Correction()))


def test_a_correction_without_a_covariance_says_that_it_is_not_known():
    fit = replace(SAID, correction=corrected(covariance=np.zeros((6, 6))))
    assert np.isnan(fit.pose_covariance).all()
    assert not is_news(fit, replace(fit))
    assert is_news(fit, SAID)
