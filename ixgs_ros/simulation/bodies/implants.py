"""Metal: pedicle screws and rods, K-wires, plates. It takes the place of what was there.

Where there is metal there is no bone target: a standardizer shall not call metal bone.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ixgs_ros.simulation.bodies.fields import bone_points, box_of, points_of
from ixgs_ros.simulation.materials import Body
from ixgs_ros.simulation.shapes import capsule

# kg/m³: Ti-6Al-4V and 316L.
METAL_DENSITY = {'titanium': 4430.0, 'steel': 8000.0}
METAL = 3   # of a body's densities
# A rod, as its two ends (3,) LPS metres and its radius, metres.
Rod = tuple[np.ndarray, np.ndarray, float]


def with_rods(body: Body, rods: list[Rod]) -> Body:
    """Return a body with round metal rods put in; of the body's kind of metal.

    A rod thinner than a voxel keeps its mass: its share of a voxel is its share of the area.
    """
    channels = np.concatenate([body.densities, body.bone[None]])
    lower, upper = box_of(body)
    voxel = float(body.spacing[0])
    for start, end, radius in rods:
        # At least so thick that no voxel of its way is missed; the density makes up for it.
        drawn = max(radius, 0.6 * voxel)
        cut = box_between(body, np.minimum(start, end) - drawn - voxel,
                          np.maximum(start, end) + drawn + voxel)
        if not np.all(np.minimum(start, end) < upper) or not np.all(
                np.maximum(start, end) > lower):
            continue
        x, y, z = points_of(body)
        points = x[:, :, cut[2]], y[:, cut[1]], z[cut[0]]
        distance = capsule(points, tuple(start), tuple(end), drawn)
        share = np.clip(0.5 - distance / voxel, 0.0, 1.0) * (radius / drawn) ** 2
        put_metal(channels, cut, share, body.metal)
    return replace(body, densities=channels[:4], bone=channels[4])


def put_metal(channels: np.ndarray, cut: tuple[slice, slice, slice], share: np.ndarray,
              metal: str) -> None:
    """Let metal take the place of a share of what is there.

    Args:
        channels: (5, z, y, x) the densities and the bone target of a body; changed.
        cut: the voxels (z, y, x) where.
        share: in [0, 1] of each of these voxels.
        metal: 'titanium' or 'steel'.
    """
    full = np.zeros((5, 1, 1, 1), dtype=np.float32)
    full[METAL] = METAL_DENSITY[metal]
    part = channels[(slice(None), *cut)]
    part += share * (full - part)


def draw_implants(body: Body, rng: np.random.Generator) -> Body:
    """Return a body with a random set of implants near its bone."""
    body = replace(body, metal=str(rng.choice(['titanium', 'titanium', 'steel'])))
    kind = rng.choice(['screws', 'wires', 'plate'], p=[0.55, 0.25, 0.2])
    if kind == 'screws':
        return with_rods(body, pedicle_screws(body, rng))
    if kind == 'wires':
        return with_rods(body, k_wires(body, rng))
    return with_rods(body, plate(body, rng))


def pedicle_screws(body: Body, rng: np.random.Generator) -> list[Rod]:
    """Return pairs of screws at neighbouring levels with a rod on either side.

    They are set about a random point in a vertebral body, from behind; a screw that meets no
    pedicle looks like one that has been misplaced.
    """
    lower, upper = box_of(body)
    points = bone_points(body, rng, 60)
    near = np.argsort(np.abs(points[:, 0] - 0.5 * (lower[0] + upper[0])))[:15]
    # Of what lies near the midline the vertebral bodies are the front part.
    point = points[near[np.argsort(points[near, 1])[5]]]
    levels, pitch = int(rng.integers(2, 5)), rng.uniform(0.026, 0.038)
    length, radius = rng.uniform(0.035, 0.055), rng.uniform(0.002, 0.0036)
    rods: list[Rod] = []
    for side in (-1.0, 1.0):
        heads = []
        for level in range(levels):
            head = point + [side * rng.uniform(0.018, 0.024), rng.uniform(0.028, 0.034),
                            pitch * (level - 0.5 * (levels - 1))]
            tip = head + length * np.array([-side * rng.uniform(0.15, 0.35), -1.0,
                                            rng.normal(0.0, 0.08)])
            rods += [(head, tip, radius), (head, head + [0.0, 0.008, 0.0], 2.0 * radius)]
            heads.append(head + [0.0, 0.008, 0.0])
        over = np.array([0.0, 0.0, 0.008])
        rods += [(a - over, b + over, 0.0028) for a, b in zip(heads, heads[1:], strict=False)]
    return rods


def k_wires(body: Body, rng: np.random.Generator) -> list[Rod]:
    """Return a few thin wires through bone, in any direction."""
    rods: list[Rod] = []
    for point in bone_points(body, rng, int(rng.integers(1, 5))):
        direction = rng.normal(size=3)
        direction *= rng.uniform(0.03, 0.09) / np.linalg.norm(direction)
        rods.append((point - direction, point + direction, rng.uniform(0.0006, 0.0013)))
    return rods


def plate(body: Body, rng: np.random.Generator) -> list[Rod]:
    """Return a plate of parallel rods along the spine, held by short screws."""
    point = bone_points(body, rng, 1)[0]
    half, radius = rng.uniform(0.015, 0.06), rng.uniform(0.001, 0.002)
    along = np.array([rng.normal(0.0, 0.15), rng.normal(0.0, 0.15), 1.0]) * half
    rods: list[Rod] = [(point + [x, 0.0, 0.0] - along, point + [x, 0.0, 0.0] + along, radius)
                       for x in np.linspace(-0.006, 0.006, 5)]
    inwards = np.array([rng.normal(0.0, 0.2), rng.choice([-1.0, 1.0]), rng.normal(0.0, 0.2)])
    for at in np.linspace(-0.85, 0.85, int(rng.integers(2, 7))):
        rods.append((point + at * along, point + at * along + 0.02 * inwards, 0.0018))
    return rods


def box_between(body: Body, lower: np.ndarray, upper: np.ndarray
                ) -> tuple[slice, slice, slice]:
    """Return the voxels (z, y, x) between two corners, LPS metres."""
    x, y, z = (axis.ravel() for axis in points_of(body))
    cuts = [slice(*np.searchsorted(axis, [low, high]))
            for axis, low, high in zip((x, y, z), lower, upper, strict=True)]
    return cuts[2], cuts[1], cuts[0]
