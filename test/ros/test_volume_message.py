"""A volume that went through a message is the same volume at the same place."""

import numpy as np
import pytest

from ixgs_ros.ros.volume_message import (
    fitting_grid,
    message_to_volume,
    PUBLISHED_BYTES,
    volume_to_message,
    VolumeInfo,
)
from ixgs_ros.volume.grid import Region, VoxelGrid

GRID = VoxelGrid(np.array([-0.01, 0.02, 0.3]), np.array([0.001, 0.002, 0.003]), (5, 4, 3))
INFO = VolumeInfo(stamp_ns=1_500_000_002, frame='patient_reference', quantity='bone', revision=7,
                  views=3, held_out_residual=0.25)


def bright_voxel() -> np.ndarray:
    """Only voxel x = 4, y = 1, z = 2 attenuates: off all axes and unlike in all three."""
    volume = np.zeros(GRID.shape, np.float32)
    volume[2, 1, 4] = 40.0
    return volume


def test_x_runs_fastest_then_y_then_z():
    message = volume_to_message(bright_voxel(), GRID, INFO)
    stored = np.frombuffer(message.data, '<u2')
    assert np.flatnonzero(stored).tolist() == [4 + 5 * (1 + 4 * 2)]
    assert (message.size_x, message.size_y, message.size_z) == (5, 4, 3)


def test_the_origin_is_the_centre_of_the_first_voxel():
    message = volume_to_message(bright_voxel(), GRID, INFO)
    position = message.origin.position
    assert [position.x, position.y, position.z] == [-0.01, 0.02, 0.3]
    volume, grid = message_to_volume(message)
    where = grid.points()[np.unravel_index(volume.argmax(), volume.shape)]
    np.testing.assert_allclose(where, [-0.01 + 4 * 0.001, 0.02 + 0.002, 0.3 + 2 * 0.003])


def test_stamp_frame_and_figures_are_the_models():
    message = volume_to_message(bright_voxel(), GRID, INFO)
    assert (message.header.stamp.sec, message.header.stamp.nanosec) == (1, 500_000_002)
    assert message.header.frame_id == 'patient_reference'
    assert (message.quantity, message.revision, message.views) == ('bone', 7, 3)
    assert message.held_out_residual == 0.25


@pytest.mark.parametrize(('encoding', 'steps'),
                         [('mono8', 255), ('mono16', 65535), ('32FC1', None)])
def test_values_come_back_in_1_per_m_within_half_a_step(encoding, steps):
    volume = np.random.default_rng(0).uniform(-3, 61, GRID.shape).astype(np.float32)
    back, _ = message_to_volume(volume_to_message(volume, GRID, INFO, encoding))
    bound = 0.0 if steps is None else 0.5 * np.ptp(volume) / steps + 1e-5
    assert np.abs(back - volume).max() <= bound
    assert back.dtype == np.float32


def test_a_constant_volume_survives():
    back, _ = message_to_volume(volume_to_message(np.full(GRID.shape, 20, np.float32), GRID, INFO))
    np.testing.assert_array_equal(back, 20)


def test_what_is_published_fits_and_fills_the_same_box():
    region = Region([0.01, 0, 0], [0.3, 0.2, 0.25])
    fine = VoxelGrid.covering(region, 0.00125)
    assert np.prod(fine.size) * 2 > PUBLISHED_BYTES
    fitting = fitting_grid(fine)
    size = int(np.prod(fitting.size)) * 2
    assert 0.85 * PUBLISHED_BYTES < size <= PUBLISHED_BYTES
    np.testing.assert_allclose(fitting.region.center, region.center, atol=1e-12)
    assert np.abs(fitting.region.size - region.size).max() <= fitting.spacing.max()
    small = VoxelGrid.covering(region, 0.004)
    assert fitting_grid(small) is small


@pytest.mark.parametrize(('changes', 'words'), [
    ({'encoding': 'rgb8'}, 'mono8, mono16, 32FC1.*rgb8'),
    ({'size_x': 6}, 'expected 144 bytes.*120'),
    ({'size_y': 0}, 'positive size along y, got 0'),
    ({'scale': 0.0}, 'scale above 0.*0.0'),
    ({'offset': float('nan')}, 'finite offset.*nan'),
])
def test_a_message_that_contradicts_itself_is_refused(changes, words):
    message = volume_to_message(bright_voxel(), GRID, INFO)
    for name, value in changes.items():
        setattr(message, name, value)
    with pytest.raises(ValueError, match=words):
        message_to_volume(message)


def test_rotated_voxel_axes_are_refused_not_ignored():
    message = volume_to_message(bright_voxel(), GRID, INFO)
    message.origin.orientation.z, message.origin.orientation.w = 0.6, 0.8
    with pytest.raises(ValueError, match='orientation.*0.6'):
        message_to_volume(message)


@pytest.mark.parametrize(('volume', 'words'), [
    (np.zeros((5, 4, 3), np.float32), r'\(3, 4, 5\).*\(5, 4, 3\)'),
    (np.full(GRID.shape, np.nan, np.float32), 'finite values.*nan'),
])
def test_what_is_no_volume_of_the_grid_is_not_sent(volume, words):
    with pytest.raises(ValueError, match=words):
        volume_to_message(volume, GRID, INFO)
