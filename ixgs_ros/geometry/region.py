"""The automatic region: where the shots look, and how much of it all of them see.

Not imported by ``ixgs_ros.geometry`` itself, because a region is a type of ``ixgs_ros.volume``,
which builds on this package.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ixgs_ros.geometry.view import View
from ixgs_ros.volume.grid import Region

# Principal rays closer to parallel than this do not fix a point along them: at 2° an error of 1 mm
# across the rays becomes about 30 mm along them.
SMALLEST_ANGLE = np.deg2rad(2.0)
# The field at the patient is narrower than the detector, and no C-arm's detector is wider than
# 43 cm. A larger cube tells of poses in millimetres or of a wrong K, and would ask for a volume
# without bound.
LARGEST_FIELD = 0.45  # m


class NoRegionError(ValueError):
    """The views do not determine a region; the message says why."""


def nearest_point(views: Sequence[View]) -> np.ndarray:
    """Return the point nearest to all principal rays in least squares, (3,) metres.

    The sum of squared distances is least where ``Σ (I - d dᵀ)(p - s) = 0``, with sources s and
    unit directions d.

    Raises:
        NoRegionError: fewer than two views, the rays are (nearly) parallel, or the point lies
            behind a source.
    """
    if len(views) < 2:
        raise NoRegionError(f'expected at least 2 views for an automatic region, got {len(views)}')
    across = [np.eye(3) - np.outer(view.axis, view.axis) for view in views]
    # Two rays at an angle θ leave sin²(θ/2) as the smallest eigenvalue of the mean.
    smallest = float(np.linalg.eigvalsh(np.mean(across, axis=0))[0])
    if smallest < np.sin(0.5 * SMALLEST_ANGLE) ** 2:
        angle = np.rad2deg(2.0 * np.arcsin(np.sqrt(max(smallest, 0.0))))
        raise NoRegionError(f'the principal rays of all {len(views)} views are nearly parallel '
                            f'({angle:.2f}°, expected at least {np.rad2deg(SMALLEST_ANGLE):.0f}°)'
                            ': set region.center and region.size, or turn the C-arm')
    point = np.linalg.solve(np.sum(across, axis=0),
                            np.sum([a @ v.source for a, v in zip(across, views, strict=True)],
                                   axis=0))
    for number, view in enumerate(views):
        depth = float((point - view.source) @ view.axis)
        if depth <= 0.0:
            raise NoRegionError(f'the point nearest to all principal rays lies {-depth:.3f} m '
                                f'behind the source of view {number}: is its pose inverted?')
    return point


def field_radius(view: View, point: np.ndarray) -> float:
    """Return the radius in metres of the largest sphere about ``point`` that a view sees whole.

    The field is the pyramid from the source through the image's outer edges (half a pixel beyond
    the outer centres); the radius is the distance to its nearest face, negative outside.
    """
    fx, fy, cx, cy = view.k[0, 0], view.k[1, 1], view.k[0, 2], view.k[1, 2]
    left, right = (-0.5 - cx) / fx, (view.width - 0.5 - cx) / fx
    top, bottom = (-0.5 - cy) / fy, (view.height - 0.5 - cy) / fy
    inward = np.array([[1.0, 0.0, -left], [-1.0, 0.0, right],
                       [0.0, 1.0, -top], [0.0, -1.0, bottom]])
    inward /= np.linalg.norm(inward, axis=1, keepdims=True)
    return float((inward @ view.source_from_reference.apply(point)).min())


def automatic_region(views: Sequence[View]) -> Region:
    """Return the cube about the nearest point whose inscribed sphere every view sees whole.

    Raises:
        NoRegionError: as :func:`nearest_point`, a view does not see the point, or the cube is
            larger than ``LARGEST_FIELD``.
    """
    point = nearest_point(views)
    radii = [field_radius(view, point) for view in views]
    worst = int(np.argmin(radii))
    if radii[worst] <= 0.0:
        raise NoRegionError(f'view {worst} does not see the point {point.round(3).tolist()} m '
                            f'nearest to all principal rays ({-radii[worst]:.3f} m outside its '
                            'field): set region.center and region.size, or remove the view')
    side = 2.0 * radii[worst]
    if side > LARGEST_FIELD:
        raise NoRegionError(f'all views see a cube of {side:.3g} m, expected at most '
                            f'{LARGEST_FIELD:g} m: are the poses in metres and is K in pixels? '
                            'If so, set region.center and region.size')
    return Region(point, np.full(3, side))
