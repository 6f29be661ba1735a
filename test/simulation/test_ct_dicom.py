"""DICOM series: voxels where the scanner saw them, and a sentence for each way to be broken."""

import dicom_series as series
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from ixgs_ros.simulation.ct import CtError
from ixgs_ros.simulation.sources import load_ct


@pytest.fixture
def hu():
    volume = np.full((5, 6, 7), -1000.0)
    volume[3, 1, 5], volume[0, 0, 0] = 1200.0, 400.0
    return volume


def test_slices_are_sorted_by_position_and_scaled(tmp_path, hu):
    ct = load_ct(series.write_series(tmp_path, series.make_series(hu)))
    assert np.array_equal(ct.hu, hu)
    marked = ct.lps_from_index @ [5, 1, 3, 1]
    assert marked[:3] == pytest.approx(0.001 * (series.ORIGIN_MM + [5 * 0.7, 1 * 0.9, 3 * 2.5]))
    assert ct.spacing == pytest.approx([0.0007, 0.0009, 0.0025])


@pytest.mark.parametrize('vector', [(0, 0, np.pi), (np.pi / 2, 0, 0), (0.3, -0.5, 0.8)])
def test_any_orientation_puts_voxels_where_they_were(tmp_path, hu, vector):
    turn = Rotation.from_rotvec(vector).as_matrix()
    ct = load_ct(series.write_series(tmp_path, series.make_series(hu, (turn[:, 0], turn[:, 1]))))
    k, j, i = np.unravel_index(np.argmax(ct.hu), ct.hu.shape)
    expected = 0.001 * (series.ORIGIN_MM + turn @ [5 * 0.7, 1 * 0.9, 3 * 2.5])
    assert (ct.lps_from_index @ [i, j, k, 1])[:3] == pytest.approx(expected, abs=1e-8)


def test_slices_from_head_to_feet_are_turned_round(tmp_path, hu):
    slices = series.make_series(hu, step=np.array([0, 0, -2.5]))
    ct = load_ct(series.write_series(tmp_path, slices))
    assert np.array_equal(ct.hu, hu[::-1])
    assert ct.lps_from_index[2, 2] == pytest.approx(0.0025)


def test_padding_is_air(tmp_path, hu):
    hu[:, :2] = -2048
    hu[2, 3, 3] = 2500
    slices = series.make_series(hu)
    for data in slices:
        data.add_new('PixelPaddingValue', 'SS', round((2500 - series.INTERCEPT) / series.SLOPE))
    ct = load_ct(series.write_series(tmp_path, slices))
    assert (ct.hu[:, :2] == -1000).all()
    assert ct.hu[2, 3, 3] == -1000


def test_other_files_in_the_folder_are_passed_over(tmp_path, hu):
    folder = series.write_series(tmp_path, series.make_series(hu))
    (folder / 'LICENSE').write_text('CC BY 3.0')
    assert load_ct(folder).hu.shape == (5, 6, 7)


def _set(**attributes):
    def change(slices):
        for name, value in attributes.items():
            setattr(slices[2], name, value)
    return change


def _delete(name):
    return lambda slices: delattr(slices[2], name)


def _remove_slice(slices):
    del slices[2]


def _duplicate_slice(slices):
    slices.append(slices[1])


def _shift_slice(slices):
    slices[2].ImagePositionPatient[2] += 0.8


BREAKS = {
    'missing slice': (_remove_slice, r'1 missing slices between 42\.50 and 47\.50 mm.*2\.500 mm'),
    'duplicate': (_duplicate_slice, r'1 duplicates; .* both lie at 42\.50 mm'),
    'irregular': (_shift_slice, r'irregular slices'),
    'two series': (_set(SeriesInstanceUID='1.2.3'), r'one series .* got 2: .*1\.2\.3 \(1 s'),
    'two frames': (_set(FrameOfReferenceUID='1.2.4'), r'one frame of reference, got 2'),
    'two spacings': (_set(PixelSpacing=[0.9, 0.8]), r'one PixelSpacing in mm, got 2: .*0\.8'),
    'two orientations': (_set(ImageOrientationPatient=[0, 1, 0, -1, 0, 0]),
                         r'one ImageOrientationPatient, got .* in 1 slices beside'),
    'two sizes': (_set(Rows=3), r'one image size .*6 x 7 \(4 slices\); 3 x 7 \(1 slices\)'),
    'tilt tag': (_set(GantryDetectorTilt=15.0), r'gantry tilt: GantryDetectorTilt is 15\.00°'),
    'not a CT': (_set(Modality='MR'), r'expected Modality CT, got MR'),
    'enhanced': (_set(NumberOfFrames=8), r'enhanced CT of 8 frames'),
    'no pixels': (_delete('PixelData'), r'expected an image, got no pixel data'),
    'no position': (_delete('ImagePositionPatient'), r'expected ImagePositionPatient, which'),
    'no rescale': (_delete('RescaleIntercept'), r'expected RescaleIntercept, which'),
    'short pixels': (_set(PixelData=b'\0\0'), r'pixel data cannot be read \(transfer syntax'),
}


@pytest.mark.parametrize('name', BREAKS)
def test_a_broken_series_is_refused_with_what_is_wrong(tmp_path, hu, name):
    change, message = BREAKS[name]
    slices = series.make_series(hu)
    change(slices)
    with pytest.raises(CtError, match=message):
        load_ct(series.write_series(tmp_path, slices))


def test_gantry_tilt_shows_in_the_positions(tmp_path, hu):
    slices = series.make_series(hu, series.axial(tilt=np.deg2rad(12)), step=np.array([0, 0, 2.5]))
    with pytest.raises(CtError, match=r'gantry tilt: the slices are stacked 12\.00°'):
        load_ct(series.write_series(tmp_path, slices))


def test_rounded_positions_are_no_missing_slices(tmp_path, hu):
    slices = series.make_series(hu, step=np.array([0, 0, 1.25]))
    for data in slices:
        data.ImagePositionPatient[2] = f'{float(data.ImagePositionPatient[2]):.1f}'
    ct = load_ct(series.write_series(tmp_path, slices))
    assert ct.spacing[2] == pytest.approx(0.00125, 0.02)


def test_last_digits_of_the_orientation_may_differ(tmp_path, hu):
    slices = series.make_series(hu)
    for number, data in enumerate(slices):
        data.ImageOrientationPatient[1] = f'{1e-5 * number:.6f}'
    assert load_ct(series.write_series(tmp_path, slices)).hu.shape == (5, 6, 7)


def test_a_folder_without_dicom_is_refused(tmp_path):
    (tmp_path / 'readme.txt').write_text('nothing here')
    with pytest.raises(CtError, match='found no DICOM file'):
        load_ct(tmp_path)
