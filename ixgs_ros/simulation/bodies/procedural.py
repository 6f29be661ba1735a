"""A whole procedural body: torso, spine, ribs and pelvis, from neck to hip wherever it falls."""

from __future__ import annotations

import numpy as np

from ixgs_ros.simulation.bodies.cage import paint_pelvis, paint_ribs
from ixgs_ros.simulation.bodies.canvas import Canvas
from ixgs_ros.simulation.bodies.spine import draw_spine, paint_spine
from ixgs_ros.simulation.bodies.template import SPACING_M
from ixgs_ros.simulation.bodies.torso import draw_torso, paint_torso
from ixgs_ros.simulation.materials import Body

HALF_HEIGHT_MM = 170.0


def procedural_body(rng: np.random.Generator, spacing: float = SPACING_M) -> Body:
    """Return a random body; the origin of LPS lies near the spine.

    Args:
        rng: draws everything.
        spacing: edge of a voxel, metres.
    """
    # L5 from far below the field (a chest) to its upper half (a pelvis).
    lowest = rng.uniform(-420.0, 20.0)
    spine = draw_spine(rng, lowest, HALF_HEIGHT_MM + 30.0)
    thoracic = [vertebra for vertebra in spine if vertebra.name == 'T11']
    diaphragm = thoracic[0].center[2] if thoracic else HALF_HEIGHT_MM + 60.0
    torso = draw_torso(rng, float(diaphragm))
    width, depth = torso.half * 1.06 + torso.fat + 6.0
    canvas = Canvas(np.array([width, depth + abs(torso.middle), HALF_HEIGHT_MM]), 1000.0 * spacing)
    paint_torso(canvas, torso, spine, rng)
    paint_spine(canvas, [v for v in spine if abs(v.center[2]) < HALF_HEIGHT_MM + 60.0], rng)
    paint_ribs(canvas, spine, torso.half * (0.86, 0.74), rng)
    if lowest > -HALF_HEIGHT_MM - 40.0:
        paint_pelvis(canvas, spine[0], rng)
    return canvas.body()
