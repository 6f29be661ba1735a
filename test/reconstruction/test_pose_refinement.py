"""Poses reported a little wrong are found again, and the volume is the better for it."""

import dataclasses

import numpy as np
import pytest
from reconstruction_scene import BODY, CARM, configure, rms, take
from scipy.spatial.transform import Rotation

from ixgs_ros.geometry.orbits import random_stations
from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.geometry.view import View
from ixgs_ros.reconstruction import Reconstructor
from ixgs_ros.reconstruction.confidence import LEAST_DISPLACEMENT
from ixgs_ros.shot import Shot
from ixgs_ros.simulation.perturbations import draw_jitter, JitterConfig, motion_about
from ixgs_ros.verdict import Code
from ixgs_ros.volume.grid import Region

EXACT = {'poses__rotation_sd': 0.0, 'poses__position_sd': 0.0}
# What is known of the jitter below.
KNOWN = {'poses__rotation_sd': 0.014, 'poses__position_sd': 0.003}
# More structure than BODY alone: a ball in a ball tells no turn about its own centre.
BALLS = [*BODY, ((0.035, 0.03, -0.035), 0.008, 25.0), ((-0.02, -0.035, 0.03), 0.006, 30.0),
         ((0.01, 0.04, 0.02), 0.007, 25.0)]
STATIONS = random_stations(14, 3)
TRUE = [CARM.view(station) for station in STATIONS]


def reported(k, jitter):
    """Return the view as a tracker with jitter reports it."""
    rng = np.random.default_rng((7, k))
    motion = motion_about(draw_jitter(jitter, rng), STATIONS[k].isocentre)
    return View(TRUE[k].k, motion @ TRUE[k].reference_from_source, TRUE[k].height, TRUE[k].width)


def with_view(shot, view):
    return Shot(shot.id, shot.stamp_ns, view, shot.line_integrals, shot.weights)


def jittered(balls=BALLS, rotation=0.8, translation=0.003):
    jitter = JitterConfig(rotation, translation)
    return [with_view(shot, reported(k, jitter)) for k, shot in enumerate(take(balls, TRUE))]


def reconstruct(shots, steps=900, **values):
    model = Reconstructor(configure(**values))
    model.add_shots(shots)
    model.refine(steps)
    return model


def lateral_errors(model):
    """Return how far beside its true place each view sees the centre, common motion aside, m."""
    errors = []
    for shot, true in zip(model._shots.shots, TRUE, strict=False):
        view = model.fits[shot.id].correction.apply(shot.view)
        error = view.source_from_reference.apply(np.zeros(3)) \
            - true.source_from_reference.apply(np.zeros(3))
        errors.append(true.reference_from_source.rotation @ error)
    errors = np.array(errors) - np.mean(errors, axis=0)
    return np.array([(true.reference_from_source.rotation.T @ error)[:2]
                     for error, true in zip(errors, TRUE, strict=False)])


@pytest.fixture(scope='module')
def refined():
    return reconstruct(jittered(), **KNOWN)


def test_jitter_is_found_again(refined):
    """The views see the body where it is to a third of what the tracker was off by."""
    before = lateral_errors(reconstruct(jittered(), 0, **EXACT))
    after = lateral_errors(refined)
    assert np.sqrt((after**2).mean()) < 0.33 * np.sqrt((before**2).mean())


def test_the_volume_gains_by_it(refined):
    wrong = rms(reconstruct(jittered(), **EXACT).volume(), BALLS)
    exact = rms(reconstruct(take(BALLS, TRUE), **EXACT).volume(), BALLS)
    found = rms(refined.volume(), BALLS)
    # Half of what jitter costs comes back; their mean motion, which nothing tells, does not.
    assert found - exact < 0.55 * (wrong - exact)


