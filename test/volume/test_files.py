"""Files, read back by independent readers: half a voxel, the flips and the units must be right."""

import importlib.util

import nibabel
import nrrd
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from ixgs_ros.geometry import RigidTransform
from ixgs_ros.volume import VoxelGrid
from ixgs_ros.volume.files import write_atomically, write_nifti, write_nrrd, write_volume

GRID = VoxelGrid(np.array([-0.011, 0.021, 0.033]), np.array([0.001, 0.0015, 0.002]), (20, 14, 9))
LPS = RigidTransform(Rotation.from_rotvec([0.3, -0.2, 0.5]).as_matrix(),
                     np.array([0.1, -0.05, 0.3]))
# An object off every axis, without symmetry: three voxels of different values.
MARKS = {(3, 2, 1): 5.0, (16, 4, 6): 11.0, (8, 12, 2): 23.0}


@pytest.fixture
def volume():
    volume = np.zeros(GRID.shape, np.float32)
    for (i, j, k), value in MARKS.items():
        volume[k, j, i] = value
    return volume


def lps_mm(index):
    """Where a voxel's centre lies, worked out by hand."""
    return 1000.0 * LPS.apply(GRID.origin + GRID.spacing * np.array(index))


def test_nifti_is_ras_millimetres_with_sform_1(tmp_path, volume):
    path = tmp_path / 'v.nii.gz'
    write_nifti(path, volume, GRID, LPS)
    image = nibabel.load(path)
    assert int(image.header['sform_code']) == 1
    assert image.header.get_xyzt_units()[0] == 'mm'
    assert image.get_data_dtype() == np.float32
    data = np.asanyarray(image.dataobj)
    for index, value in MARKS.items():
        assert data[index] == value
        ras = image.affine @ [*index, 1.0]
        assert np.allclose(ras[:3], np.diag([-1, -1, 1]) @ lps_mm(index), atol=1e-3)
        assert np.allclose(image.get_qform() @ [*index, 1.0], ras, atol=1e-2)


def test_nrrd_is_lps_millimetres(tmp_path, volume):
    path = tmp_path / 'v.nrrd'
    write_nrrd(path, volume, GRID, LPS)
    data, header = nrrd.read(str(path))
    assert header['space'] == 'left-posterior-superior'
    assert list(header['space units']) == ['mm'] * 3
    assert data.dtype == np.float32
    for index, value in MARKS.items():
        assert data[index] == value
        at = header['space origin'] + np.array(index) @ header['space directions']
        assert np.allclose(at, lps_mm(index), atol=1e-9)


@pytest.mark.slow  # importing itk alone takes 20 s
@pytest.mark.skipif(importlib.util.find_spec('itk') is None, reason='itk is not installed')
@pytest.mark.parametrize('name', ['v.nii.gz', 'v.nrrd'])
def test_itk_sees_the_same_place(tmp_path, volume, name):
    import itk
    path = tmp_path / name
    write_volume(path, volume, GRID, LPS)
    image = itk.imread(str(path))
    data = itk.array_from_image(image)
    for (i, j, k), value in MARKS.items():
        assert data[k, j, i] == value
        point = image.TransformIndexToPhysicalPoint([i, j, k])
        assert np.allclose(list(point), lps_mm((i, j, k)), atol=1e-3)


@pytest.mark.parametrize('name', ['v.nii', 'v.nii.gz', 'v.nrrd'])
def test_the_same_volume_gives_the_same_bytes(tmp_path, volume, name):
    write_volume(tmp_path / name, volume, GRID, LPS)
    first = (tmp_path / name).read_bytes()
    write_volume(tmp_path / name, volume, GRID, LPS)
    assert (tmp_path / name).read_bytes() == first


def test_names_and_shapes_are_checked(tmp_path, volume):
    with pytest.raises(ValueError, match=r"got 'v\.mha'"):
        write_volume(tmp_path / 'v.mha', volume, GRID, LPS)
    with pytest.raises(ValueError, match='shape'):
        write_volume(tmp_path / 'v.nii', volume.T, GRID, LPS)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_file_and_no_debris(tmp_path):
    path = tmp_path / 'old'
    path.write_bytes(b'old')
    with pytest.raises(TypeError):
        write_atomically(path, 'not bytes')
    assert path.read_bytes() == b'old'
    assert [entry.name for entry in tmp_path.iterdir()] == ['old']
    with pytest.raises(OSError):
        write_atomically(tmp_path / 'missing' / 'file', b'')
