"""How good a reconstruction is against a CT (docs/contracts.md, `--truth`).

Inside the sphere of 0.95 × half the region's smallest side: PSNR with peak 40/m, RMSE in
Hounsfield units with water at 20/m, and the mean of the 3-D SSIM map (7³ uniform window, range
40/m). Ours is sampled trilinearly on the truth's grid, the truth brought to 1.25 mm or finer;
negative values are 0. Beyond our volume ours is 0, which SSIM windows at the sphere's
rim see if the region is small.
"""

from __future__ import annotations

from dataclasses import dataclass
import math

import numpy as np
from scipy import ndimage

from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.volume.grid import Region, VoxelGrid
from ixgs_ros.volume.mpr import sample, sample_indices

PEAK_PER_M = 40.0
WATER_PER_M = 20.0
SPHERE_SHARE = 0.95
SSIM_WINDOW = 7
TRUTH_SPACING = 0.00125


@dataclass(frozen=True, eq=False)
class Truth:
    """What the volume should be.

    Args:
        per_m: (z, y, x) attenuation in 1/m.
        lps_from_index: (4, 4) from its voxel indices (x, y, z) to LPS metres, any affine.
    """

    per_m: np.ndarray
    lps_from_index: np.ndarray

    def on_grid(self, grid: VoxelGrid, lps_from_reference: RigidTransform) -> np.ndarray:
        """Return the truth at a grid's voxel centres, trilinear, 0 outside: to be looked at."""
        index_from_reference = np.linalg.inv(self.lps_from_index) @ lps_from_reference.matrix()
        indices = grid.points() @ index_from_reference[:3, :3].T + index_from_reference[:3, 3]
        return sample_indices(self.per_m, indices)


@dataclass(frozen=True)
class Metrics:
    """Agreement with the truth inside the sphere.

    Args:
        psnr_db: peak signal to noise, dB, peak 40/m; infinite for equal volumes.
        rmse_hu: root of the mean squared error in Hounsfield units.
        ssim: mean of the SSIM map, at most 1.
        sphere_radius: metres.
        voxels: voxels of the truth's grid that were compared.
        covered: share of the sphere that the truth covers; what it leaves out is not compared.
    """

    psnr_db: float
    rmse_hu: float
    ssim: float
    sphere_radius: float
    voxels: int
    covered: float


def mean_squared_error(ours: np.ndarray, truth: np.ndarray) -> float:
    """Return the mean squared difference, accumulated in float64."""
    difference = np.asarray(ours, dtype=np.float64) - np.asarray(truth, dtype=np.float64)
    return float(np.mean(np.square(difference)))


def psnr(ours: np.ndarray, truth: np.ndarray, peak: float = PEAK_PER_M) -> float:
    """Return ``10 log10(peak² / MSE)`` in dB, infinite for equal arrays."""
    error = mean_squared_error(ours, truth)
    return math.inf if error == 0.0 else 10.0 * math.log10(peak * peak / error)


def rmse_hu(ours: np.ndarray, truth: np.ndarray) -> float:
    """Return the root mean squared error of two attenuations (1/m) in Hounsfield units."""
    return math.sqrt(mean_squared_error(ours, truth)) / WATER_PER_M * 1000.0


def ssim3d(ours: np.ndarray, truth: np.ndarray, data_range: float = PEAK_PER_M) -> np.ndarray:
    """Return the 3-D SSIM map (z, y, x), float64, see :func:`ssim_map`."""
    if ours.ndim != 3:
        raise ValueError(f'expected two volumes (z, y, x), got {ours.shape} and {truth.shape}')
    return ssim_map(ours, truth, data_range)