def test_exact_poses_are_left_alone():
    """Where nothing is wrong, freedom costs next to nothing."""
    exact = reconstruct(take(BALLS, TRUE), **EXACT)
    free = reconstruct(take(BALLS, TRUE))
    assert rms(free.volume(), BALLS) < 1.04 * rms(exact.volume(), BALLS)
    assert np.abs(lateral_errors(free)).max() < 4e-4


def test_what_is_said_to_be_exact_stays():
    model = reconstruct(jittered(), 60, **EXACT)
    for fit in model.fits.values():
        assert fit.correction_distance == 0 and fit.correction_angle == 0
        assert not fit.pose_covariance.any()
        assert fit.verdict.code is Code.ACCEPTED


def test_corrections_are_reported_with_their_uncertainty(refined):
    for fit in refined.fits.values():
        deviations = np.sqrt(np.diag(fit.pose_covariance))
        assert (deviations > 0).all()
        assert np.sqrt((deviations[3:]**2).sum()) < KNOWN['poses__rotation_sd']


def test_the_session_says_how_far_views_may_be_off_across_their_rays(refined):
    """The deviation in the detector's plane of where a view sees the centre, by samples."""
    refined.bring_up_to_date()
    rng, center = np.random.default_rng(0), np.zeros(3)
    variances = []
    for k, fit in enumerate(refined.fits.values()):
        view = reported(k, JitterConfig(0.8, 0.003))
        errors = rng.multivariate_normal(np.zeros(6), fit.pose_covariance, 4000, 'ignore')
        there = view.source_from_reference.apply(center)
        for position, turn in zip(errors[:, :3], errors[:, 3:], strict=True):
            moved = RigidTransform(Rotation.from_rotvec(turn).as_matrix()
                                   @ view.reference_from_source.rotation, view.source + position)
            variances.append((moved.inverse().apply(center) - there)[:2] ** 2)
    assert refined.session()[0].displacement == pytest.approx(
        np.sqrt(np.mean(variances)), rel=0.05)


def test_views_that_were_not_refined_say_little_about_where_they_are():
    assert reconstruct(jittered(), 0, **EXACT).session()[0].displacement == LEAST_DISPLACEMENT


def test_a_correction_that_would_show_is_said_to_be_one():
    """A view moved by 8 mm beside its rays is off by two voxels; the others are not."""
    shots = take(BALLS, TRUE)
    pose = TRUE[5].reference_from_source
    aside = RigidTransform(pose.rotation, pose.translation + 0.008 * pose.rotation[:, 0])
    shots[5] = with_view(shots[5], View(TRUE[5].k, aside, 64, 64))
    model = reconstruct(shots, 400, poses__position_sd=0.006)
    codes = {shot_id: fit.verdict.code for shot_id, fit in model.fits.items()}
    assert codes.pop(shots[5].id) is Code.ACCEPTED_CORRECTED
    assert set(codes.values()) == {Code.ACCEPTED}
    assert 'mm' in model.fits[shots[5].id].verdict.message


def test_a_wandering_principal_point_is_found():
    """K is refined where it is said to be uncertain: 2 pixels off in one view of twelve."""
    shots = take(BALLS, TRUE)
    k = shots[4].view.k + np.array([[0, 0, 2.0], [0, 0, -1.5], [0, 0, 0]])
    view = View(k, shots[4].view.reference_from_source, 64, 64)
    shots[4] = with_view(shots[4], view)
    model = reconstruct(shots, poses__principal_sd=2.0, **EXACT)
    found = model.fits[shots[4].id].correction.intrinsics
    np.testing.assert_allclose(found[2:], [-2.0, 1.5], atol=0.35)


def test_a_new_shot_is_aligned_before_it_is_judged():
    shots = jittered()
    model = reconstruct(shots[:12], 600, **KNOWN)
    fit = model.add_shot(shots[12])
    before = lateral_errors(reconstruct(shots, 0, **EXACT))[12]
    view = fit.correction.apply(shots[12].view)
    error = (view.source_from_reference.apply(np.zeros(3))
             - TRUE[12].source_from_reference.apply(np.zeros(3)))[:2]
    assert np.linalg.norm(error) < 0.6 * np.linalg.norm(before)
    # How well it is known is said together with it, as of all others.
    for found in model.fits.values():
        assert np.linalg.eigvalsh(found.pose_covariance).min() > 0


