"""Whether a shot can be used, judged before anything is changed.

Each check returns a verdict whose sentence holds the value seen and the value wanted, or None.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ixgs_ros.geometry.region import SMALLEST_ANGLE
from ixgs_ros.geometry.view import View
from ixgs_ros.reconstruction.correction import Correction
from ixgs_ros.reconstruction.held_out import weighted_rms
from ixgs_ros.shot import Shot
from ixgs_ros.verdict import Code, Verdict
from ixgs_ros.volume.grid import Region

LEAST_PIXELS = 32
LEAST_OVERLAP = 0.2
# Two exposures are the same shot if the source moved and turned less than this between them ...
SAME_PLACE = 2e-4                    # m
SAME_ANGLE = np.deg2rad(0.02)
# ... and the images agree to this; photon noise of two exposures is about 0.1 in line integrals.
SAME_IMAGE = 0.15
# Consistency is judged once the model has seen this many views.
LEAST_VIEWS = 6
# A shot is inconsistent if its agreement with the model is less than this share of the lowest
# among the last LAST accepted shots: how well a model foretells differs from body to body
# (docs/decisions/0007), so the shots before are the only yardstick there is.
LEAST_SHARE, LAST = 0.75, 5


def acceptance(shot: Shot, number: int, region: Region | None, correction: Correction,
               spacing: float, hint: str = '') -> Verdict:
    """Return ACCEPTED, or ACCEPTED_CORRECTED where the correction would show in the volume.

    Args:
        shot: as reported.
        number: of the view, from 1.
        region: of the volume, if it is known.
        correction: of the pose.
        spacing: of the volume, metres.
        hint: what else there is to say.
    """
    if region is None:
        return Verdict(Code.ACCEPTED, f'view {number}{hint}')
    signs = np.stack(np.meshgrid(*3 * [[-0.5, 0.5]]), axis=-1).reshape(-1, 3)
    corners = shot.view.source_from_reference.apply(region.center + signs * region.size)
    shift = float(np.linalg.norm(correction.motion.apply(corners) - corners, axis=-1).max())
    if shift <= spacing:
        return Verdict(Code.ACCEPTED, f'view {number}{hint}')
    return Verdict(Code.ACCEPTED_CORRECTED, f'view {number}, its pose corrected by '
                   f'{1e3 * shift:.1f} mm at the corners of the region, more than a voxel '
                   f'({1e3 * spacing:.2f} mm){hint}')


def check_quantity(shot: Shot, wanted: str) -> Verdict | None:
    """Refuse a shot that shows something else than the model holds ('': nothing yet)."""
    if wanted in ('', shot.quantity):
        return None
    return Verdict(Code.INCONSISTENT,
                   f'the shot shows {shot.quantity!r}, expected {wanted!r} as the model holds')


def check_size(shot: Shot) -> Verdict | None:
    """Refuse images too small to hold a structure, and images without a usable pixel."""
    if min(shot.view.height, shot.view.width) < LEAST_PIXELS:
        return Verdict(Code.SIZE_MISMATCH, f'the image has {shot.view.height} rows by '
                       f'{shot.view.width} columns, expected at least {LEAST_PIXELS} of each')
    used = float((shot.weights > 0).mean())
    if used < 0.01:
        return Verdict(Code.NO_SIGNAL, f'{100 * used:.1f} % of the pixels have a weight above 0, '
                       'expected at least 1 %')
    return None


def overlap(view: View, weights: np.ndarray, region: Region) -> float:
    """Return the share of the region's inscribed ellipsoid that used pixels show, 0 to 1."""
    axis = np.linspace(-0.9, 0.9, 13)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing='ij'), axis=-1).reshape(-1, 3)
    points = points[(points**2).sum(-1) <= 1.0]
    pixels, depth = view.project(region.center + 0.5 * region.size * points)
    inside = (depth > 0) & (pixels > -0.5).all(-1) & (pixels[:, 0] < view.width - 0.5) \
        & (pixels[:, 1] < view.height - 0.5)
    u, v = np.rint(pixels[inside]).astype(int).T
    return float((weights[v, u] > 0).sum() / len(points))


def check_overlap(shot: Shot, region: Region) -> Verdict | None:
    """Refuse shots that show too little of the region."""
    share = overlap(shot.view, shot.weights, region)
    if share >= LEAST_OVERLAP:
        return None
    pixel, depth = shot.view.project(region.center)
    where = (f'at pixel ({pixel[0]:.0f}, {pixel[1]:.0f}) of {shot.view.width} x '
             f'{shot.view.height}' if depth > 0 else f'{-depth:.3f} m behind the source')
    return Verdict(Code.OUT_OF_VIEW, f'the image shows {100 * share:.0f} % of the region, '
                   f'expected at least {100 * LEAST_OVERLAP:.0f} %; its centre lies {where}')


