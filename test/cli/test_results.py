"""The files that a reconstruction leaves behind."""

from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest

from ixgs_ros.cli import main
from ixgs_ros.cli.errors import CliError
from ixgs_ros.cli.results import make_folder, Reconstruction, write_results
from ixgs_ros.geometry import RigidTransform
from ixgs_ros.session.report import Report
from ixgs_ros.volume import files
from ixgs_ros.volume.grid import Region, VoxelGrid

REGION = Region(np.zeros(3), np.full(3, 0.04))
GRID = VoxelGrid.covering(REGION, 0.01)


def test_the_deviation_lies_where_the_volume_does_and_an_old_one_does_not_stay(tmp_path):
    volume = np.arange(64, dtype=np.float32).reshape(GRID.shape)
    found = Reconstruction(volume, GRID, REGION, RigidTransform(), 0.5 * volume)
    report = Report([], [], 0.0, 0.0, 0, 0, float('nan'))
    write_results(tmp_path, report, found)
    shown, deviation = (nibabel.load(tmp_path / f'{name}.nii.gz')
                        for name in ('volume', 'deviation'))
    np.testing.assert_array_equal(deviation.affine, shown.affine)
    np.testing.assert_allclose(deviation.get_fdata(), 0.5 * shown.get_fdata())
    write_results(tmp_path, report, replace(found, deviation=None))
    assert not (tmp_path / 'deviation.nii.gz').exists()
    assert (tmp_path / 'volume.nii.gz').exists()


def test_a_second_volume_is_written_beside_and_an_old_one_does_not_stay(tmp_path):
    bone = Reconstruction(np.ones(GRID.shape, np.float32), GRID, REGION, RigidTransform())
    report = Report([], [], 0.0, 0.0, 0, 0, float('nan'))
    more = replace(bone, volume=2.0 * bone.volume)
    write_results(tmp_path, report, bone, attenuation=more)
    shown = nibabel.load(tmp_path / 'attenuation.nii.gz')
    np.testing.assert_allclose(shown.get_fdata(), 2.0)
    write_results(tmp_path, report, bone)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['report.json', 'volume.nii.gz',
                                                                'volume.nrrd']


def test_a_folder_that_takes_no_files_is_refused_before_the_work(tmp_path):
    (tmp_path / 'file').write_text('')
    for place in (tmp_path / 'file', Path('/proc')):
        with pytest.raises(CliError, match=f'--out {place}: expected a folder that can be'):
            make_folder(place)
    assert make_folder(tmp_path / 'new and ünder' / 'it').is_dir()
    assert list((tmp_path / 'new and ünder' / 'it').iterdir()) == []


def test_a_full_disk_ends_in_one_line_that_names_the_file(tmp_path, monkeypatch, capsys):
    """/dev/full takes no byte."""
    monkeypatch.setattr(files, 'open', lambda path, mode: open('/dev/full', mode), raising=False)
    monkeypatch.setattr(main, '_dispatch',
                        lambda arguments: files.write_atomically(tmp_path / 'volume.nrrd', b'1'))
    assert main.main(['replay']) == 2
    shown = capsys.readouterr().err
    assert shown == f'ixgs: {tmp_path / "volume.nrrd"}: No space left on device\n'
    assert list(tmp_path.iterdir()) == []
