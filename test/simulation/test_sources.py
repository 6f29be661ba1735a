"""What CTs are called: two of one name are told apart by what is in them."""

import numpy as np
import pytest

from ixgs_ros.simulation.pair_making import make_pairs, PairSettings
from ixgs_ros.simulation.shot_pool import PoolError
from ixgs_ros.simulation.sources import fingerprint, name_of


def two(folder, name='ct.npz'):
    paths = [folder / patient / name for patient in 'ab']
    for number, path in enumerate(paths):
        path.parent.mkdir(exist_ok=True)
        np.savez(path, hu=np.full((2, 2, 2), number))
    return paths


def test_files_and_folders_of_one_name_are_told_apart_by_what_is_in_them(tmp_path):
    a, b = two(tmp_path)
    assert name_of(a).startswith('ct-') and name_of(a) != name_of(b)
    before = fingerprint(a.parent)
    assert before != fingerprint(b.parent)
    (a.parent / 'another').write_text('slice')
    assert fingerprint(a.parent) != before
    b.write_bytes(a.read_bytes())
    assert name_of(a) == name_of(b)


def test_names_of_ours_stay():
    assert [name_of(name) for name in ('lidc', 'phantom+screws')] == ['lidc', 'phantom+screws']


def test_a_pool_takes_no_two_sources_of_one_name(tmp_path):
    """Which shots an evaluation leaves out is said by their source's name."""
    with pytest.raises(PoolError, match='different names, got 2 times ct'):
        make_pairs(tmp_path / 'pool', PairSettings(tuple(map(str, two(tmp_path))), 1, 1, 8, 0),
                   print)
