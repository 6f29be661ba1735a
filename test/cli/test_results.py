"""The files that a reconstruction leaves behind."""

from dataclasses import replace

import nibabel
import numpy as np

from ixgs_ros.cli.results import Reconstruction, write_results
from ixgs_ros.geometry import RigidTransform
from ixgs_ros.session.report import Report
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
