"""NIfTI and NRRD: the same voxels at the same places, or a sentence."""

import nibabel
import nrrd
import numpy as np
import pytest

from ixgs_ros.simulation.ct import Ct, CtError
from ixgs_ros.simulation.sources import load_ct

# Voxels (i, j, k) of an oblique, anisotropic scan; RAS millimetres.
RAS_FROM_INDEX = np.array([[-0.7, 0.1, 0.0, 10.0], [0.1, -0.9, 0.2, -20.0],
                           [0.0, 0.3, 2.4, 30.0], [0.0, 0.0, 0.0, 1.0]])


@pytest.fixture
def hu():
    volume = np.full((5, 6, 7), -1000, dtype=np.int16)       # i, j, k
    volume[4, 1, 5] = 900
    return volume


def marked_lps(ct):
    k, j, i = np.unravel_index(np.argmax(ct.hu), ct.hu.shape)
    return (ct.lps_from_index @ [i, j, k, 1])[:3]


EXPECTED = np.array([-0.001, -0.001, 0.001]) * (RAS_FROM_INDEX @ [4, 1, 5, 1])[:3]


@pytest.mark.parametrize('name', ['ct.nii', 'ct.nii.gz'])
def test_nifti(tmp_path, hu, name):
    nibabel.save(nibabel.Nifti1Image(hu, RAS_FROM_INDEX), tmp_path / name)
    ct = load_ct(tmp_path / name)
    assert ct.hu.shape == (7, 6, 5)
    assert marked_lps(ct) == pytest.approx(EXPECTED, abs=1e-7)


def test_nifti_in_metres(tmp_path, hu):
    scale = np.diag([0.001, 0.001, 0.001, 1.0])
    image = nibabel.Nifti1Image(hu, scale @ RAS_FROM_INDEX)
    image.header.set_xyzt_units('meter')
    nibabel.save(image, tmp_path / 'ct.nii')
    assert marked_lps(load_ct(tmp_path / 'ct.nii')) == pytest.approx(EXPECTED, abs=1e-7)


@pytest.mark.parametrize(('space', 'signs'), [('left-posterior-superior', (-1, -1, 1)),
                                              ('right-anterior-superior', (1, 1, 1)),
                                              ('LAS', (-1, 1, 1))])
def test_nrrd_in_any_space(tmp_path, hu, space, signs):
    directions = np.array(signs)[:, None] * RAS_FROM_INDEX[:3, :3]
    nrrd.write(str(tmp_path / 'ct.nrrd'), hu,
               {'space': space, 'space directions': directions.T,
                'space origin': np.array(signs) * RAS_FROM_INDEX[:3, 3]})
    ct = load_ct(tmp_path / 'ct.nrrd')
    assert ct.hu.shape == (7, 6, 5)
    assert marked_lps(ct) == pytest.approx(EXPECTED, abs=1e-7)


def test_one_time_point_is_a_volume_and_two_are_not(tmp_path, hu):
    nibabel.save(nibabel.Nifti1Image(hu[..., None], RAS_FROM_INDEX), tmp_path / 'one.nii')
    assert load_ct(tmp_path / 'one.nii').hu.shape == (7, 6, 5)
    nibabel.save(nibabel.Nifti1Image(np.stack([hu, hu], -1), RAS_FROM_INDEX), tmp_path / 'two.nii')
    with pytest.raises(CtError, match=r'three axes, got 4 of sizes \(5, 6, 7, 2\)'):
        load_ct(tmp_path / 'two.nii')


def test_nifti_without_orientation_is_refused(tmp_path, hu):
    image = nibabel.Nifti1Image(hu, None)
    image.set_sform(None, code=0)
    image.set_qform(None, code=0)
    nibabel.save(image, tmp_path / 'ct.nii')
    with pytest.raises(CtError, match='sform_code 0 and qform_code 0'):
        load_ct(tmp_path / 'ct.nii')


def test_nrrd_without_space_is_refused(tmp_path, hu):
    nrrd.write(str(tmp_path / 'ct.nrrd'), hu)
    with pytest.raises(CtError, match='expected a space .* got none'):
        load_ct(tmp_path / 'ct.nrrd')


@pytest.mark.parametrize('name', ['ct.nii', 'ct.nii.gz', 'ct.nrrd'])
def test_damaged_files_are_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b'not an image at all' * 30)
    with pytest.raises(CtError, match='not a readable'):
        load_ct(tmp_path / name)


def test_a_truncated_file_is_refused(tmp_path, hu):
    nibabel.save(nibabel.Nifti1Image(hu, RAS_FROM_INDEX), tmp_path / 'ct.nii')
    whole = (tmp_path / 'ct.nii').read_bytes()
    (tmp_path / 'ct.nii').write_bytes(whole[:-100])
    with pytest.raises(CtError, match='not a readable NIfTI'):
        load_ct(tmp_path / 'ct.nii')


@pytest.mark.parametrize(('name', 'message'), [
    ('nowhere', 'no such file'), ('ct.png', 'ending in .nii'), ('one.dcm', 'single file')])
def test_other_sources_are_refused(tmp_path, name, message):
    if name != 'nowhere':
        (tmp_path / name).write_bytes(b'x')
    with pytest.raises(CtError, match=message):
        load_ct(tmp_path / name)


def test_values_that_are_not_finite_are_counted(hu):
    broken = hu.astype(float)
    broken[0, 0, :3] = np.nan
    with pytest.raises(CtError, match='3 voxels that are not'):
        Ct(broken, np.eye(4))


def test_a_flat_affine_is_refused(hu):
    with pytest.raises(CtError, match='invertible'):
        Ct(hu, np.diag([0.001, 0.001, 0.0, 1.0]))


def test_a_numpy_archive(tmp_path, hu):
    np.savez(tmp_path / 'ct.npz', hu=hu, spacing_mm=[3.0, 2.0, 1.0])
    ct = load_ct(tmp_path / 'ct.npz')
    assert np.array_equal(ct.hu, hu)
    assert ct.spacing == pytest.approx([0.001, 0.002, 0.003])


@pytest.mark.parametrize(('arrays', 'message'), [
    ({'hu': np.zeros((3, 3, 3))}, 'spacing_mm'),
    ({'hu': np.zeros((3, 3, 3)), 'spacing_mm': [1.0, 0.0, 1.0]}, 'three positive spacing_mm')])
def test_other_archives_are_refused(tmp_path, arrays, message):
    np.savez(tmp_path / 'ct.npz', **arrays)
    with pytest.raises(CtError, match=message):
        load_ct(tmp_path / 'ct.npz')
    (tmp_path / 'ct.npz').write_bytes(b'x')
    with pytest.raises(CtError, match=r'not a readable \.npz'):
        load_ct(tmp_path / 'ct.npz')
