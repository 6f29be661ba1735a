"""Pictures of a whole volume: radiograph-like, maximum intensity, shaded surface.

For looking, not for fitting: the Gaussian projector and the simulator's ray caster have their own
forward models.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from scipy.spatial.transform import Rotation

from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.geometry.view import View
from ixgs_ros.volume.grid import VoxelGrid
from ixgs_ros.volume.mpr import check_volume, trilinear

MODES = ('integral', 'maximum', 'surface')
# Columns: image x (patient's left), image y (inferior), view direction (posterior); in LPS.
FROM_ANTERIOR = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
# The observer's distance in diagonals of the grid: far enough that near and far differ little.
OBSERVER_DISTANCE = 4.0
# Share of the image that the grid may fill.
FILLED = 0.95
BISECTIONS = 5


def orbit_view(grid: VoxelGrid, azimuth: float, elevation: float, pixels: int = 256,
               lps_from_reference: RigidTransform | None = None) -> View:
    """Return a view of the whole grid from a direction, patient's head up.

    Args:
        grid: what is to be seen.
        azimuth: turn of the observer about the patient's long axis, radians; 0 looks from the
            front, +90° from the patient's left.
        elevation: turn of the observer towards the head, radians.
        pixels: rows and columns of the (square) image.
        lps_from_reference: how the reference frame lies in the patient; the frame's own axes are
            taken for LPS if None.
    """
    turn = Rotation.from_euler('ZX', [azimuth, -elevation]).as_matrix() @ FROM_ANTERIOR
    rotation = turn if lps_from_reference is None else lps_from_reference.rotation.T @ turn
    size = grid.region.size
    distance = OBSERVER_DISTANCE * float(np.linalg.norm(size))
    source = grid.region.center - distance * rotation[:, 2]
    # A box of size s has the extent Σ |n_a| s_a along n; its near side must fit into the image.
    across_x, across_y, depth = np.abs(rotation.T) @ size
    focal = FILLED * pixels * (distance - 0.5 * depth) / max(across_x, across_y)
    middle = 0.5 * (pixels - 1)
    k = np.array([[focal, 0.0, middle], [0.0, focal, middle], [0.0, 0.0, 1.0]])
    return View(k, RigidTransform(rotation, source), pixels, pixels)


def render(volume: np.ndarray, grid: VoxelGrid, view: View, mode: str = 'integral',
           level: float = 26.0) -> np.ndarray:
    """Render a volume along the rays of a view.

    Args:
        volume: (z, y, x) attenuation in 1/m.
        grid: where its voxels lie.
        view: who looks.
        mode: 'integral' (line integrals, no unit), 'maximum' (1/m) or 'surface' (the brightness
            in [0, 1] of the first surface at ``level``, lit from the observer; 0 where there is
            none).
        level: the surface's attenuation, 1/m; 26/m is 300 HU, bone.

    Returns:
        (view.height, view.width) float32.
    """
    if mode not in MODES:
        raise ValueError(f'expected a mode out of {", ".join(MODES)}, got {mode!r}')
    image = np.zeros((view.height, view.width), dtype=np.float32)
    # From the source's frame to fractional voxel indices, as one affine map.
    to_index = 1.0 / grid.spacing
    directions = (to_index[:, None] * view.reference_from_source.rotation).astype(np.float64)
    source = grid.indices(view.source)
    _march(check_volume(volume, grid), directions, source, view.packed()[12:], float(level),
           MODES.index(mode), float(grid.spacing.min()), image)
    return image


@numba.njit(inline='always', cache=True, nogil=True)
def _clip(source: np.ndarray, ray: np.ndarray,
          shape: tuple[int, int, int]) -> tuple[float, float]:
    """Return where a ray (index units per metre) enters and leaves the voxels' box, metres."""
    near, far = 0.0, math.inf
    for axis in range(3):
        low, high = -0.5, shape[2 - axis] - 0.5
        if abs(ray[axis]) < 1e-12:
            if source[axis] < low or source[axis] > high:
                return 1.0, 0.0
            continue
        first, second = (low - source[axis]) / ray[axis], (high - source[axis]) / ray[axis]
        near, far = max(near, min(first, second)), min(far, max(first, second))
    return near, far


@numba.njit(inline='always', cache=True, nogil=True)
def _at(volume: np.ndarray, source: np.ndarray, ray: np.ndarray, t: float) -> float:
    return trilinear(volume, source[0] + t * ray[0], source[1] + t * ray[1],
                     source[2] + t * ray[2])


@numba.njit(cache=True, nogil=True)
def _brightness(volume: np.ndarray, source: np.ndarray, ray: np.ndarray, outside: float,
                inside: float, level: float) -> float:
    """Return Lambert's cosine between the ray and the surface's normal."""
    for _ in range(BISECTIONS):
        middle = 0.5 * (outside + inside)
        if _at(volume, source, ray, middle) < level:
            outside = middle
        else:
            inside = middle
    x, y, z = source + inside * ray
    gradient = np.array([trilinear(volume, x + 1, y, z) - trilinear(volume, x - 1, y, z),
                         trilinear(volume, x, y + 1, z) - trilinear(volume, x, y - 1, z),
                         trilinear(volume, x, y, z + 1) - trilinear(volume, x, y, z - 1)])
    length = math.sqrt((gradient ** 2).sum() * (ray ** 2).sum())
    return abs((gradient * ray).sum()) / length if length > 0 else 1.0


@numba.njit(parallel=True, cache=True, nogil=True)
def _march(volume: np.ndarray, directions: np.ndarray, source: np.ndarray, pinhole: np.ndarray,
           level: float, mode: int, step: float, image: np.ndarray) -> None:
    """Walk along every ray in equal steps of at most one voxel, sampling the steps' middles."""
    fx, fy, cx, cy = pinhole
    for row in numba.prange(image.shape[0]):
        ray = np.empty(3)
        for column in range(image.shape[1]):
            x, y = (column - cx) / fx, (row - cy) / fy
            length = math.sqrt(x * x + y * y + 1.0)
            for axis in range(3):
                ray[axis] = (directions[axis, 0] * x + directions[axis, 1] * y
                             + directions[axis, 2]) / length
            near, far = _clip(source, ray, volume.shape)
            if near >= far:
                continue
            steps = int(math.ceil((far - near) / step))
            stride = (far - near) / steps
            total, peak = 0.0, 0.0
            for i in range(steps):
                t = near + (i + 0.5) * stride
                value = _at(volume, source, ray, t)
                total += value
                peak = max(peak, value)
                if mode == 2 and value >= level:
                    image[row, column] = _brightness(volume, source, ray, t - stride, t, level)
                    break
            if mode == 0:
                image[row, column] = total * stride
            elif mode == 1:
                image[row, column] = peak
