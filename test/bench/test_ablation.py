"""What ``ixgs bench ablation`` switches off, and how it and ``ixgs bench peers`` say what of."""

from dataclasses import replace
from pathlib import Path
import sys

import numpy as np

from ixgs_ros.geometry.orbits import random_stations
from ixgs_ros.reconstruction import coarse, starts
from ixgs_ros.reconstruction.work import finish
from ixgs_ros.shot import Shot
from ixgs_ros.volume.grid import VoxelGrid

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'bench'))
from _ablation_parts import PARTS, STREAM, switched_off, WHOLE
from _peers_report import markdown as peers_markdown
from _peers_report import Row, Rows, successive
from _peers_scenes import CARM
from ablation import entry, markdown


def row(name, seed, psnr_db, scene='lidc', condition='jitter', seconds=10.0):
    return Row(scene, condition, 24, seed, name, seconds, psnr_db, 100.0, 0.7, '2026-11-24')


def test_what_was_replaced_is_put_back():
    solve, growth = coarse.solve, starts.GROWTH
    for part in PARTS.values():
        with switched_off(part):
            assert all(getattr(module, name) is value for module, name, value in part.constants)
    assert coarse.solve is solve and starts.GROWTH == growth


def test_the_table_holds_differences_from_the_row_that_a_part_is_compared_with(tmp_path):
    rows = Rows(tmp_path / 'ablation.csv')
    rows.add(row(name, seed, psnr_db) for name, figures in {
        WHOLE: (20.0, 22.0, 24.0), 'tv': (19.0, 20.5, 23.9),
        STREAM: (21.0, 21.0, 21.0), 'new starts': (20.0, 20.0, 20.5)}.items()
        for seed, psnr_db in enumerate(figures, 21))
    cells = rows.cells()
    assert entry(rows, cells, WHOLE) == '22.00 dB'
    assert entry(rows, cells, 'tv') == '-1.00 (-1.50 to -0.10, 3 seeds)'
    assert entry(rows, cells, 'new starts') == '-1.00 (-1.00 to -0.50, 3 seeds)'
    assert entry(rows, cells[:1], 'tv') == '-1.00 (1 seed)'
    assert entry(rows, cells, 'shell') == '–'
    page = markdown(Rows(tmp_path / 'ablation.csv'), [('lidc', 'jitter')], 10.0)
    assert 'seeds 21, 22, 23' in page and 'engine of 2026-11-24' in page


def test_the_peers_name_their_seeds_and_engines(tmp_path):
    rows = Rows(tmp_path / 'peers.csv')
    rows.add([row('rtk-sart-tv', 11, 20.0), row('ours', 11, 22.0), row('rtk-sart-tv', 13, 20.0),
              replace(row('ours', 13, 23.0), engine='')])
    page = peers_markdown(rows)
    assert '| 11, 13 | 2026-11-24, unknown | unknown | 10 | ours | – | 22.50 ' in page


def test_a_seed_whose_first_volume_comes_late_is_named_and_shifts_no_other(tmp_path):
    runs = [[row('ours', 11, 14.0, seconds=2.0), row('ours', 11, 20.0)],
            [row('ours', 12, 18.0)],
            [row('ours', 13, 15.0, seconds=2.0), row('ours', 13, 19.0)]]
    assert successive(runs) == [(10.0, 19.0)]
    assert successive(runs[::2]) == [(2.0, 14.5), (10.0, 19.5)]
    rows = Rows(tmp_path / 'peers.csv')
    rows.add([row('rtk-sart-tv', seed, 17.0) for seed in (11, 12, 13)])
    rows.add(found for run in runs for found in run)
    assert ('| 14.50 / 100 / 0.700 (of 2 seeds; 1 without a volume) | 19.00 / 100 / 0.700 |'
            in peers_markdown(rows))


def test_without_the_coarse_voxels_there_is_water_wherever_something_may_be():
    grid = VoxelGrid(np.zeros(3), np.full(3, 0.01), (4, 3, 2))
    support = np.zeros(grid.shape, np.uint8)
    support[1, :2] = 1
    layer = coarse.Layer(grid, support)
    with switched_off(PARTS['coarse']):
        finish(coarse.solve([layer], [], np.zeros(0), 0))
    assert np.array_equal(layer.volume, np.where(support, np.float32(20.0), 0))


def test_without_its_exposure_a_shot_is_taken_as_reported():
    view = CARM.view(random_stations(1, 0)[0])
    image = np.ones((view.height, view.width), np.float32)
    shot = Shot(1, 0, view, image, image)
    assert np.isnan(shot.exposure_offset)
    assert PARTS['exposures'].shot(shot).exposure_offset == 0.0
    assert PARTS['tv'].shot(shot) is shot
