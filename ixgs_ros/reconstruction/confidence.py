"""How far the density of each voxel may be off.

Few views leave out most of what is small: at 6 to 24 views that, not noise, is what a voxel is
wrong by, and neither a Fisher matrix nor the views' own residuals see it. It shows elsewhere:

- where the volume has contrast, it has edges that are not quite where or what they should be;
- the fewer directions the views have measured (`next_view.coverage`), the more is missing;
- where the body is wider than the field, what lies beyond takes its toll everywhere, and what the
  model lacks shows in images: rendered at directions between the views, it is smoother than what
  the detector saw. By the central slice theorem an image filtered with sqrt|f| holds, over the
  length of its rays, half the energy of the body in the same band; so the two energies differ by
  that of what is missing.

With the contrast c of a voxel (deviation of the density within 2.5 mm of it), its geometric mean
C over the region's sphere, the coverage v around it and, for a body beyond the field, the missing
density m:

    deviation = C · exp(constant) · (c / C)^local · (1 - v)^unmeasured · (m / C)^missing

It is half the width of the interval that holds 68 % of errors; times ``wide`` it holds 95 %. All
but the exponents has the unit of the volume, so a body twice as dense has twice the deviation.
The exponents and constants were fitted to errors; ``./ixgs bench confidence`` does it anew, and
its table, bench/results/confidence.md, says how well they do on CTs that they were not fitted to.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation

from ixgs_ros.gaussians.model import GaussianModel
from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.geometry.view import View
from ixgs_ros.reconstruction.body import Body, Projector
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
# The band of images that is compared: between two blurs, metres at the region's centre.
FINE, COARSE = 0.0007, 0.0056
# The part of an image that is compared: a disc of this share of the region's smallest side.
DISC = 0.4
# Where the coverage is taken, in sides of the region from its centre.
STATIONS = (-0.5, 0.0, 0.5)
# Voxels along z that are worked on at a time: a large volume leaves little room for more.
SLAB = 32
BETWEEN = 8                # views rendered between the measured ones
# What the model lacks is at least this share of the energy.
LEAST_MISSING = 0.02
# Share of the line integrals from beyond the region that makes a body wider than the field.
BEYOND = 0.3


@dataclass(frozen=True)
class Exponents:
    """The numbers of the module's formula."""

    constant: float
    local: float
    unmeasured: float
    missing: float
    wide: float


@dataclass(frozen=True)
class Session:
    """What a reconstruction says about itself as a whole.

    Args:
        contrast: geometric mean over the sphere, 1/m.
        missing: density that the model lacks between the views, 1/m.
        beyond: share of the line integrals that comes from beyond the region.
    """

    contrast: float
    missing: float
    beyond: float

    @property
    def truncated(self) -> bool:
        """Whether the body is wider than the field."""
        return self.beyond > BEYOND


WHOLE = Exponents(1.9, 0.6, 0.7, 0.0, 2.4)
WIDER = Exponents(1.9, 0.4, 0.5, 0.5, 2.1)


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
            residual_free: list[np.ndarray], region: Region) -> Session:
    """Return what the reconstruction says about itself.

    Args:
        projector: renders.
        body: the model.
        measurements: of all views, at least two.
        residual_free: (h, w) of each, its values less its exposure: what the model should show.
        region: of the volume.
    """
    grid = VoxelGrid.covering(region, SCALE_SPACING)
    volume = np.maximum(projector.fine.voxelize(body.whole(), grid), 0)
    radius = SPHERE * 0.5 * float(region.size.min())
    inside = np.linalg.norm(grid.points() - region.center, axis=-1) < radius
    level = float(np.exp(np.log(contrast(volume, grid.spacing)[inside]).mean()))
    seen = [band(values, (m.weights > 0) | (m.held_out > 0), m.view, region)
            for m, values in zip(measurements, residual_free, strict=True)]
    shown, within, total = [], 0.0, 0.0
    for m in between(measurements, region.center):
        image = projector.render(body, m)
        shown.append(band(image, np.ones(image.shape, bool), m.view, region))
        within += float(projector.render(Body(body.fine, GaussianModel.empty()), m).sum())
        total += float(image.sum())
    measured, modelled = (np.exp(np.log(np.maximum(found, 1e-12)).mean(0))
                          for found in (seen, shown))
    density = max(float(volume[inside].mean()), LEAST_CONTRAST)
    length = max(float(measured[1]), 1e-3) / density
    lacking = max(measured[0] - modelled[0], LEAST_MISSING * measured[0])
    return Session(level, float(np.sqrt(2 * lacking / length)), 1.0 - within / max(total, 1e-9))


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
    numbers = WIDER if found.truncated else WHOLE
    whole = (found.contrast * np.exp(numbers.constant)
             * (found.missing / found.contrast) ** numbers.missing)
    known = coverage_around(views, region)
    halo = int(np.ceil(TRUNCATE * CONTRAST_SIGMA / grid.spacing[2])) + 1
    result = np.empty(grid.shape, np.float32)
    for start in range(0, grid.shape[0], SLAB):
        end = min(start + SLAB, grid.shape[0])
        first = max(0, start - halo)
        around = contrast(volume[first:end + halo], grid.spacing)[start - first:end - first]
        slab = VoxelGrid(grid.origin + grid.spacing * (0, 0, start), grid.spacing,
                         (grid.size[0], grid.size[1], end - start))
        result[start:end] = (
            np.float32(whole) * (around / np.float32(found.contrast)) ** np.float32(numbers.local)
            * unmeasured(known, region, slab) ** np.float32(numbers.unmeasured))
    return result