def ssim_map(ours: np.ndarray, truth: np.ndarray, data_range: float) -> np.ndarray:
    """Return the SSIM map of two images or volumes, of their shape, float64.

    Wang et al. (IEEE Trans. Image Process. 13(4), 2004) with a uniform window of 7 along each
    axis, sample (N - 1) covariances, K1 = 0.01 and K2 = 0.03, mirrored at the borders:
    scikit-image's defaults.
    """
    if ours.shape != truth.shape or min(ours.shape) < SSIM_WINDOW:
        raise ValueError(f'expected two arrays of equal shape, at least {SSIM_WINDOW} values '
                         f'along each axis, got {ours.shape} and {truth.shape}')
    x, y = np.asarray(ours, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    mean_x, mean_y = _window_mean(x), _window_mean(y)
    window = SSIM_WINDOW ** ours.ndim
    unbiased = window / (window - 1.0)
    variance_x = unbiased * (_window_mean(x * x) - mean_x * mean_x)
    variance_y = unbiased * (_window_mean(y * y) - mean_y * mean_y)
    covariance = unbiased * (_window_mean(x * y) - mean_x * mean_y)
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    return ((2 * mean_x * mean_y + c1) * (2 * covariance + c2)
            / ((mean_x ** 2 + mean_y ** 2 + c1) * (variance_x + variance_y + c2)))


def _window_mean(values: np.ndarray) -> np.ndarray:
    return ndimage.uniform_filter(values, SSIM_WINDOW)


def evaluate(volume: np.ndarray, grid: VoxelGrid, truth: Truth,
             lps_from_reference: RigidTransform, region: Region | None = None) -> Metrics:
    """Compare a reconstruction with the truth.

    Args:
        volume: (z, y, x) attenuation in 1/m.
        grid: where its voxels lie in the reference frame.
        truth: the CT.
        lps_from_reference: where the reference frame is in the patient.
        region: the region that sets the sphere; the grid's own box if None.

    Raises:
        ValueError: the truth does not meet the sphere (often: a wrong lps_from_reference).
    """
    region = grid.region if region is None else region
    radius = SPHERE_SHARE * 0.5 * float(region.size.min())
    reference_from_index = lps_from_reference.inverse().matrix() @ truth.lps_from_index
    values, affine = _around_sphere(truth.per_m, reference_from_index, region.center, radius)
    points = _positions(values.shape, affine)
    inside = ((points - region.center) ** 2).sum(axis=-1) <= radius * radius
    voxels = int(inside.sum())
    if voxels == 0:
        _raise_outside(truth, reference_from_index, region.center, radius)
    theirs = np.maximum(values, 0.0)
    ours = np.maximum(sample(volume, grid, points), 0.0)
    whole = 4.0 / 3.0 * math.pi * radius ** 3 / abs(np.linalg.det(affine[:3, :3]))
    return Metrics(psnr(ours[inside], theirs[inside]), rmse_hu(ours[inside], theirs[inside]),
                   float(ssim3d(ours, theirs)[inside].mean()), radius, voxels,
                   float(min(1.0, voxels / whole)))


def _raise_outside(truth: Truth, reference_from_index: np.ndarray, center: np.ndarray,
                   radius: float) -> None:
    middle = 0.5 * (np.array(truth.per_m.shape[::-1]) - 1.0)
    at = reference_from_index[:3, :3] @ middle + reference_from_index[:3, 3]
    raise ValueError(f'the truth does not meet the sphere of {radius:.3f} m about '
                     f'{center.round(3).tolist()} m: its middle lies at {at.round(3).tolist()} m '
                     'of the reference frame; expected lps_from_reference to bring them together')


def _around_sphere(values: np.ndarray, affine: np.ndarray, center: np.ndarray,
                   radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the part of the truth around the sphere, at 1.25 mm or finer, and its affine.

    An axis that is coarser is divided into the fewest equal parts that are fine enough, by linear
    interpolation between the centres; a finer axis stays as it is. Half an SSIM window is kept
    beyond the sphere.
    """
    inverse = np.linalg.inv(affine)
    middle = inverse[:3, :3] @ center + inverse[:3, 3]
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    parts = np.maximum(1, np.ceil(spacing / TRUTH_SPACING - 1e-6)).astype(int)
    # The sphere's reach along index axis a is radius × the length of row a of the inverse.
    reach = radius * np.linalg.norm(inverse[:3, :3], axis=1) + SSIM_WINDOW // 2 + 1
    size = np.array(values.shape[::-1])
    first = np.clip(np.floor(middle - reach).astype(int), 0, size - 1)
    last = np.clip(np.ceil(middle + reach).astype(int), first, size - 1)
    cut = np.asarray(values[first[2]:last[2] + 1, first[1]:last[1] + 1, first[0]:last[0] + 1],
                     dtype=np.float32)
    for axis in range(3):
        cut = _subdivided(cut, 2 - axis, int(parts[axis]))
    fine = affine.copy()
    fine[:3, 3] = affine[:3, :3] @ first + affine[:3, 3]
    fine[:3, :3] = affine[:3, :3] / parts
    return cut, fine


def _subdivided(values: np.ndarray, axis: int, parts: int) -> np.ndarray:
    """Return values with ``parts - 1`` interpolated ones between any two along an axis."""
    if parts == 1:
        return values
    values = np.moveaxis(values, axis, 0)
    fine = np.empty(((values.shape[0] - 1) * parts + 1, *values.shape[1:]), dtype=np.float32)
    fine[::parts] = values
    for part in range(1, parts):
        weight = np.float32(part / parts)
        fine[part::parts] = values[:-1] * (1 - weight) + values[1:] * weight
    return np.ascontiguousarray(np.moveaxis(fine, 0, axis))


def _positions(shape: tuple[int, ...], affine: np.ndarray) -> np.ndarray:
    """Return the positions (z, y, x, 3) of all voxels under an affine (4, 4), metres."""
    z, y, x = (np.arange(n) for n in shape)
    columns = affine[:3, :3].T
    return (x[None, None, :, None] * columns[0] + y[None, :, None, None] * columns[1]
            + z[:, None, None, None] * columns[2] + affine[:3, 3])
