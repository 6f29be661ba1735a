"""How far the density of each voxel may be off.

Few views leave out most of what is small: at 6 to 24 views that, not noise, is what a voxel is
wrong by, and neither a Fisher matrix nor the views' own residuals see it. It shows elsewhere:
where the volume has contrast, it has edges that are not quite where or what they should be; and
the fewer directions the views have measured (`next_view.coverage`), the more is missing. And
where poses are off, edges are displaced and blurred, the steeper the more. With the contrast c of
a voxel (deviation of the density within 2.5 mm of it), its geometric mean C over the region's
sphere, the coverage v around the voxel, the gradient g of the density there, and s, how far the
views may be off across their rays at the region's centre (`displacement`):

    deviation² = (C · exp(constant) · (c / C)^local · (1 - v)^unmeasured)² + (displaced · g · s)²

It is half the width of the interval that holds 68 % of errors; times ``wide`` it holds 95 %. It
scales with the volume: a body twice as dense has twice the deviation. The numbers were fitted to
the errors on three CTs by ``./ixgs bench confidence``, whose table, bench/results/confidence.md,
says how well they do on a CT that they were not fitted to. For a body wider than the field nothing
was found that holds (docs/decisions/0008), so there is no deviation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from ixgs_ros.gaussians.model import GaussianModel
from ixgs_ros.geometry.view import View
from ixgs_ros.reconstruction.body import Body, Projector
from ixgs_ros.reconstruction.correction import motion_covariance
from ixgs_ros.reconstruction.measurement import Measurement
from ixgs_ros.reconstruction.next_view import coverage
from ixgs_ros.volume.grid import Region, VoxelGrid

CONTRAST_SIGMA = 0.0025    # m
TRUNCATE = 3.0             # of its Gaussian, in sigmas
# Contrast below this is no structure of the body, 1/m (10 HU).
LEAST_CONTRAST = 0.2
# The session's numbers are taken on voxels of this size, in a sphere of this share of half the
# region's smallest side.
SCALE_SPACING = 0.0025     # m
SPHERE = 0.95
# Where the coverage is taken, in sides of the region from its centre.
STATIONS = (-0.5, 0.0, 0.5)
# As far as views are off whose poses are exact, metres: what they were fitted to is not.
LEAST_DISPLACEMENT = 4e-5
# Voxels along z that are worked on at a time: a large volume leaves little room for more.
SLAB = 32
RENDERED = 8               # views that tell whether the body is wider than the field
# Share of the line integrals from beyond the region that makes a body wider than the field.
BEYOND = 0.3


@dataclass(frozen=True)
class Exponents:
    """The numbers of the module's formula."""

    constant: float
    local: float
    unmeasured: float
    displaced: float
    wide: float


@dataclass(frozen=True)
class Session:
    """What a reconstruction says about itself as a whole.

    Args:
        contrast: geometric mean over the sphere, 1/m.
        beyond: share of the line integrals that comes from beyond the region.
        displacement: by :func:`displacement`, metres.
    """

    contrast: float
    beyond: float
    displacement: float

    @property
    def truncated(self) -> bool:
        """Whether the body is wider than the field."""
        return self.beyond > BEYOND


NUMBERS = Exponents(constant=1.407, local=0.472, unmeasured=0.849, displaced=17.9, wide=2.505)


def reach(spacing: float) -> int:
    """Return how many voxels away a voxel still tells on another's deviation; spacing in m."""
    return int(np.ceil(TRUNCATE * CONTRAST_SIGMA / spacing)) + 1


