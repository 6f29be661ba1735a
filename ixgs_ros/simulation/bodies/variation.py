"""How widely training bodies are varied: the ranges, and which changes meet in one body."""

from __future__ import annotations

import numpy as np

from ixgs_ros.simulation.bodies import deformation, tissue
from ixgs_ros.simulation.bodies.fields import bone_points, box_of
from ixgs_ros.simulation.bodies.implants import draw_implants
from ixgs_ros.simulation.bodies.retractors import draw_retractor
from ixgs_ros.simulation.bodies.warping import warped
from ixgs_ros.simulation.materials import Body

# Mineral of bone against that of the body it is made from: from osteoporotic to young and dense,
# by our judgement.
BONE_DENSITY = (0.5, 1.8)
# Share of the bodies with a retractor.
RETRACTORS = 0.04


def varied_shape(body: Body, rng: np.random.Generator) -> Body:
    """Return a body of another size and posture, at times crooked, mirrored or fractured."""
    lower, upper = box_of(body)
    center = 0.5 * (lower + upper)
    scales = rng.uniform(0.82, 1.15) * rng.uniform(0.93, 1.07, 3)
    mirrored = rng.choice([-1.0, 1.0])
    half = 0.5 * (upper - lower) * scales + 0.02
    maps = [deformation.affine(center, scales * [mirrored, 1.0, 1.0], rng.normal(0.0, 0.05, 3)),
            deformation.elastic(rng, center - half, center + half, rng.uniform(0.002, 0.009))]
    if rng.uniform() < 0.4:
        maps.append(deformation.bend(center, rng.normal(0.0, 0.012), rng.uniform(0.25, 0.5),
                                     rng.uniform(0.0, 2.0 * np.pi), rng.uniform(0.0, np.pi)))
    if rng.uniform() < 0.25:
        place = bone_points(body, rng, 1)[0]
        maps.append(deformation.compression(place, rng.uniform(0.1, 0.5),
                                            rng.uniform(0.02, 0.032)))
    return warped(body, deformation.chained(maps), center - half, center + half)


def varied_tissue(body: Body, rng: np.random.Generator) -> Body:
    """Return a body of other densities, with or without contrast medium, gas, fat, metal."""
    body = tissue.with_bone_density(body, np.exp(rng.uniform(*np.log(BONE_DENSITY))))
    body = tissue.with_soft_density(body, rng, rng.uniform(0.0, 0.04))
    contrast = rng.uniform()
    if contrast < 0.45:
        body = tissue.without_contrast(body)
    elif contrast < 0.6:
        for center in _soft_places(body, rng, int(rng.integers(1, 4))):
            body = tissue.with_contrast(body, center, rng.uniform(0.006, 0.03, 3),
                                        rng.uniform(2.0, 12.0))
    if rng.uniform() < 0.4:
        for center in _soft_places(body, rng, int(rng.integers(1, 9))):
            body = tissue.with_gas(body, center, rng.uniform(0.005, 0.025, 3))
    if rng.uniform() < 0.3:
        body = tissue.with_fat(body, rng.uniform(0.005, 0.04))
    if rng.uniform() < 0.15:
        body = draw_implants(body, rng)
    # Of its own numbers: whatever else is drawn of a body is as it was before there were any.
    own = rng.spawn(1)[0]
    return draw_retractor(body, own) if own.uniform() < RETRACTORS else body


def _soft_places(body: Body, rng: np.random.Generator, count: int) -> np.ndarray:
    """Return places in front of the bone, (count, 3) LPS metres."""
    return bone_points(body, rng, count, middle=0.9) - rng.uniform(
        [-0.08, 0.02, -0.03], [0.08, 0.13, 0.03], (count, 3))
