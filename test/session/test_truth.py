"""Truths: units are checked, values are attenuations, and where they lie is kept."""

import nibabel
import numpy as np
import pytest

from ixgs_ros.session.truth import load_truth, TruthError
from ixgs_ros.simulation.ct import CtError


@pytest.fixture
def nifti(tmp_path):
    def write(values):
        image = nibabel.Nifti1Image(values.astype(np.float32), np.diag([-2.0, -2.0, 2.0, 1.0]))
        image.set_sform(image.affine, code=1)
        path = tmp_path / 'truth.nii.gz'
        nibabel.save(image, path)
        return str(path)
    return write


def test_hounsfield_units_become_attenuation(nifti):
    hu = np.zeros((4, 5, 6))
    hu[1, 2, 3] = 1000.0
    hu[0, 0, 0] = -1000.0
    truth = load_truth(nifti(hu), 'hu')
    assert truth.per_m[3, 2, 1] == pytest.approx(40.0)
    assert truth.per_m[0, 0, 0] == 0.0 and truth.per_m[1, 1, 1] == pytest.approx(20.0)
    assert np.allclose(truth.lps_from_index, np.diag([0.002, 0.002, 0.002, 1.0]))


def test_attenuation_stays(nifti):
    per_m = np.full((4, 5, 6), 20.0)
    per_m[0] = -0.5
    assert load_truth(nifti(per_m), 'per_m').per_m[0, 0, 1] == 20.0


def test_units_that_cannot_be_are_refused(nifti):
    hu = np.zeros((4, 5, 6))
    hu[0] = -1000.0
    with pytest.raises(TruthError, match='is the unit hu'):
        load_truth(nifti(hu), 'per_m')
    with pytest.raises(TruthError, match='is the unit per_m'):
        load_truth(nifti(hu + 1020.0), 'hu')
    with pytest.raises(TruthError, match="got 'mm'"):
        load_truth(nifti(hu), 'mm')


def test_a_truth_that_is_not_there():
    with pytest.raises(CtError, match='no such file'):
        load_truth('/nowhere/ct.nii', 'hu')