def contrast(volume: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Return the deviation of the density around each voxel, (z, y, x) float32 in 1/m.

    Args:
        volume: (z, y, x) in 1/m.
        spacing: (3,) along x, y, z, metres.
    """
    sigma = CONTRAST_SIGMA / np.asarray(spacing)[::-1]
    mean = gaussian_filter(volume, sigma, truncate=TRUNCATE)
    square = gaussian_filter(volume * volume, sigma, truncate=TRUNCATE)
    return np.sqrt(np.maximum(square - mean * mean, 0) + np.float32(LEAST_CONTRAST) ** 2)


def steepness(volume: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Return the length of the density's gradient, (z, y, x) float32 in 1/m per metre.

    Central differences: a coarser grid sees less steep edges, as it shows them; along an axis of
    one voxel there are none.

    Args:
        volume: (z, y, x) in 1/m.
        spacing: (3,) along x, y, z, metres.
    """
    square = np.zeros(volume.shape, np.float32)
    for axis, step in enumerate(np.asarray(spacing)[::-1]):
        if volume.shape[axis] > 1:
            square += np.gradient(volume, np.float32(step), axis=axis) ** 2
    return np.sqrt(square)


def displacement(measurements: list[Measurement], center: np.ndarray) -> float:
    """Return the RMS deviation of the region's centre across the rays, per axis, metres.

    It is that of the corrected poses' covariances; views whose poses have not been refined say
    nothing.

    Args:
        measurements: of the views.
        center: (3,) in the reference frame, metres.
    """
    motions = [motion_covariance(m.shot.view, m.correction.pose_covariance,
                                 m.shot.view.source_from_reference.apply(center))
               for m in measurements if m.correction.pose_covariance.any()]
    variances = [0.5 * np.trace(motion[3:5, 3:5]) for motion in motions]
    known = float(np.sqrt(np.mean(variances))) if variances else 0.0
    return max(LEAST_DISPLACEMENT, known)


def combined(numbers: Exponents, found: Session, contrast: np.ndarray, unmeasured: np.ndarray,
             steepness: np.ndarray) -> np.ndarray:
    """Return the module's formula, in 1/m, of arrays of one shape.

    Args:
        numbers: of the formula.
        found: by :func:`session`.
        contrast: by :func:`contrast`.
        unmeasured: by :func:`unmeasured`.
        steepness: by :func:`steepness`.
    """
    missing = (np.float32(found.contrast * np.exp(numbers.constant))
               * (contrast / np.float32(found.contrast)) ** np.float32(numbers.local)
               * unmeasured ** np.float32(numbers.unmeasured))
    return np.hypot(missing, np.float32(numbers.displaced * found.displacement) * steepness)


def coverage_around(views: list[View], region: Region) -> np.ndarray:
    """Return the coverage about the centre, the corners and between them, (3, 3, 3): z, y, x."""
    around = region.size / 4
    return np.array([[[coverage(views, Region(region.center + region.size * (x, y, z), around))
                       for x in STATIONS] for y in STATIONS] for z in STATIONS])


def unmeasured(known: np.ndarray, region: Region, grid: VoxelGrid) -> np.ndarray:
    """Return one minus the coverage around each voxel, (z, y, x) float32 in (0, 1].

    Args:
        known: by :func:`coverage_around`; it is interpolated.
        region: of the model.
        grid: where.
    """
    # Weights of the three stations along each axis, (n, 3).
    x, y, z = (
        np.stack([np.interp((axis - center) / size, STATIONS, unit) for unit in np.eye(3)], 1)
        for axis, center, size in zip(grid.axes(), region.center, region.size, strict=True))
    share = np.einsum('kc,jb,ia,cba->kji', z, y, x, known, optimize=True)
    return np.maximum(1 - share, 1e-3).astype(np.float32)


def session(projector: Projector, body: Body, measurements: list[Measurement],
            region: Region) -> Session:
    """Return what the reconstruction says about itself.

    Args:
        projector: renders.
        body: the model.
        measurements: of all views, at least two.
        region: of the volume.
    """
    grid = VoxelGrid.covering(region, SCALE_SPACING)
    volume = projector.fine.voxelize(body.whole(), grid)
    radius = SPHERE * 0.5 * float(region.size.min())
    inside = np.linalg.norm(grid.points() - region.center, axis=-1) < radius
    level = float(np.exp(np.log(contrast(volume, grid.spacing)[inside]).mean()))
    within = total = 0.0
    for m in measurements[:RENDERED]:
        total += float(projector.render(body, m).sum())
        within += float(projector.render(Body(body.fine, GaussianModel.empty()), m).sum())
    return Session(level, 1.0 - within / max(total, 1e-9),
                   displacement(measurements, region.center))


def deviation(volume: np.ndarray, grid: VoxelGrid, views: list[View], region: Region,
              found: Session) -> np.ndarray:
    """Return half the width of each voxel's 68 % interval, (z, y, x) float32 in 1/m.

    Args:
        volume: (z, y, x) in 1/m on the grid.
        grid: where.
        views: of the shots in the model.
        region: of the model.
        found: by :func:`session`.

    Raises:
        ValueError: the volume has another shape than the grid.
    """
    if volume.shape != grid.shape:
        raise ValueError(f'expected a volume of the shape {grid.shape} of its grid, got '
                         f'{volume.shape}')
    known = coverage_around(views, region)
    halo = reach(float(grid.spacing[2]))
    result = np.empty(grid.shape, np.float32)
    for start in range(0, grid.shape[0], SLAB):
        end = min(start + SLAB, grid.shape[0])
        first, last = max(0, start - halo), min(end + halo, grid.shape[0])
        part, kept = volume[first:last], slice(start - first, end - first)
        slab = VoxelGrid(grid.origin + grid.spacing * (0, 0, start), grid.spacing,
                         (grid.size[0], grid.size[1], end - start))
        result[start:end] = combined(
            NUMBERS, found, contrast(part, grid.spacing)[kept], unmeasured(known, region, slab),
            steepness(part, grid.spacing)[kept])
    return result
