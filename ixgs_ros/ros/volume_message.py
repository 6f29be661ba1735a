"""Volumes to and from ``ixgs/VoxelVolume``: 8 or 16 bit with a scale, or float32."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ixgs.msg import VoxelVolume
from ixgs_ros.geometry import RigidTransform
from ixgs_ros.ros.messages import from_bytes, header, to_bytes, to_pose, to_vector
from ixgs_ros.volume.grid import VoxelGrid

# Published volumes stay at or under this (docs/contracts.md): larger ones cost subscribers and the
# transport more than a second's work in Python.
PUBLISHED_BYTES = 8 * 1024 * 1024
# A volume on request: 64 MiB already cost the transport half a second.
REQUESTED_BYTES = 64 * 1024 * 1024

ENCODINGS: dict[str, np.dtype] = {'mono8': np.dtype('u1'), 'mono16': np.dtype('<u2'),
                                  '32FC1': np.dtype('<f4')}


@dataclass(frozen=True)
class VolumeInfo:
    """What a published volume says besides its voxels.

    Args:
        stamp_ns: exposure of the last shot contained, integer nanoseconds; 0 before the first.
        frame: the patient reference frame.
        quantity: 'attenuation' or 'bone'; '' of an empty volume before the first shot.
        revision: grows with every change of the model.
        views: shots contained.
        held_out_residual: weighted RMS over pixels never fitted, no unit; NaN where unknown.
    """

    stamp_ns: int
    frame: str
    quantity: str = 'attenuation'
    revision: int = 0
    views: int = 0
    held_out_residual: float = float('nan')


def voxel_bytes(encoding: str) -> int:
    """Return the bytes of one stored value.

    Raises:
        ValueError: the encoding is not one of ``ENCODINGS``.
    """
    return _dtype(encoding).itemsize


def fitting_grid(grid: VoxelGrid, encoding: str = 'mono16',
                 limit: int = PUBLISHED_BYTES) -> VoxelGrid:
    """Return the grid itself if its values fit into ``limit`` bytes, else a coarser one.

    The coarser grid has cubic voxels and fills the same box as closely as whole voxels can.

    Args:
        grid: what would be published.
        encoding: a key of ``ENCODINGS``.
        limit: bytes allowed.
    """
    def bytes_of(candidate: VoxelGrid) -> int:
        return int(np.prod(candidate.size)) * voxel_bytes(encoding)

    fitting = grid
    spacing = float(grid.spacing.max())
    while bytes_of(fitting) > limit:
        # The cube root is exact but for rounding to whole voxels: one per cent more ends that.
        spacing *= max(1.01, (bytes_of(fitting) / limit) ** (1 / 3))
        fitting = VoxelGrid.covering(grid.region, spacing)
    return fitting


def volume_to_message(volume: np.ndarray, grid: VoxelGrid, info: VolumeInfo,
                      encoding: str = 'mono16') -> VoxelVolume:
    """Return the message of a volume.

    Args:
        volume: float32 (size_z, size_y, size_x), 1/m, finite.
        grid: where its voxels are, in ``info.frame``.
        info: the rest of the message.
        encoding: 'mono8' and 'mono16' spread the range of the values over the integers, so a value
            comes back within half of ``scale``; '32FC1' stores them as they are.

    Raises:
        ValueError: the shape is not the grid's, a value is not finite, or the encoding is unknown.
    """
    if volume.shape != grid.shape:
        raise ValueError(f'expected a volume of shape {grid.shape} as the grid says, '
                         f'got {volume.shape}')
    stored, scale, offset = quantize(volume, encoding)
    size_x, size_y, size_z = grid.size
    return VoxelVolume(
        header=header(info.stamp_ns, info.frame),
        origin=to_pose(RigidTransform(translation=grid.origin)), spacing=to_vector(grid.spacing),
        size_x=size_x, size_y=size_y, size_z=size_z,
        encoding=encoding, scale=scale, offset=offset, data=to_bytes(stored),
        quantity=info.quantity, revision=info.revision, views=info.views,
        held_out_residual=info.held_out_residual)


def quantize(volume: np.ndarray, encoding: str) -> tuple[np.ndarray, float, float]:
    """Return (stored values, scale, offset), with ``volume ≈ scale * stored + offset``, 1/m.

    The offset is the smallest value, the scale the range over the largest integer.

    Raises:
        ValueError: a value is not finite, or the encoding is unknown.
    """
    dtype = _dtype(encoding)
    low, high = float(volume.min()), float(volume.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError(f'expected a volume of finite values, got a range of {low} to {high}')
    if dtype.kind == 'f':
        return volume.astype(dtype, copy=False), 1.0, 0.0
    scale = (high - low) / np.iinfo(dtype).max or 1.0
    work = volume - np.float32(low)
    work *= np.float32(1.0 / scale)
    work += np.float32(0.5)
    return work.astype(dtype), scale, low


def message_to_volume(message: VoxelVolume) -> tuple[np.ndarray, VoxelGrid]:
    """Return the volume, float32 (size_z, size_y, size_x) in 1/m, and its grid.

    Raises:
        ValueError: the encoding is unknown, the length of the data is not what the sizes say, the
            axes are rotated, or scale, offset, spacing or sizes make no sense.
    """
    dtype = _dtype(message.encoding)
    turn = message.origin.orientation
    if max(abs(turn.x), abs(turn.y), abs(turn.z)) > 1e-9:
        raise ValueError('expected voxel axes along the axes of the frame, got the orientation '
                         f'({turn.x}, {turn.y}, {turn.z}, {turn.w})')
    position, step = message.origin.position, message.spacing
    grid = VoxelGrid(np.array([position.x, position.y, position.z]),
                     np.array([step.x, step.y, step.z]),
                     (message.size_x, message.size_y, message.size_z))
    if not (np.isfinite([message.scale, message.offset]).all() and message.scale > 0):
        raise ValueError('expected a finite scale above 0 and a finite offset, got '
                         f'{message.scale} and {message.offset}')
    stored = from_bytes(message.data, dtype.str, grid.shape, 'data')
    volume = stored.astype(np.float32)
    volume *= np.float32(message.scale)
    volume += np.float32(message.offset)
    return volume, grid


def _dtype(encoding: str) -> np.dtype:
    if encoding not in ENCODINGS:
        raise ValueError(f'expected an encoding out of {", ".join(ENCODINGS)}, got {encoding!r}')
    return ENCODINGS[encoding]
