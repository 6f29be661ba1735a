"""A wound retractor: two thin blades beside the spine, held by a frame behind the back.

The wound that it holds open is not cut: soft tissue lies between the blades, and along them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from ixgs_ros.simulation.bodies.fields import bone_points, box_of, points_of
from ixgs_ros.simulation.bodies.implants import box_between, METAL, put_metal, Rod, with_rods
from ixgs_ros.simulation.materials import Body
from ixgs_ros.simulation.shapes import box

# Metres; usual sizes of the blades of retractors for the back, by our judgement.
THICKNESS, WIDTH, LENGTH = (0.001, 0.002), (0.02, 0.04), (0.06, 0.12)
# What is denser than this is no air, kg/m³.
SOLID = 300.0
# Around the spine the frame lies behind all that is this near, left and right, up and down.
BACK = np.array([0.07, 0.09])


@dataclass(frozen=True, eq=False)
class Blade:
    """A flat piece of metal.

    Args:
        center: (3,) LPS metres.
        axes: (3, 3), rows are unit vectors: through it, along its width, along its length.
        size: (3,) thickness, width and length, metres.
    """

    center: np.ndarray
    axes: np.ndarray
    size: np.ndarray


def draw_retractor(body: Body, rng: np.random.Generator) -> Body:
    """Return a body with a random retractor, its grid larger where the frame needs it.

    It is of steel, but beside implants of their metal: a body has one kind only.
    """
    if not body.densities[METAL].any():
        body = replace(body, metal='steel')
    blades, frame = retractor(body, rng)
    behind = max(max(start[1], end[1]) + radius for start, end, radius in frame)
    return with_rods(with_blades(with_room(body, behind), blades), frame)


def retractor(body: Body, rng: np.random.Generator) -> tuple[list[Blade], list[Rod]]:
    """Return the two blades on either side of the spine, and the rods that join them.

    From the depth of the laminae the blades lead to the skin, farther apart there. A post on each
    leads out of the body, a rail up or down along it, and an arm from one rail to the other.
    """
    deep, skin = _wound(body, rng)
    thickness, width = rng.uniform(*THICKNESS), rng.uniform(*WIDTH)
    length = float(np.clip(skin - deep[1] + rng.uniform(0.0, 0.03), *LENGTH))
    size = np.array([thickness, width, length])
    turn = Rotation.from_rotvec(rng.normal(0.0, 0.05, 3)).as_matrix()
    radius = rng.uniform(0.003, 0.005)
    beyond = rng.choice([-1.0, 1.0]) * (0.5 * width + rng.uniform(0.005, 0.03))
    blades, posts = [], []
    for side in (-1.0, 1.0):
        splay = rng.uniform(0.0, 0.3)
        along = turn @ [side * np.sin(splay), np.cos(splay), 0.0]
        across = turn @ [np.cos(splay), -side * np.sin(splay), 0.0]
        tip = deep + turn @ [side * rng.uniform(0.02, 0.035), 0.0, 0.0]
        blades.append(Blade(tip + 0.5 * length * along, np.stack([across, turn[:, 2], along]),
                            size))
        posts.append(tip + length * along)
    out = max(skin, *(top[1] for top in posts)) + radius + rng.uniform(0.005, 0.015)
    tops = [np.array([top[0], out, top[2]]) for top in posts]
    ends = [top + [0.0, 0.0, beyond] for top in tops]
    frame = [*zip(posts, tops, strict=True), *zip(tops, ends, strict=True), (ends[0], ends[1])]
    return blades, [(start, end, radius) for start, end in frame]


def with_blades(body: Body, blades: list[Blade]) -> Body:
    """Return a body with blades put in; of the body's kind of metal.

    A blade thinner than a voxel keeps its mass, as a rod does.
    """
    channels = np.concatenate([body.densities, body.bone[None]])
    voxel = float(body.spacing[0])
    for blade in blades:
        half = 0.5 * blade.size
        drawn = np.array([max(half[0], 0.6 * voxel), half[1], half[2]])
        reach = drawn @ np.abs(blade.axes) + voxel
        cut = box_between(body, blade.center - reach, blade.center + reach)
        x, y, z = points_of(body)
        distance = box((x[:, :, cut[2]], y[:, cut[1]], z[cut[0]]), blade.center, blade.axes, drawn)
        share = np.clip(0.5 - distance / voxel, 0.0, 1.0) * half[0] / drawn[0]
        put_metal(channels, cut, share, body.metal)
    return replace(body, densities=channels[:4], bone=channels[4])


def with_room(body: Body, behind: float) -> Body:
    """Return a body whose grid reaches at least so far towards the back, y in LPS metres."""
    rows = int(np.ceil((behind - box_of(body)[1][1]) / body.spacing[1])) + 1
    if rows <= 0:
        return body
    margins = [(0, 0), (0, rows), (0, 0)]
    return replace(body, densities=np.pad(body.densities, [(0, 0), *margins]),
                   bone=np.pad(body.bone, margins))


def _wound(body: Body, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Return a point (3,) at the depth of the laminae, and y of the skin behind it; metres."""
    lower, upper = box_of(body)
    points = bone_points(body, rng, 60)
    near = np.argsort(np.abs(points[:, 0] - 0.5 * (lower[0] + upper[0])))[:15]
    point = points[rng.choice(near)]
    y = points_of(body)[1].ravel()
    side, height = BACK
    spine = box_between(body, point + [-0.025, -np.inf, -0.02], point + [0.025, np.inf, 0.02])
    mass = np.cumsum(body.bone[spine].sum(axis=(0, 2), dtype=np.float64))
    # Two thirds and more of a vertebra's bone lie in its body, in front.
    deep = y[np.searchsorted(mass, 0.75 * mass[-1])]
    back = box_between(body, point + [-side, -np.inf, -height], point + [side, np.inf, height])
    solid = (body.densities[(slice(None), *back)].sum(axis=0) > SOLID).any(axis=(0, 2))
    return np.array([point[0], deep, point[2]]), float(y[np.flatnonzero(solid)[-1]])
