"""What cannot be reconstructed is said clearly, and the last good model stays."""

from dataclasses import replace

import numpy as np
import pytest
from reconstruction_scene import BODY, CARM, configure, line_integrals, REGION, rms, take

from ixgs_ros.geometry.orbits import CArmAngles, random_views
from ixgs_ros.reconstruction import density, Reconstructor
from ixgs_ros.standardization import counts_to_line_integrals, PhysicsConfig
from ixgs_ros.verdict import Code, Refusal
from ixgs_ros.volume.grid import Region

VIEWS = random_views(8, 3, CARM)
SAME_WAY = [CARM.view(CArmAngles(isocentre=np.array([0.002 * k, 0, 0.001 * k])))
            for k in range(4)]


def reconstruct(shots, steps=20, **settings):
    model = Reconstructor(configure(**settings))
    for shot in shots:
        model.add_shot(shot)
        model.settle()
    model.refine(steps)
    return model


def model_bytes(model):
    return b''.join(block.tobytes() for block in model.model.blocks().values())


@pytest.mark.parametrize('size, views', [((0.16, 0.16, 0.16), 4), ((0.0, 0.0, 0.0), 0)])
def test_views_that_all_look_the_same_way_are_said_to(size, views):
    """With a region they make a volume without depth, without one they make none; both say so."""
    model = reconstruct(take(BODY, SAME_WAY), region__size=size)
    last = model.fits[4].verdict
    assert last.code is Code.ACCEPTED
    assert 'all 4 look the same way (within 0.0°, expected at least 2°)' in last.message
    assert len(model.model) > 0 if views else model.region is None
    if views:
        assert np.isfinite(model.volume()).all()
    before = model.fits[4].verdict.message
    model.add_shot(take(BODY, VIEWS[:1], first_id=5)[0])
    model.refine(10)
    assert 'same way' in before and 'same way' not in model.fits[4].verdict.message


def test_a_region_with_nothing_in_it_is_empty():
    """The body lies beside the region: a volume of air, not an error."""
    beside = [((0.09, 0.0, 0.0), 0.02, 20.0)]
    model = reconstruct(take(beside, VIEWS), region__center=(-0.03, 0, 0),
                        region__size=(0.06, 0.06, 0.06))
    assert model.views == 8
    assert model.volume().max() < 0.5


def test_images_of_nothing_make_a_volume_of_nothing():
    nothing = take([], VIEWS, photons=1e4)
    model = reconstruct(nothing)
    assert model.views == 8
    assert np.abs(model.volume()).max() < 0.5


def test_a_region_that_no_shot_shows_is_refused_and_the_model_stays():
    model = reconstruct(take(BODY, VIEWS))
    before = model_bytes(model), model.revision, model.volume().tobytes()
    with pytest.raises(ValueError, match=r'0 of 8 shots show the region about \[1.0.*least 2'):
        model.set_region(Region([1.0, 0, 0], [0.1, 0.1, 0.1]))
    np.testing.assert_array_equal(model.region.size, REGION.size)
    assert before == (model_bytes(model), model.revision, model.volume().tobytes())
    # Before the first shot any region may be asked for; the shots are then out of view.
    elsewhere = Reconstructor(configure())
    elsewhere.set_region(Region([1.0, 0, 0], [0.1, 0.1, 0.1]))
    with pytest.raises(Refusal, match='OUT_OF_VIEW.*0 %.*at least 20 %'):
        elsewhere.add_shot(take(BODY, VIEWS[:1])[0])


def fail_late(monkeypatch):
    """Let every new start run out of memory in its last sweep."""
    sweep, calls = density.sweep, []

    def failing(*given):
        calls.append(given)
        if len(calls) % 3 == 0:
            raise MemoryError('no room')
        return sweep(*given)
    monkeypatch.setattr(density, 'sweep', failing)


def everything(model):
    return {name: np.array(value).tobytes() for name, value in model.state().items()}


def small(shots, steps=4, **settings):
    model = Reconstructor(configure(volume__spacing=0.008, model__max_gaussians=500, **settings))
    model.add_shots(shots)
    model.refine(steps)
    return model


@pytest.mark.parametrize('call', [
    lambda model: model.set_region(Region([0.01, 0, 0], [0.14, 0.14, 0.14])),
    lambda model: model.add_shots(take(BODY, VIEWS[3:4], first_id=4))])
def test_a_start_that_fails_leaves_all_as_it_was(monkeypatch, call):
    """And the same call, once it succeeds, gives what it would have given at first."""
    model, same = (small(take(BODY, VIEWS[:3])) for _ in range(2))
    before = everything(model)
    with monkeypatch.context() as patch:
        fail_late(patch)
        with pytest.raises(MemoryError):
            call(model)
    assert everything(model) == before
    for one in (model, same):
        call(one)
        one.refine(4)
    assert everything(model) == everything(same)


