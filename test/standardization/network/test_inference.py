"""The network at work on whole shots: sizes, masks, domain, and what it may never do."""

from __future__ import annotations

import cv2
from ellipsoids import exposed
import numpy as np
import pytest

from ixgs_ros.geometry import RigidTransform, View
from ixgs_ros.standardization.network.dataset import Example
from ixgs_ros.standardization.network.finishing import camera_of
from ixgs_ros.standardization.network.inference import BoneNetwork, certainty


@pytest.fixture
def network(weights):
    return BoneNetwork(weights)


@pytest.fixture
def example(unseen):
    return unseen.example(3, np.random.default_rng(2))


def standardized(network, example):
    return network.standardize(example.line_integrals, example.mask, camera_of(example))


def test_bone_and_confidence_are_images_of_the_shot(network, example):
    found = standardized(network, example)
    assert found.bone.shape == found.confidence.shape == (64, 64)
    assert found.bone.dtype == found.confidence.dtype == np.float32
    assert found.reason == ''
    assert found.confidence.min() >= 0.0 and found.confidence.max() <= 1.0


def test_it_is_sure_of_nothing_where_bone_is_likely_but_not_called_bone():
    presence = np.array([0.0, 0.1, 0.5, 0.6, 0.79, 0.8, 0.95, 1.0])
    np.testing.assert_allclose(certainty(presence, 0.8),
                               [1.0, 0.8, 0.0, 0.0, 0.0, 0.6, 0.9, 1.0], atol=1e-6)
    # Without a gate all is called bone, also where there is none rather.
    np.testing.assert_allclose(certainty(presence, 0.0),
                               [0.0, 0.0, 0.0, 0.2, 0.58, 0.6, 0.9, 1.0], atol=1e-6)


def test_masked_pixels_have_no_bone_and_do_not_matter(network, example):
    mask = example.mask.copy()
    mask[20:30, 10:20] = False
    spoilt = np.where(mask, example.line_integrals, np.nan).astype(np.float32)
    found = network.standardize(spoilt, mask, camera_of(example))
    assert (found.bone[~mask] == 0.0).all() and (found.confidence[~mask] == 0.0).all()
    assert np.isfinite(found.bone).all()


def test_there_is_no_bone_in_air_and_never_more_than_the_gain_allows(network, shots):
    for index in range(10):
        image, mask = exposed(shots[index], np.random.default_rng(index))
        found = standardized(network, Example(image, mask, shots[index].bone, 3.4 * 64))
        limit = network.config.gain * np.maximum(image, 0.0)
        # The share is interpolated: a little more where the line integral falls steeply.
        assert (found.bone <= 1.5 * limit + 1e-6).all()
        assert (found.bone[image <= 0.0] == 0.0).all()


def test_a_larger_image_of_the_same_scene_gives_the_same_bone(network, example):
    large = Example(*(cv2.resize(array.astype(np.float32), (192, 192)) for array in
                      (example.line_integrals, example.mask, example.bone)), 3 * example.focal)
    found = standardized(network, Example(large.line_integrals, large.mask > 0.5, large.bone,
                                          large.focal)).bone
    small = cv2.resize(found, (64, 64), interpolation=cv2.INTER_AREA)
    inner = np.s_[8:-8, 8:-8]
    expected = standardized(network, example).bone
    assert np.abs(small - expected)[inner].mean() < 0.1 * expected[inner].mean()


def test_what_is_no_shot_is_said_to_be_none(network, example):
    image, mask, view = example.line_integrals, example.mask, camera_of(example)
    for wrong, words in ((0.0 * image, 'spread'), (0.0 * image + 5.0, 'spread'),
                         (image + 30.0, 'median'), (20.0 * image, 'expected')):
        assert words in network.standardize(wrong, mask, view).reason
    assert 'usable pixels' in network.standardize(image, np.zeros_like(mask), view).reason


@pytest.mark.parametrize('focal', [1.02, 1e-3])
def test_a_focal_length_in_metres_is_refused_and_asks_for_no_memory(network, focal):
    """Scaled to the network's pixel size such an image would have 10^9 pixels and more."""
    k = np.array([[focal, 0, 255.5], [0, focal, 255.5], [0, 0, 1]])
    found = network.standardize(np.ones((512, 512), np.float32), np.ones((512, 512), bool),
                                View(k, RigidTransform(), 512, 512))
    assert "width of the image at the network's pixel size" in found.reason
    assert 'is the focal length of K in pixels?' in found.reason
    assert not found.bone.any() and not found.confidence.any()


def test_a_shot_of_another_size_than_its_view_is_an_error(network, example):
    with pytest.raises(ValueError, match=r'shape \(64, 64\) as the view, got \(32, 64\)'):
        network.standardize(example.line_integrals[:32], example.mask, camera_of(example))
