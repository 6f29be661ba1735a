"""What may not grow: the number of Gaussians ever, and the memory of a step with their number."""

import gc
import tracemalloc

import pytest
from reconstruction_scene import CARM, configure, take, WIDE_BODY

from ixgs_ros.geometry.orbits import random_views
from ixgs_ros.reconstruction import Reconstructor
from ixgs_ros.reconstruction.voxel_body import VOXELS
from ixgs_ros.verdict import Code, Refusal
from ixgs_ros.volume.grid import Region

SHOTS = take(WIDE_BODY, random_views(7, 3, CARM))


@pytest.mark.parametrize('most, share', [(500, 0.0), (500, 0.5), (1700, 0.1)])
def test_no_way_to_a_model_exceeds_the_cap(most, share):
    """A start, warm shots, a moved region, a removal, a resume: 500 is the lowest cap allowed."""
    config = configure(model__max_gaussians=most, model__shell_share=share)
    reconstructor = Reconstructor(config)
    counts = []

    def count():
        counts.append(len(reconstructor.model))

    reconstructor.add_shots(SHOTS[:3])
    count()
    for shot in SHOTS[3:5]:
        reconstructor.add_shot(shot)
        count()
        reconstructor.refine(3)
        count()
    reconstructor.set_region(Region([0.01, 0, 0], [0.12, 0.1, 0.14]))
    count()
    reconstructor.remove_shot(2)
    count()
    reconstructor = Reconstructor.from_state(config, reconstructor.state())
    reconstructor.refine(3)
    count()
    assert max(counts) <= most
    # The cap is what the model is made for, not something it never comes near.
    assert min(counts) > 0.4 * most


def test_a_stored_model_is_loaded_up_to_the_cap_and_not_beyond():
    reconstructor = Reconstructor(configure(model__max_gaussians=2000, model__shell_share=0.5))
    reconstructor.add_shots(SHOTS[:3])
    arrays, count = reconstructor.state(), len(reconstructor.model)
    assert len(arrays['shell/means']) > 0 and count > 500
    same = Reconstructor.from_state(configure(model__max_gaussians=count), arrays)
    assert len(same.model) == count
    with pytest.raises(ValueError, match=f'max_gaussians = {count - 1} Gaussians, got {count}'):
        Reconstructor.from_state(configure(model__max_gaussians=count - 1), arrays)


def test_steps_need_no_memory_but_a_few_images():
    """The voxels by which poses are fitted; else images; and nothing that grows."""
    reconstructor = Reconstructor(configure(model__max_gaussians=3000))
    # Too few for a trial of a suspect view, which fills voxels of its own.
    shots = SHOTS[:5]
    reconstructor.add_shots(shots)
    # Past the first smoothing and the exposures' fits at steps 5, 10, 20 and 40.
    reconstructor.refine(41)
    image = 4 * CARM.height * CARM.width
    model = sum(block.nbytes for block in reconstructor.model.blocks().values())
    tracemalloc.start()
    try:
        # With the exposures' fit at step 80, which holds an image of each view.
        reconstructor.refine(50)
        gc.collect()
        first, peak = tracemalloc.get_traced_memory()
        reconstructor.refine(50)
        gc.collect()
        second, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    voxels = 2 * 4 * VOXELS**3
    assert peak - voxels < (len(shots) + 20) * image + 2 * model < 720_000
    # In fifty steps; the interpreter's own caches take about one image.
    assert second < first + 4 * image


def test_no_more_shots_are_stored_than_may_be():
    """One too many is refused and changes nothing; a removal makes room, and a load is checked."""
    config = configure(model__max_gaussians=500, max_shots=4)
    reconstructor = Reconstructor(config)
    reconstructor.add_shots(SHOTS[:4])
    before = reconstructor.volume().tobytes()
    with pytest.raises(Refusal, match='OVERLOAD: 4 shots are stored, expected at most 4 .*max_sh'):
        reconstructor.add_shot(SHOTS[4])
    assert reconstructor.volume().tobytes() == before and reconstructor.views == 4
    # What is in already is said to be, full or not.
    assert reconstructor.check(SHOTS[0]).code is Code.DUPLICATE
    with pytest.raises(ValueError, match='max_shots = 3 shots, got 4'):
        Reconstructor.from_state(configure(model__max_gaussians=500, max_shots=3),
                                 reconstructor.state())
    reconstructor.remove_shot(2)
    assert reconstructor.add_shot(SHOTS[4]).verdict.accepted
