"""Compiled kernels belong to one state of the sources."""

import os
import time

import pytest

from ixgs_ros.cli import jit_cache
from ixgs_ros.cli.errors import CliError


def test_any_change_of_any_source_changes_the_folder(tmp_path):
    (tmp_path / 'gaussians').mkdir()
    source = tmp_path / 'gaussians' / 'inlined.py'
    source.write_text('FACTOR = 1\n')
    before = jit_cache.digest_of(tmp_path)
    assert jit_cache.digest_of(tmp_path) == before
    source.write_text('FACTOR = 2\n')
    changed = jit_cache.digest_of(tmp_path)
    source.rename(tmp_path / 'gaussians' / 'renamed.py')
    assert len({before, changed, jit_cache.digest_of(tmp_path)}) == 3


def test_no_other_package_compiles_anything():
    others = [path for path in jit_cache.PACKAGE.rglob('*.py')
              if path.relative_to(jit_cache.PACKAGE).parts[0] not in jit_cache.KERNELS]
    assert [path for path in others if 'import numba' in path.read_text()] == []


def test_folders_that_nothing_used_for_a_month_go(tmp_path):
    used, fresh, old = (tmp_path / name for name in ('used', 'fresh', 'old'))
    for folder in (used, fresh, old):
        folder.mkdir()
    month_ago = time.time() - jit_cache.KEPT_S - 60
    os.utime(old, (month_ago, month_ago))
    os.utime(used, (month_ago, month_ago))
    jit_cache.clear_old(used)
    assert used.exists() and fresh.exists() and not old.exists()


def test_the_folder_follows_xdg():
    folder = jit_cache.folder_in({'XDG_CACHE_HOME': '/somewhere'})
    assert str(folder) == f'/somewhere/ixgs/numba/{jit_cache.digest_of()}'


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(CliError, match='file/numba.*XDG_CACHE_HOME'):
        jit_cache.clear_old(tmp_path / 'file' / 'numba')
