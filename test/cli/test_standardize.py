"""``ixgs standardize``: what it writes of DICOM files, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
import pytest

from ixgs_ros.cli.main import main

SIZE = 96
ROWS, COLUMNS = np.mgrid[:SIZE, :SIZE]
TRUTH = 3.0 * np.sqrt(np.maximum(0, 1 - ((COLUMNS - 40) / 30) ** 2))
OPEN = np.hypot(COLUMNS - 47.5, ROWS - 47.5) < 44


def cine(path: Path, frames: list[np.ndarray], **attributes) -> Path:
    """Write angiographic frames (SIZE, SIZE) uint16 of 12 bit."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID, data.SOPInstanceUID = '1.2.840.10008.5.1.4.1.1.12.1', generate_uid()
    data.Modality, data.PatientName = 'XA', 'Somebody^Secret'
    data.Rows, data.Columns, data.NumberOfFrames = SIZE, SIZE, len(frames)
    data.SamplesPerPixel, data.PixelRepresentation = 1, 0
    data.PhotometricInterpretation, data.PixelIntensityRelationship = 'MONOCHROME2', 'LIN'
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, 12, 11
    data.PixelData = np.stack(frames).tobytes()
    data['PixelData'].VR = 'OW'
    for name, value in attributes.items():
        setattr(data, name, value)
    data.save_as(path, enforce_file_format=True)
    return path


GOOD = np.rint(3000 * np.exp(-TRUTH) * OPEN).astype(np.uint16)
BLACK = np.zeros_like(GOOD)


def test_frames_are_written_with_what_is_known_of_them(tmp_path, capsys):
    path = cine(tmp_path / 'run.dcm', [GOOD, BLACK], DistanceSourceToDetector=1020,
                ImagerPixelSpacing=[3.0, 3.0])
    out = tmp_path / 'out'
    assert main(['standardize', str(path), '--out', str(out)]) == 0
    y = np.load(out / 'run_0001.npy')
    mask = cv2.imread(str(out / 'run_0001_mask.png'), cv2.IMREAD_UNCHANGED) == 255
    assert y.dtype == np.float32 and y.shape == mask.shape == (SIZE, SIZE)
    assert not mask[~OPEN].any() and mask[OPEN].mean() > 0.9
    np.testing.assert_allclose(y[mask], TRUTH[mask], atol=0.02)
    assert cv2.imread(str(out / 'run_0001.png')).shape == (512, 1024, 3)
    entry = json.loads((out / 'run_0001.json').read_text())
    assert entry['code'] == 'ACCEPTED' and entry['quantity'] == 'attenuation'
    assert entry['air_measured'] and entry['assumptions'] == []
    assert entry['k'][0] == [340.0, 0.0, 47.5]
    assert entry['lps_from_source'] is None and 'PositionerPrimary' in entry['geometry_lacking']
    black = json.loads((out / 'run_0002.json').read_text())
    assert black['code'] == 'NO_SIGNAL' and 'line_integrals' not in black
    assert not (out / 'run_0002.npy').exists()
    report = json.loads((out / 'report.json').read_text())
    assert [frame['name'] for frame in report['frames']] == ['run_0001', 'run_0002']
    said = capsys.readouterr().out
    assert 'run_0002: NO_SIGNAL' in said and '1 of 2 frames' in said
    assert not any(b'Secret' in file.read_bytes() for file in out.iterdir())


def test_the_nominal_pose_is_written_in_lps(tmp_path):
    path = cine(tmp_path / 'a.dcm', [GOOD], DistanceSourceToDetector=1020,
                ImagerPixelSpacing=[3.0, 3.0], DistanceSourceToPatient=640,
                PositionerPrimaryAngle=0, PositionerSecondaryAngle=0)
    assert main(['standardize', str(path), '--out', str(tmp_path / 'out')]) == 0
    entry = json.loads((tmp_path / 'out' / 'a.json').read_text())
    pose = np.array(entry['lps_from_source'])
    np.testing.assert_allclose(pose[:3, 3], [0, 0.64, 0], atol=1e-9)    # under the table
    np.testing.assert_allclose(pose[:3, 2], [0, -1, 0], atol=1e-9)    # the beam goes up
    assert entry['flipped'] == {'columns': True, 'rows': False} and not entry['geometry_lacking']
    y = np.load(tmp_path / 'out' / 'a.npy')
    assert abs(y[48, 95 - 40] - TRUTH[48, 40]) < 0.02


