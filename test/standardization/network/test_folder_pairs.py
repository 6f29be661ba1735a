"""Pairs of one's own: counts become line integrals, and what does not fit is named."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from ixgs_ros.standardization.network import folder_pairs
from ixgs_ros.standardization.network.folder_pairs import FolderPairs, PairsError

SHAPE = (32, 48)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """One pair as PNG and one as npy, of the same shot, without a drawn exposure."""
    monkeypatch.setattr(folder_pairs, 'EXPOSURE_SD', 0.0)
    for side in ('real', 'drr'):
        (tmp_path / side).mkdir()
    line_integrals = np.linspace(0.0, 3.0, 32 * 48, dtype=np.float32).reshape(SHAPE)
    counts = np.round(50000.0 * np.exp(-line_integrals)).astype(np.uint16)
    counts[0, 0], counts[0, 1] = 65535, 0
    bone = 0.25 * line_integrals
    cv2.imwrite(str(tmp_path / 'real/a.png'), counts)
    cv2.imwrite(str(tmp_path / 'drr/a.png'), np.round(bone / 1e-4).astype(np.uint16))
    np.save(tmp_path / 'real/b.npy', line_integrals)
    np.save(tmp_path / 'drr/b.npy', bone)
    settings = {'focal_px': 800, 'air_counts': 50000, 'drr_per_count': 1e-4, 'licence': 'mine'}
    (tmp_path / 'pairs.json').write_text(json.dumps(settings))
    return tmp_path


def test_counts_and_line_integrals_say_the_same(folder):
    pairs = FolderPairs(folder)
    assert len(pairs) == 2 and pairs.licence == 'mine'
    png, npy = (pairs.example(index, np.random.default_rng(0)) for index in range(2))
    np.testing.assert_array_equal(~png.mask, np.arange(32 * 48).reshape(SHAPE) < 2)
    np.testing.assert_allclose(png.line_integrals[png.mask], npy.line_integrals[png.mask],
                               atol=5e-4)
    np.testing.assert_allclose(png.bone, npy.bone, atol=1e-4)
    assert png.focal == 800.0


def test_other_pairs_of_the_same_number_have_another_digest(folder):
    first, settings = FolderPairs(folder).digest(), (folder / 'pairs.json').read_text()
    assert FolderPairs(folder).digest() == first
    (folder / 'pairs.json').write_text(settings.replace('800', '900'))
    assert FolderPairs(folder).digest() != first
    (folder / 'pairs.json').write_text(settings)
    np.save(folder / 'drr/b.npy', np.ones(SHAPE, np.float32))
    assert FolderPairs(folder).digest() != first


def test_the_exposure_is_drawn(folder, monkeypatch):
    monkeypatch.setattr(folder_pairs, 'EXPOSURE_SD', 0.1)
    first, second = (FolderPairs(folder).example(1, np.random.default_rng(seed)).line_integrals
                     for seed in (0, 1))
    assert np.ptp(first - second) < 1e-6 < abs(float((first - second)[0, 0]))


def test_a_file_without_its_pair_is_named(folder):
    (folder / 'drr/b.npy').unlink()
    with pytest.raises(PairsError, match='b is in one only'):
        FolderPairs(folder)


@pytest.mark.parametrize(('name', 'value'), [('focal_px', None), ('air_counts', -1),
                                             ('drr_per_count', 'much')])
def test_a_scale_that_is_missing_is_named(folder, name, value):
    settings = json.loads((folder / 'pairs.json').read_text())
    (folder / 'pairs.json').write_text(json.dumps({**settings, name: value}))
    with pytest.raises(PairsError, match=f'needs {name} as a positive number'):
        FolderPairs(folder).example(0, np.random.default_rng(0))


@pytest.mark.parametrize(('index', 'name'), [(0, 'a.png'), (1, 'b.npy')])
def test_an_image_too_small_to_be_a_shot_is_named(folder, index, name):
    for side in ('real', 'drr'):
        cv2.imwrite(str(folder / side / 'a.png'), np.full((1, 128), 900, np.uint16))
        np.save(folder / side / 'b.npy', np.ones((1, 128), np.float32))
    with pytest.raises(PairsError, match=f'{name}: SIZE_MISMATCH: the image has 1 rows by 128 '
                                         'columns; expected at least 32 of each'):
        FolderPairs(folder).example(index, np.random.default_rng(0))


def test_sizes_and_kinds_that_do_not_fit_are_named(folder):
    np.save(folder / 'drr/b.npy', np.zeros((3, 3), np.float32))
    with pytest.raises(PairsError, match=r'of shape \(32, 48\) as b.npy, got \(3, 3\)'):
        FolderPairs(folder).example(1, np.random.default_rng(0))
    (folder / 'drr/b.npy').write_bytes(b'no array')
    with pytest.raises(PairsError, match='cannot be read'):
        FolderPairs(folder).example(1, np.random.default_rng(0))
    (folder / 'pairs.json').unlink()
    with pytest.raises(PairsError, match='expected JSON'):
        FolderPairs(folder)