def check_room(stored: int, most: int) -> Verdict | None:
    """Refuse a shot when as many are stored as may be."""
    if stored < most:
        return None
    return Verdict(Code.OVERLOAD, f'{stored} shots are stored, expected at most {most} '
                   '(parameter max_shots): remove some, reset, or allow more')


def require_seen(shots: Sequence[Shot], region: Region, least: int) -> None:
    """Raise a ValueError unless so many shots show enough of a region."""
    refused = [found for shot in shots if (found := check_overlap(shot, region)) is not None]
    seen = len(shots) - len(refused)
    if seen < least:
        raise ValueError(f'{seen} of {len(shots)} shots show the region about '
                         f'{region.center.tolist()} m, expected at least {least}; of one of the '
                         f'others: {refused[0].message}')


def check_duplicate(shot: Shot, others: Sequence[Shot]) -> Verdict | None:
    """Refuse a shot that is already in: same stamp, same pixels, or same place and image."""
    for other in others:
        if other.id == shot.id and other.stamp_ns != shot.stamp_ns:
            return Verdict(Code.DUPLICATE, f'a shot with id {shot.id} is in already, exposed at '
                           f'{other.stamp_ns} ns, this one at {shot.stamp_ns} ns; expected a new '
                           'number for each: was the acquisition started anew? Expose again')
        if other.id == shot.id:
            return Verdict(Code.DUPLICATE, f'a shot with id {shot.id} is in already')
        if other.stamp_ns == shot.stamp_ns:
            return Verdict(Code.DUPLICATE, f'shot {other.id} has the same stamp, '
                           f'{shot.stamp_ns} ns')
        if other.line_integrals.shape != shot.line_integrals.shape:
            continue
        if np.array_equal(other.line_integrals, shot.line_integrals):
            return Verdict(Code.DUPLICATE, f'shot {other.id} has exactly the same pixels: is the '
                           'image frozen?')
        verdict = _same_place(shot, other)
        if verdict is not None:
            return verdict
    return None


def _same_place(shot: Shot, other: Shot) -> Verdict | None:
    a, b = shot.view.reference_from_source, other.view.reference_from_source
    distance, angle = a.distance_to(b), a.angle_to(b)
    if distance > SAME_PLACE or angle > SAME_ANGLE:
        return None
    difference = weighted_rms(shot.line_integrals - other.line_integrals,
                              np.minimum(shot.weights, other.weights))
    if not difference < SAME_IMAGE:
        return None
    return Verdict(Code.DUPLICATE, f'shot {other.id} was taken at the same place '
                   f'({1e3 * distance:.2f} mm and {np.rad2deg(angle):.3f}° apart, expected more '
                   f'than {1e3 * SAME_PLACE:.1f} mm or {np.rad2deg(SAME_ANGLE):.2f}°) and its '
                   f'image differs by {difference:.3f}, expected more than {SAME_IMAGE}')


def check_consistency(found: float, views: int, before: Sequence[float]) -> Verdict | None:
    """Refuse a shot that the model foretells much worse than those before.

    Args:
        found: the new shot's `agreement` with the model.
        views: in the model.
        before: that of the accepted shots when they came.
    """
    if views < LEAST_VIEWS or len(before) < LAST:
        return None
    lowest = min(before[-LAST:])
    if not found < LEAST_SHARE * lowest:
        return None
    return Verdict(Code.INCONSISTENT, f"the image's structure agrees with the model's by "
                   f'{found:.2f}, expected at least {LEAST_SHARE * lowest:.2f} (the last {LAST} '
                   f'shots: {lowest:.2f} and more): is the pose wrong or inverted, or did the '
                   'patient move?')


def depth_hint(shots: Sequence[Shot]) -> str:
    """Return what there is to say of shots that all look the same way, else nothing."""
    angle = largest_angle([shot.view for shot in shots])
    if len(shots) < 2 or angle >= SMALLEST_ANGLE:
        return ''
    return (f'; all {len(shots)} look the same way (within {np.rad2deg(angle):.1f}°, expected at '
            f'least {np.rad2deg(SMALLEST_ANGLE):.0f}°): how deep things lie is not known')


def largest_angle(views: list[View]) -> float:
    """Return the largest angle between two views' principal rays, radians."""
    axes = np.array([view.axis for view in views])
    return float(np.arccos(np.clip((axes @ axes.T).min(), -1.0, 1.0)))
