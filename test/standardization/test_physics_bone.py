"""The bone that physics and image processing alone make of a shot."""

import numpy as np
import pytest

from ixgs_ros.standardization.physics_bone import MOST, physics_bone

SIZE = 128


def body(offset=0.0):
    """A thick body with a smooth flank and an upright bone of 0.8 in it; and the bone."""
    x = np.linspace(-1.0, 1.0, SIZE, dtype=np.float32)[None, :]
    y = np.linspace(-1.0, 1.0, SIZE, dtype=np.float32)[:, None]
    tissue = 3.5 - 0.8 * x ** 2 + 0.2 * y + offset
    bone = np.where(np.abs(x - 0.1) < 0.15, np.float32(0.8), np.float32(0)) + 0 * y
    return (tissue + bone).astype(np.float32), bone.astype(np.float32)


def test_bone_stands_out_of_soft_tissue():
    image, bone = body()
    found = physics_bone(image, np.ones(image.shape, dtype=bool))
    assert found.dtype == np.float32 and found.min() >= 0.0 and found.max() <= MOST
    assert found[bone > 0].mean() > 5.0 * found[bone == 0].mean()
    assert np.abs(found - bone).sum() < 0.9 * bone.sum()


def test_even_tissue_holds_no_bone():
    image = np.full((96, 120), 4.0, dtype=np.float32)
    assert physics_bone(image, np.ones(image.shape, dtype=bool)).max() < 0.03


def test_an_unknown_exposure_matters_little():
    mask = np.ones((SIZE, SIZE), dtype=bool)
    plain, brighter = (physics_bone(body(offset)[0], mask) for offset in (0.0, 0.3))
    assert np.abs(plain - brighter).mean() < 0.02


def test_what_is_masked_neither_matters_nor_shows():
    image, _ = body()
    mask = np.hypot(*np.ogrid[-64:64, -64:64]) < 55
    found = physics_bone(image, mask)
    assert not found[~mask].any()
    assert np.array_equal(found, physics_bone(np.where(mask, image, 14.0), mask))
    assert not physics_bone(image, np.zeros_like(mask)).any()


@pytest.mark.parametrize('shape', [(63, 40), (256, 200)])
def test_any_size_will_do(shape):
    rng = np.random.default_rng(0)
    image = rng.uniform(2.0, 4.0, shape).astype(np.float32)
    assert physics_bone(image, np.ones(shape, dtype=bool)).shape == shape


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r'got \(4, 4\) and \(4, 5\)'):
        physics_bone(np.zeros((4, 4), np.float32), np.ones((4, 5), dtype=bool))