def test_after_a_removal_the_model_is_as_if_the_shot_had_never_come():
    shots = jittered()[:8]
    with_one = reconstruct(shots, 200)
    with_one.remove_shot(shots[3].id)
    without = reconstruct([*shots[:3], *shots[4:]], 0)
    np.testing.assert_array_equal(with_one.volume(), without.volume())
    assert not any(fit.correction_distance for fit in with_one.fits.values())


def test_corrections_outlive_a_checkpoint(refined):
    resumed = Reconstructor.from_state(refined.config, refined.state())
    for shot_id, fit in refined.fits.items():
        np.testing.assert_array_equal(resumed.fits[shot_id].pose_correction.translation,
                                      fit.pose_correction.translation)
        np.testing.assert_array_equal(resumed.fits[shot_id].pose_covariance, fit.pose_covariance)
    np.testing.assert_array_equal(resumed.volume(), refined.volume())


def test_a_checkpoint_amid_a_pass_over_the_poses_holds_those_found_and_finds_the_others():
    model = reconstruct(jittered()[:8], 0, **KNOWN)
    while not model.fits[8].correction_distance:   # fitted first, said after a pass of steps
        model.advance()
        model.bring_up_to_date()
    found = [fit.correction_distance > 0 for fit in model.fits.values()]
    assert not all(found)
    resumed = Reconstructor.from_state(model.config, model.state())
    assert [fit.correction_distance > 0 for fit in resumed.fits.values()] == found
    resumed.refine(8)
    resumed.bring_up_to_date()
    assert all(fit.correction_distance > 0 for fit in resumed.fits.values())


def test_a_new_start_keeps_what_was_known_of_the_poses(refined):
    """Their fit to the new model comes some steps later."""
    model = Reconstructor.from_state(refined.config, refined.state())
    model.set_region(Region(np.zeros(3), np.full(3, 0.1)))
    for fit in model.fits.values():
        assert fit.correction_distance > 0
        assert np.linalg.eigvalsh(fit.pose_covariance).min() > 0


def test_between_two_passes_fits_are_brought_up_to_date():
    model = reconstruct(jittered()[:8], 0, **KNOWN)
    while not any(m.correction.motion.translation.any() for m in model._solution.measurements):
        model.advance()
    poses = [m.correction.motion.translation for m in model._solution.measurements]
    model.bring_up_to_date()
    for fit, pose in zip(model.fits.values(), poses, strict=True):
        np.testing.assert_array_equal(fit.pose_correction.translation, pose)
        assert fit.pose_covariance.any() == fit.correction.motion.translation.any()


def test_too_few_views_are_left_as_reported():
    model = reconstruct(jittered()[:4], 100)
    assert all(fit.correction_distance == 0 for fit in model.fits.values())


def test_a_tracker_that_knows_some_directions_only():
    """Covariances without full rank: only the turns are uncertain, or one shift."""
    shots = jittered()[:6]
    for where in ([3, 4, 5], [0]):
        covariance = np.zeros((6, 6))
        covariance[where, where] = 1e-5
        model = reconstruct([dataclasses.replace(shot, pose_covariance=covariance)
                             for shot in shots], 60)
        for fit in model.fits.values():
            assert np.isfinite(fit.pose_covariance).all()
        assert any(fit.correction_distance > 0 for fit in model.fits.values())


def test_a_covariance_that_is_none_is_refused():
    shot = jittered()[0]
    for value, words in ((np.nan, 'finite'), (-1e-6, 'negative')):
        with pytest.raises(ValueError, match=words):
            dataclasses.replace(shot, pose_covariance=value * np.eye(6))
