"""Batches: the same for the same seed and step, image and bone still together."""

from __future__ import annotations

import numpy as np

from ixgs_ros.parameters import build
from ixgs_ros.standardization.network.config import TrainingConfig
from ixgs_ros.standardization.network.dataset import draw_batch, Example
from ixgs_ros.standardization.network.inputs import CHANNELS, SCALE


class Doubled:
    """One example whose bone is half of its line integral at every pixel."""

    def __init__(self, shape=(48, 40)):
        image = np.random.default_rng(1).uniform(1.0, 5.0, shape).astype(np.float32)
        mask = np.ones(shape, dtype=bool)
        mask[:5] = False
        self.image = Example(image, mask, 0.5 * image, 100.0)

    def __len__(self):
        return 1

    def example(self, index, rng):
        return self.image


def test_a_batch_depends_on_seed_and_step_alone(examples, small_config):
    first, again, later, other = (draw_batch(examples, small_config, seed, step)
                                  for seed, step in ((1, 7), (1, 7), (1, 8), (2, 7)))
    assert first.channels.shape == (4, CHANNELS, 32, 32)
    assert first.bone.shape == (4, 1, 32, 32)
    np.testing.assert_array_equal(first.channels, again.channels)
    np.testing.assert_array_equal(first.bone, again.bone)
    assert not np.array_equal(first.bone, later.bone)
    assert not np.array_equal(first.bone, other.bone)


def test_image_and_bone_stay_together():
    # A tile that is cropped along one edge and padded along the other.
    config = build(TrainingConfig, {'network.focal': 100.0, 'tile': 44, 'batch': 16})
    batch = draw_batch(Doubled(), config, 0, 0)
    mask = batch.channels[:, -1] > 0
    np.testing.assert_allclose(batch.bone[:, 0][mask], 0.5 * SCALE * batch.channels[:, 1][mask],
                               rtol=1e-5)
    assert np.abs(batch.bone[:, 0][~mask]).max() == 0.0
    assert len({image.tobytes() for image in batch.bone}) > 8
