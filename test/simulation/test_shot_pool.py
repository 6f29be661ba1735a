"""A pool of shots: the same again by seed, goes on where it was broken off, says what is wrong."""

import json
import os
import shutil

import numpy as np
import pytest

from ixgs_ros.cli.main import main
from ixgs_ros.simulation import shot_pool
from ixgs_ros.simulation.pair_making import make_pairs, PairSettings
from ixgs_ros.simulation.shot_pool import PoolError, ShotPool

SETTINGS = PairSettings(('box.npz', 'procedural'), 3, 2, 24, 5)


def box_ct(path):
    """A water box with a hollow column of bone, coarse, quick to make bodies from."""
    hu = np.full((30, 30, 40), -1000, np.int16)
    hu[:, 4:26, 4:36] = 40
    hu[:, 12:22, 16:26], hu[:, 14:20, 18:24] = 900, 200
    np.savez(path, hu=hu, spacing_mm=[5.0, 5.0, 5.0])


@pytest.fixture(scope='module')
def pool(tmp_path_factory):
    folder = tmp_path_factory.mktemp('pairs')
    before = os.getcwd()
    os.chdir(folder)
    box_ct('box.npz')
    yield folder / 'pool', make_pairs(folder / 'pool', SETTINGS, lambda done: None)
    os.chdir(before)


def test_what_a_pool_holds(pool):
    folder, made = pool
    shots = ShotPool(folder)
    assert made == 3 and len(shots) == 6
    assert [shots.body(i) for i in range(6)] == [0, 0, 1, 1, 2, 2]
    assert {shots.source(i) for i in range(6)} <= {'box', 'procedural'}
    for i in range(6):
        shot = shots[i]
        assert shot.areas.shape == (4, 24, 24) and shot.bone.shape == (24, 24)
        assert shot.areas[0].max() > 20.0 and shot.bone.max() > 0.05
        # Bone is part of what attenuates.
        assert (shot.bone < 0.021 * shot.areas[0] + 0.036 * shot.areas[1] + 0.01).all()
    with pytest.raises(IndexError, match='from 0 to 5, got 6'):
        shots[6]


def test_a_body_depends_on_seed_and_number_only(pool, tmp_path):
    """Broken off and gone on with, and with a file lost, a pool is what it would have been."""
    folder, _ = pool
    again = tmp_path / 'again'
    make_pairs(again, PairSettings(('box.npz', 'procedural'), 1, 2, 24, 5), lambda done: None)
    assert make_pairs(again, SETTINGS, lambda done: None) == 2
    assert make_pairs(again, SETTINGS, lambda done: None) == 0
    (again / ShotPool(again).index['bodies'][1]['file']).unlink()
    assert make_pairs(again, SETTINGS, lambda done: None) == 1
    assert len(ShotPool(again)) == 6
    for a, b in zip(ShotPool(folder), ShotPool(again), strict=True):
        assert np.array_equal(a.areas, b.areas) and np.array_equal(a.bone, b.bone)
        assert np.array_equal(a.view.packed(), b.view.packed())
    other = tmp_path / 'other'
    make_pairs(other, PairSettings(('box.npz', 'procedural'), 1, 2, 24, 6), lambda done: None)
    assert not np.array_equal(ShotPool(other)[0].areas, ShotPool(folder)[0].areas)


def test_a_pool_keeps_few_bytes_in_memory(pool, monkeypatch):
    folder, _ = pool
    largest = max(path.stat().st_size for path in folder.glob('*.npz'))
    monkeypatch.setattr(shot_pool, 'KEPT', 2.5 * largest)
    shots, read = ShotPool(folder), []
    load = np.load
    monkeypatch.setattr(np, 'load', lambda path: read.append(path) or load(path))
    for i in (0, 1, 2, 3, 0, 4, 2):
        assert shots[i].areas.any()
    # Bodies 0, 1, 2, and again 1, which was used least recently when 2 came.
    assert [path.name[-5] for path in read] == ['0', '1', '2', '1']


def test_other_settings_are_refused(pool):
    folder, _ = pool
    with pytest.raises(PoolError, match='begun with size 24, not 32'):
        make_pairs(folder, PairSettings(('box.npz', 'procedural'), 3, 2, 32, 5), lambda done: None)


def test_a_body_that_is_damaged_or_lost_is_named(pool, tmp_path, capsys):
    folder = tmp_path / 'broken'
    shutil.copytree(pool[0], folder)
    path = folder / ShotPool(folder).index['bodies'][0]['file']
    whole = path.read_bytes()
    for content in (whole[:len(whole) // 2], b'junk', b'', None):
        path.unlink() if content is None else path.write_bytes(content)
        with pytest.raises(PoolError, match='missing or damaged'):
            ShotPool(folder)[0]
    call = ['train-standardizer', '--pool', str(folder), '--out', str(tmp_path / 'w.safetensors'),
            '--steps', '20', '--set', 'network.channels=4', '--set', 'network.levels=2', '--set',
            'tile=16', '--set', 'batch=8']
    assert main(call) == 2
    error = capsys.readouterr().err
    assert f'{path}: expected the shots of a body' in error and error.count('\n') == 1


def test_what_is_no_pool(tmp_path, capsys):
    with pytest.raises(PoolError, match='make-pairs'):
        ShotPool(tmp_path)
    (tmp_path / 'index.json').write_text(json.dumps({'format': 99}))
    with pytest.raises(PoolError, match='expected format 1'):
        ShotPool(tmp_path)
    (tmp_path / 'index.json').write_text(json.dumps({'format': 1, 'views': 2}))
    with pytest.raises(PoolError, match='expected a list of bodies and the number of views'):
        ShotPool(tmp_path)
    (tmp_path / 'full').mkdir()
    (tmp_path / 'full' / 'letter.txt').write_text('mine')
    call = ['make-pairs', '--out', str(tmp_path / 'full')]
    assert main(call) == 2
    assert 'expected an empty folder' in capsys.readouterr().err
    assert main([*call[:2], str(tmp_path / 'new'), '--source', '/nowhere.npz']) == 2
    assert '/nowhere.npz: there is no such file' in capsys.readouterr().err
    assert main([*call, '--views', '0']) == 2
    assert 'views of at least 1, got 0' in capsys.readouterr().err