def wide(found: Session) -> float:
    """Return by how much the 95 % interval is wider than the 68 % one."""
    return (WIDER if found.truncated else WHOLE).wide


def between(measurements: list[Measurement], center: np.ndarray) -> list[Measurement]:
    """Return measurements without values half-way between views, ``BETWEEN`` of them.

    Args:
        measurements: at least two; each with one as far on in their order as can be.
        center: (3,) the point about which views turn.
    """
    pairs = np.random.default_rng(0).integers(0, len(measurements), (BETWEEN, 2))
    pairs[:, 1] = np.where(pairs[:, 0] == pairs[:, 1], (pairs[:, 0] + 1) % len(measurements),
                           pairs[:, 1])
    return [_seen_from(measurements[a], half_way(measurements[a].correction.apply(
        measurements[a].shot.view), measurements[b].view, center)) for a, b in pairs]


def half_way(view: View, other: View, center: np.ndarray) -> View:
    """Return ``view`` turned about a point by half the angle of its axis to another's."""
    axis = np.cross(view.axis, other.axis)
    sine, cosine = float(np.linalg.norm(axis)), float(view.axis @ other.axis)
    turn = Rotation.from_rotvec(0.5 * np.arctan2(sine, cosine) * axis / max(sine, 1e-12))
    rotation = turn.as_matrix()
    moved = RigidTransform(rotation, center - rotation @ center)
    return View(view.k, moved @ view.reference_from_source, view.height, view.width)


def _seen_from(m: Measurement, view: View) -> Measurement:
    return replace(m, view=view.binned(m.factor), half_view=view.binned(2 * m.factor))


def band(image: np.ndarray, used: np.ndarray, view: View, region: Region) -> tuple[float, float]:
    """Return the energy of the image's band and its mean, over a disc at the region's centre.

    Args:
        image: (h, w) line integrals.
        used: (h, w) bool, where there is an image.
        view: its view.
        region: of the volume.

    Returns:
        Mean over the disc of the square of the image, filtered with the band and sqrt|f|: half
        the body's energy in the band times the rays' length, 1/m. And its mean line integral.
    """
    pixel, depth = view.project(region.center[None])
    size = float(depth[0]) / view.k[0, 0]
    y, x = np.mgrid[:image.shape[0], :image.shape[1]]
    radius = np.hypot(x - pixel[0, 0], y - pixel[0, 1]) * size / (DISC * region.size.min())
    disc = np.where(used, np.cos(0.5 * np.pi * np.clip(radius, 0, 1)) ** 2, 0)
    if not disc.any():
        return 0.0, 0.0
    mean = float((image * disc).sum() / disc.sum())
    power = np.abs(np.fft.rfft2((image - mean) * disc)) ** 2
    f = np.hypot(np.fft.fftfreq(image.shape[0], size)[:, None],
                 np.fft.rfftfreq(image.shape[1], size))
    passed = (np.exp(-2 * (np.pi * FINE * f) ** 2) - np.exp(-2 * (np.pi * COARSE * f) ** 2)) ** 2
    twice = np.full(power.shape[1], 2.0)       # the half of the spectrum that rfft leaves out
    twice[0] = 1.0
    if image.shape[1] % 2 == 0:
        twice[-1] = 1.0
    energy = float((power * f * passed * twice).sum() / (image.size * (disc**2).sum()))
    return energy, mean