def test_an_unusable_file_beside_a_good_one_is_said(tmp_path, capsys):
    good = cine(tmp_path / 'good.dcm', [GOOD])
    named = cine(tmp_path / 'named.dcm', [GOOD], BurnedInAnnotation='YES')
    again = tmp_path / 'more'
    again.mkdir()
    twin = cine(again / 'good.dcm', [GOOD])
    out = tmp_path / 'out'
    others = [cine(tmp_path / name, [GOOD]) for name in ('good-2.dcm', 'report.dcm')]
    files = [str(path) for path in (good, named, twin, *others)]
    assert main(['standardize', *files, '--out', str(out)]) == 0
    report = json.loads((out / 'report.json').read_text())
    names = ['good', 'good-2', 'good-2-2', 'report-2']
    assert [frame['name'] for frame in report['frames']] == names
    assert [json.loads((out / f'{name}.json').read_text())['file'] for name in names] == [
        'good.dcm', 'good.dcm', 'good-2.dcm', 'report.dcm']
    assert 'BurnedInAnnotation YES' in report['unusable'][0]['message']
    assert 'unusable: ' in capsys.readouterr().out


def test_no_frame_accepted_is_code_3(tmp_path):
    path = cine(tmp_path / 'a.dcm', [BLACK])
    assert main(['standardize', str(path), '--out', str(tmp_path / 'out')]) == 3


def test_a_strip_of_one_row_is_refused_by_its_size(tmp_path, capsys):
    path = cine(tmp_path / 'a.dcm', [GOOD[:1]], Rows=1)
    out = tmp_path / 'out'
    assert main(['standardize', str(path), '--out', str(out)]) == 3
    words = 'the image has 1 rows by 96 columns; expected at least 32 of each'
    assert words in capsys.readouterr().out
    assert json.loads((out / 'a.json').read_text())['message'] == words


def test_the_signal_of_air_can_be_told_where_an_image_shows_none(tmp_path):
    """A wedge covers the whole field; without the option its thin end is taken for air."""
    truth = TRUTH + 0.5 + ROWS / SIZE
    path = cine(tmp_path / 'run.dcm', [np.rint(3000 * np.exp(-truth)).astype(np.uint16)])
    out = tmp_path / 'out'
    assert main(['standardize', str(path), '--out', str(out), '--air-counts', '3000']) == 0
    np.testing.assert_allclose(np.load(out / 'run.npy'), truth, atol=0.02)
    assert main(['standardize', str(path), '--out', str(out)]) == 0
    assert np.load(out / 'run.npy').min() < 0.1


def test_metal_is_masked_where_that_is_asked_for(tmp_path):
    screw = GOOD.copy()
    screw[40:46, 30:66] = 3
    path = cine(tmp_path / 'run.dcm', [screw])
    used = {}
    for what in ('keep', 'mask'):
        out = tmp_path / what
        assert main(['standardize', str(path), '--out', str(out), '--metal', what]) == 0
        mask = cv2.imread(str(out / 'run_mask.png'), cv2.IMREAD_UNCHANGED)
        used[what] = (mask[41:45, 32:64] == 255).mean()
    assert used['keep'] == 1.0 and used['mask'] == 0.0


@pytest.mark.parametrize('arguments, words', [
    (['text.dcm', '--out', 'out', '--air-counts', '-1'], '--air-counts -1: expected 0 or more'),
    (['nowhere.dcm', '--out', 'out'], 'nowhere.dcm: there is no such file'),
    (['text.dcm', '--out', 'out'], 'none of 1 files can be used; the last: text.dcm: expected a'),
    (['text.dcm', '--out', 'out', '--weights', 'w'], '--weights: expected together with'),
    (['text.dcm', '--out', 'out', '--mode', 'network', '--weights', 'w'], 'w: there is no'),
    (['text.dcm', '--out', 'text.dcm'], '--out text.dcm: expected a folder'),
    (['text.dcm'], 'the following arguments are required: --out')])
def test_wrong_calls_are_code_2_and_one_line(tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    Path('text.dcm').write_text('no image ' * 50)
    assert main(['standardize', *arguments]) == 2
    said = capsys.readouterr().err
    assert words in said and said.count('\n') == 1
