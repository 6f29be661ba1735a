"""New starts in a stream of shots."""

import numpy as np
from reconstruction_scene import BODY, CARM, configure, take, WIDE_BODY

from ixgs_ros.geometry.orbits import random_views
from ixgs_ros.reconstruction import coarse, Reconstructor
from ixgs_ros.reconstruction.measurement import measure
from ixgs_ros.reconstruction.schedule import KNOWN_STEPS
from ixgs_ros.reconstruction.start import empty_layers, schedule_of
from ixgs_ros.reconstruction.starts import RENEWAL_STEPS
from ixgs_ros.reconstruction.work import finish
from ixgs_ros.volume.grid import Region

VIEWS = random_views(9, 3, CARM)


def filled(measurements, begun):
    """Return the layers of a start; the body is wider than the field."""
    box, offsets = Region(np.zeros(3), np.full(3, 0.16)), np.zeros(len(measurements))
    layers = [finish(coarse.region_layer(measurements, offsets, box)),
              finish(coarse.outer_layer(measurements, offsets, box, 0.25))]
    schedule = coarse.FROM_NOTHING if begun is None else coarse.AGAIN
    finish(coarse.solve(layers, measurements, offsets, 0, schedule, begun))
    return layers


def left(layers, measurements):
    """RMS of what the layers do not explain of the shots, line integrals."""
    squares = []
    for m in measurements:
        total, image = np.zeros_like(m.values), np.zeros_like(m.values)
        for layer in layers:
            layer.project(layer.volume, m.view.packed(), image)
            total += image
        squares.append(((m.values - total) ** 2).mean())
    return float(np.sqrt(np.mean(squares)))


def test_only_many_shots_of_a_wide_body_are_swept_longer():
    measurements = [measure(shot, np.zeros(3), configure()) for shot in take(WIDE_BODY, VIEWS[:3])]
    layers = finish(empty_layers(measurements, np.zeros(3), Region(np.zeros(3), np.full(3, 0.16)),
                                 configure()))

    def sweeps(views, layers=layers, begun=False, quick=False):
        return schedule_of(layers, views, begun, quick).sweeps_of(views)

    assert sweeps(48) == sweeps(24) == 2 * sweeps(11)
    # As many single views are gone over.
    assert 12 * sweeps(12) == 16 * sweeps(16) == 24 * sweeps(24)
    assert sweeps(24, layers=layers[:1]) == sweeps(11)
    assert sweeps(24, begun=True) < sweeps(11) and sweeps(24, quick=True) < sweeps(24, begun=True)


def test_what_earlier_shots_filled_makes_as_many_sweeps_explain_more():
    shots = take(WIDE_BODY, VIEWS)
    measurements = [measure(shot, np.zeros(3), configure()) for shot in shots]
    earlier = [layer.volume for layer in filled(measurements[:7], None)]
    empty = [np.zeros_like(volume) for volume in earlier]
    assert (left(filled(measurements, earlier), measurements)
            < 0.9 * left(filled(measurements, empty), measurements))


def test_a_new_shot_need_not_wait_for_the_new_start_that_follows_it():
    """The eighth shot of many calls for one: it comes in the course of the refinement."""
    model = Reconstructor(configure())
    shots = take(WIDE_BODY, VIEWS)
    for shot in shots[:7]:
        model.add_shot(shot)
        model.refine(5)
    count = len(model.model)
    before = model.model.means.copy()
    model.add_shot(shots[7])
    np.testing.assert_array_equal(model.model.means, before)
    model.refine(60)
    moved = (len(model.model) != count
             or np.linalg.norm(model.model.means - before, axis=1).max() > 0.005)
    assert moved and model.views == 8


def test_a_view_that_is_set_aside_does_not_make_the_volume_surer():
    model = Reconstructor(configure())
    model.add_shots(take(WIDE_BODY[1:], VIEWS))
    whole = len(model.session()[1])
    arrays = model.state()
    arrays['fits'][0, 2] = 1.0
    assert len(Reconstructor.from_state(model.config, arrays).session()[1]) == whole - 1 == 8


def amid_a_start(shots):
    """Return a model of three shots amid the new start that follows the third."""
    model = Reconstructor(configure(model__max_gaussians=1500))
    for shot in shots[:2]:
        model.add_shot(shot)
        model.settle()
    model.add_shot(shots[2])
    model.refine(RENEWAL_STEPS)
    for _ in range(20):
        model.advance()
    assert model.steps == RENEWAL_STEPS and not model.converged
    return model


def model_bytes(model):
    return b''.join(block.tobytes() for block in model.model.blocks().values())


def test_a_shot_that_comes_amid_a_new_start_is_in_the_model_before_and_after():
    """The model stands while the start is made; the start begins without the shot and gets it."""
    shots = take(WIDE_BODY, VIEWS)
    model, same = amid_a_start(shots), amid_a_start(shots)
    before = model.volume()
    model.advance()
    np.testing.assert_array_equal(model.volume(), before)
    same.advance()
    for one in (model, same):
        one.add_shot(shots[3])
        assert one.views == 4
        one.refine(5)   # the shot is fitted, not the start gone on with
        one.settle()
    assert len(model.session()[1]) == 4
    assert model_bytes(model) == model_bytes(same)
    assert np.isfinite(model.fits[4].residual)


def test_a_removal_amid_a_new_start_leaves_nothing_of_either():
    shots = take(WIDE_BODY, VIEWS)
    model = amid_a_start(shots)
    model.remove_shot(2)
    others = Reconstructor(model.config)
    others.add_shots([shots[0], shots[2]])
    assert model_bytes(model) == model_bytes(others)
    model.settle()
    assert model_bytes(model) == model_bytes(others)


def test_a_state_of_amid_a_new_start_holds_the_model_and_begins_it_again():
    model = amid_a_start(take(WIDE_BODY, VIEWS))
    resumed = Reconstructor.from_state(model.config, model.state())
    assert model_bytes(resumed) == model_bytes(model)
    before = model.held_out_residual
    resumed.settle()
    assert resumed.held_out_residual <= before
    assert resumed.views == 3


def moved_by_one_more_shot(body, known=None):
    """Return how far the next steps move the centres, mm RMS, and the steps that the rates knew.

    Args:
        body: balls.
        known: as if so many; None: as many as they do.
    """
    model, shots = Reconstructor(configure()), take(body, VIEWS)
    for shot in shots[:8]:
        model.add_shot(shot)
        model.refine(120)
    model.settle()
    model.refine(60)
    model.add_shot(shots[8])
    arrays = model.state()
    knew = int(arrays['numbers'][-1])
    if known is not None:
        arrays['numbers'][-1] = known
    resumed = Reconstructor.from_state(configure(), arrays)
    before = resumed.model.means.copy()
    resumed.refine(RENEWAL_STEPS)
    assert resumed.state()['numbers'][-1] == (knew if known is None else known)
    return 1000 * float(np.sqrt(((resumed.model.means - before) ** 2).mean())), knew


def test_one_more_shot_leaves_the_rates_low_unless_the_body_is_wider_than_the_field():
    moved, knew = moved_by_one_more_shot(BODY)
    from_full_rates, _ = moved_by_one_more_shot(BODY, known=0)
    assert 60 <= knew <= KNOWN_STEPS * 8
    assert moved < 0.9 * from_full_rates
    assert moved_by_one_more_shot(WIDE_BODY)[1] == 0