def test_the_first_start_that_fails_leaves_the_shot_before(monkeypatch):
    shots = take(BODY, VIEWS[:2])
    model, same = small(shots[:1]), small(shots[:1])
    with monkeypatch.context() as patch:
        fail_late(patch)
        with pytest.raises(MemoryError):
            model.add_shot(shots[1])
    assert list(model.fits) == [1] and model.gaussians == 0 and model.revision == 1
    for one in (model, same):
        one.add_shot(shots[1])
    assert model_bytes(model) == model_bytes(same) != b''


def test_a_shot_is_out_also_where_no_model_can_be_made_without_it(monkeypatch):
    """The model goes on with the others; the region, which the shot has decided on, stays."""
    automatic = {'region__size': (0.0, 0.0, 0.0)}
    shots = take(BODY, VIEWS[:4])
    model = small(shots, 20, **automatic)
    body, region, residual = model_bytes(model), model.region, model.held_out_residual
    with monkeypatch.context() as patch:
        fail_late(patch)
        with pytest.raises(MemoryError):
            model.remove_shot(1)
    assert list(model.fits) == [2, 3, 4] and model.views == 3
    assert model_bytes(model) == body and model.region is region
    assert 0.5 < model.held_out_residual / residual < 2
    model.refine(20)
    assert model.held_out_residual < 1.2 * residual and np.isfinite(model.volume()).all()
    # A checkpoint of it is whole.
    resumed = Reconstructor.from_state(model.config, model.state())
    assert everything(resumed) == everything(model)
    # The next removal succeeds, and moves the region to where the others look.
    model.remove_shot(2)
    np.testing.assert_array_equal(model.region.center,
                                  small(shots[2:], 0, **automatic).region.center)


@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_pixels_that_are_no_numbers_make_no_shot(value):
    """A shot cannot hold them; counts that are not numbers are masked before."""
    shot = take(BODY, VIEWS[:1])[0]
    image = shot.line_integrals.copy()
    image[5:9, 5:9] = value
    with pytest.raises(ValueError, match='finite line_integrals, got 16 values'):
        replace(shot, line_integrals=image)
    counts = 5e4 * np.exp(-shot.line_integrals)
    counts[5:9, 5:9] = np.nan
    found = counts_to_line_integrals(counts, PhysicsConfig(air_counts=5e4))
    assert np.isfinite(found.line_integrals).all()
    np.testing.assert_array_equal(found.weights == 0, np.isnan(counts))


def test_masked_pixels_cost_little():
    """A dead patch in every image leaves the volume as good as before, nearly."""
    whole = reconstruct(take(BODY, VIEWS), 100)
    shots = []
    for shot in take(BODY, VIEWS):
        weights = shot.weights.copy()
        weights[20:30, 20:30] = 0
        shots.append(replace(shot, weights=weights,
                             line_integrals=np.where(weights > 0, shot.line_integrals, 14.0)))
    assert rms(reconstruct(shots, 100).volume(), BODY) < 1.3 * rms(whole.volume(), BODY)


def test_shots_of_another_body_among_a_model_s_leave_it_as_good():
    """Two of ten come from elsewhere: each is refused or set aside."""
    other = [((0.01, 0, 0.01), 0.06, 15.0), ((-0.03, -0.02, 0.02), 0.014, 20.0)]
    views = random_views(10, 3, CARM)
    shots = take(BODY, views)
    for k in (2, 6):
        shots[k] = replace(shots[k], line_integrals=line_integrals(other, views[k]))
    model, refused = Reconstructor(configure()), []
    for shot in shots:
        try:
            model.add_shot(shot)
        except Refusal:
            refused.append(shot.id)
        model.refine(12)
    model.refine(250)
    aside = [shot_id for shot_id, fit in model.fits.items() if not fit.verdict.accepted]
    assert sorted(refused + aside) == [3, 7]


def test_no_steps_and_many_can_be_stopped_at_any_time():
    """A budget is spent in calls of any size; between two of them the model is whole."""
    model = reconstruct(take(BODY, VIEWS[:4]), 0)
    before = model_bytes(model)
    assert model.refine(0).steps == 0
    assert model_bytes(model) == before
    in_one, bit_by_bit = (reconstruct(take(BODY, VIEWS[:4]), 0) for _ in range(2))
    in_one.refine(30)
    for steps in (1, 0, 9, 20):
        bit_by_bit.refine(steps)
    assert model_bytes(in_one) == model_bytes(bit_by_bit)
