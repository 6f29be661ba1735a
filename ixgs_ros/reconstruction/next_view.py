"""Which directions the views have measured, and which view would add most to them.

By the central slice theorem a view fills, in the Fourier space of the body around a point, the
plane across its ray through that point. A body of size D blurs the plane: at the frequency f, a
view whose ray has the direction d brings about the direction n the information

    i(n) = GAIN · exp(-½ (n·d / σ)²),   σ = SLAB / (f D)

With a prior variance of 1 for each direction, views that bring i₁, i₂, … leave 1 / (1 + Σ i). The
mean of that over all directions, some frequencies and points of the region is what the next view
has to shrink (A-optimal design); coverage is one minus it. The measure knows geometry only:
neither what the body is made of nor the noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from ixgs_ros.geometry.orbits import CArmAngles
from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.geometry.view import View
from ixgs_ros.parameters import setting
from ixgs_ros.volume.grid import Region

# Periods across the region for which the directions are counted: edges have power in each octave.
PERIODS = (2.0, 4.0, 8.0)
# The power of the blur, sinc²(f D n·d), falls to 0.6 here, as a Gaussian does at its deviation.
SLAB = 0.4
# Information on the plane over the prior's: what one view measures, it leaves a tenth of.
GAIN = 9.0
DIRECTIONS = 800


@dataclass(frozen=True)
class NextViewConfig:
    """Where the rig can stand: the limits of the proposed views."""

    lao: float = setting(
        1.05, 'largest turn of the detector to the left (LAO) and right (RAO) of a proposed view; '
        '0: no view is proposed', unit='rad', low=0.0, high=3.15)
    cran: float = setting(
        0.52, 'largest tilt of the detector to head (CRAN) and feet (CAUD) of a proposed view',
        unit='rad', low=0.0, high=1.5)
    step: float = setting(
        0.13, 'distance of the angles that are tried', unit='rad', low=0.02, high=1.0)


@dataclass(frozen=True, eq=False)
class NextView:
    """A proposed view.

    Args:
        view: where to stand.
        angles: the same as C-arm angles in LPS.
        coverage: of the views there are, in [0, 1].
        gain: what the view would add to it.
    """

    view: View
    angles: CArmAngles
    coverage: float
    gain: float


def coverage(views: Sequence[View], region: Region) -> float:
    """Return the share of directions that the views have measured, 0 (no view) to 1 (all)."""
    return 1.0 - _variance(_all_information(views, region))


def next_view(views: Sequence[View], region: Region, config: NextViewConfig,
              lps_from_reference: RigidTransform | None = None) -> NextView | None:
    """Return the view within the rig's limits that would add most to the coverage.

    The C-arm is that of the views: their last K and size, and their median distance from the
    source to the region's centre, which becomes the isocentre.

    Args:
        views: at least one.
        region: what is to be seen.
        config: the rig's limits.
        lps_from_reference: tells what LAO and CRAN mean in the views' frame; identity if omitted.

    Returns:
        None where ``config.lao`` is 0.

    Raises:
        ValueError: there are no views.
    """
    if not views:
        raise ValueError('expected at least one view to propose the next one from, got none')
    if config.lao == 0.0:
        return None
    lps_from_reference = lps_from_reference or RigidTransform()
    reference_from_lps = lps_from_reference.inverse()
    sod = float(np.median([np.linalg.norm(region.center - view.source) for view in views]))
    like = views[-1]
    stations = candidates(config, lps_from_reference.apply(region.center))
    proposals = [View(like.k, reference_from_lps @ angles.reference_from_source(sod), like.height,
                      like.width) for angles in stations]
    known = _all_information(views, region)
    before = _variance(known)
    after = [_variance(known + _information(view, region)) for view in proposals]
    best = int(np.argmin(after))
    return NextView(proposals[best], stations[best], 1.0 - before, before - after[best])


def candidates(config: NextViewConfig, isocentre: np.ndarray) -> list[CArmAngles]:
    """Return the angles that are tried: a grid within the limits, those near zero first.

    Args:
        config: limits and step.
        isocentre: (3,) in LPS, metres.
    """
    grid = [CArmAngles(float(lao), float(cran), 0.0, isocentre)
            for lao in _steps(config.lao, config.step)
            for cran in _steps(config.cran, config.step)]
    return sorted(grid, key=lambda angles: (np.hypot(angles.lao, angles.cran), angles.lao))


@cache
def half_sphere(count: int) -> np.ndarray:
    """Return unit vectors that share half a sphere evenly, (count, 3) float32.

    A Fibonacci lattice: equal steps along z, golden turns about it.
    """
    z = (np.arange(count) + 0.5) / count
    turn = np.pi * (1.0 + np.sqrt(5.0)) * np.arange(count)
    radius = np.sqrt(1.0 - z**2)
    return np.stack([radius * np.cos(turn), radius * np.sin(turn), z], axis=1).astype(np.float32)


def _steps(limit: float, step: float) -> np.ndarray:
    """Return angles from -limit to limit, zero among them, at most ``step`` apart."""
    half = int(np.ceil(limit / step - 1e-9))
    return limit * np.arange(-half, half + 1) / max(half, 1)


def _points(region: Region) -> np.ndarray:
    """Return the centre and the corners of the box half as large, (9, 3) metres."""
    corners = np.stack(np.meshgrid(*3 * [[-0.25, 0.25]], indexing='ij'), axis=-1).reshape(-1, 3)
    return region.center + np.concatenate([np.zeros((1, 3)), corners]) * region.size


def _information(view: View, region: Region) -> np.ndarray:
    """Return what one view measures, (periods, points, directions) float32, no unit."""
    points = _points(region)
    pixels, depth = view.project(points)
    seen = ((pixels >= -0.5) & (pixels < [view.width - 0.5, view.height - 0.5])).all(-1)
    rays = points - view.source
    rays = (rays / np.linalg.norm(rays, axis=1, keepdims=True)).astype(np.float32)
    squares = (rays @ half_sphere(DIRECTIONS).T) ** 2
    widths = SLAB / np.array(PERIODS, np.float32)
    brought = GAIN * np.exp(squares * (-0.5 / widths[:, None, None] ** 2))
    return np.where((seen & (depth > 0))[:, None], brought, np.float32(0.0))


def _all_information(views: Sequence[View], region: Region) -> np.ndarray:
    total = np.zeros((len(PERIODS), len(_points(region)), DIRECTIONS), np.float32)
    for view in views:
        total += _information(view, region)
    return total


def _variance(information: np.ndarray) -> float:
    """Return the mean variance that the information leaves; 1 where there is none."""
    return float(np.mean(1.0 / (1.0 + information)))
