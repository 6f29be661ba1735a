"""Pictures: read back, truth and reconstruction alike, the notice and the letters are there."""

import cv2
import numpy as np
import pytest

from ixgs_ros.geometry import RigidTransform
from ixgs_ros.volume import VoxelGrid
from ixgs_ros.volume.metrics import Truth
from ixgs_ros.volume.pictures import (
    BAR,
    compare,
    mpr_panels,
    NOTICE,
    Panel,
    rendering_panels,
    sheet,
    window_text,
    write_png,
)

GRID = VoxelGrid(np.full(3, -0.02), np.full(3, 0.001), (41, 41, 41))


def volume():
    values = np.full(GRID.shape, 20.0, np.float32)
    values[30:36, 5:10, 25:35] = 40.0
    return values


def test_png_reads_back(tmp_path):
    page = compare(volume(), volume(), GRID, np.zeros(3), RigidTransform())
    write_png(tmp_path / 'p.png', page)
    assert np.array_equal(cv2.imread(str(tmp_path / 'p.png'), cv2.IMREAD_UNCHANGED), page)
    assert page.dtype == np.uint8


def test_truth_and_reconstruction_stand_one_below_the_other_and_equal_ones_look_equal():
    page = compare(volume(), volume(), GRID, np.zeros(3))
    half = (page.shape[0] - 2 * BAR) // 2
    assert np.array_equal(page[30:half, :], page[30 + half - 3:2 * half - 3, :])
    spoilt = volume()
    spoilt[20, 20, 20] = 45.0
    assert not np.array_equal(page, compare(spoilt, volume(), GRID, np.zeros(3)))


def test_slices_show_the_window():
    axial = mpr_panels(volume(), GRID, np.array([0.0, 0.0, 0.012]), 'x', window=(20.0, 40.0))[0]
    assert axial.grey[7, 30] == 255 and axial.grey[20, 20] == 0
    assert window_text((20.0, 40.0)) == ('slices: black 20/m and below, white 40/m and above; '
                                         'water 20/m')


def test_letters_only_where_the_patient_is_known():
    assert mpr_panels(volume(), GRID, np.zeros(3), 'x')[0].labels is None
    known = mpr_panels(volume(), GRID, np.zeros(3), 'x', RigidTransform())
    assert [panel.labels['top'] for panel in known] == ['A', 'S', 'S']
    assert [panel.title for panel in known] == ['x, axial', 'x, coronal', 'x, sagittal']


def test_the_notice_is_written_below():
    panel = Panel('t', np.zeros((8, 8), np.uint8))
    page = sheet([[panel]], 'caption', side=320)
    assert 'research use only' in NOTICE
    assert page[-BAR:].max() > 100 and page[-2 * BAR:-BAR].max() > 100
    with pytest.raises(ValueError, match='at least one panel'):
        sheet([], 'caption')


def test_renderings_fill_the_picture():
    panels = rendering_panels(volume(), GRID, 'x', RigidTransform(), pixels=64)
    assert len(panels) == 6
    integral = panels[0].grey
    assert integral[32, 3:61].min() > 60 and integral[0].max() == 0


def test_the_truth_is_shown_where_it_lies():
    lps = RigidTransform.from_rotation_vector(np.array([0.2, 0.1, -0.4]),
                                              np.array([0.1, 0.2, 0.3]))
    affine = np.diag([0.001, 0.001, 0.002, 1.0])
    affine[:3, 3] = [0.06, 0.16, 0.26]
    points = VoxelGrid(affine[:3, 3], np.diag(affine)[:3], (80, 80, 40)).points()
    truth = Truth((points @ [10.0, 20.0, 30.0]).astype(np.float32), affine)
    shown = truth.on_grid(GRID, lps)
    assert np.allclose(shown, lps.apply(GRID.points()) @ [10.0, 20.0, 30.0], atol=1e-4)
