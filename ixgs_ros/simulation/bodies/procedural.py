"""A whole procedural body: from neck to thigh, wherever the field falls."""

from __future__ import annotations

import numpy as np

from ixgs_ros.simulation.bodies.abdomen import paint_bladder, paint_organs
from ixgs_ros.simulation.bodies.bowel import paint_bowel
from ixgs_ros.simulation.bodies.canvas import Canvas
from ixgs_ros.simulation.bodies.contrast import draw_contrast
from ixgs_ros.simulation.bodies.great_vessels import paint_great_vessels, paint_pelvic_vessels
from ixgs_ros.simulation.bodies.heart import draw_heart, paint_heart
from ixgs_ros.simulation.bodies.lungs import paint_lungs, paint_windpipe
from ixgs_ros.simulation.bodies.pelvis import paint_pelvis
from ixgs_ros.simulation.bodies.quality import draw_quality
from ixgs_ros.simulation.bodies.ribs import paint_ribs
from ixgs_ros.simulation.bodies.shoulder import (
    draw_shoulders,
    paint_shoulder_bones,
    paint_shoulder_muscles,
)
from ixgs_ros.simulation.bodies.spine import draw_spine, paint_spine
from ixgs_ros.simulation.bodies.template import SPACING_M
from ixgs_ros.simulation.bodies.thorax import draw_thorax
from ixgs_ros.simulation.bodies.torso import (
    draw_torso,
    paint_breasts,
    paint_spine_muscles,
    paint_torso,
    torso_box,
)
from ixgs_ros.simulation.materials import Body

HALF_HEIGHT_MM = 170.0
# Heights of L5 for which the field shows a chest, and all the others down to a pelvis.
CHEST_MM, OTHER_MM = (-430.0, -270.0), (-270.0, 60.0)
CHESTS = 0.45


def procedural_body(rng: np.random.Generator, spacing: float = SPACING_M) -> Body:
    """Return a random body; the origin of LPS lies near the spine.

    Args:
        rng: draws everything.
        spacing: edge of a voxel, metres.
    """
    lowest = rng.uniform(*(CHEST_MM if rng.uniform() < CHESTS else OTHER_MM))
    return body_at(rng, lowest, spacing)


def body_at(rng: np.random.Generator, lowest: float, spacing: float = SPACING_M) -> Body:
    """Return a random body whose L5 lies at a height, mm."""
    spine = draw_spine(rng, lowest, lowest + 760.0)
    thorax = draw_thorax(rng, spine)
    torso = draw_torso(rng, thorax, 158.0 * spine[0].scale)
    contrast, quality = draw_contrast(rng), draw_quality(rng)
    top = HALF_HEIGHT_MM
    shoulders = draw_shoulders(rng, thorax) if thorax.level(8) < top else []
    half = torso_box(torso, -top, top)
    for shoulder in shoulders:                      # as much of arms as there is
        reach = np.abs([shoulder.socket, *([] if shoulder.elbow is None else [shoulder.elbow])])
        half[0] = max(half[0], min(reach[:, 0].max() + 70.0, 290.0))
    canvas = Canvas(np.array([*half + 20.0, top]), 1000.0 * spacing)
    paint_shoulder_muscles(canvas, shoulders, torso.fat, rng)
    paint_torso(canvas, torso, rng)
    paint_breasts(canvas, thorax, torso, rng)
    near = [v for v in spine if abs(v.center[2]) < top + 60.0]
    paint_spine_muscles(canvas, near, contrast, rng)
    if thorax.level(12) - 120.0 < top:
        paint_organs(canvas, thorax, contrast, rng)
    if thorax.level(12) - 30.0 > -top:
        paint_bowel(canvas, thorax, torso, rng)
    heart = draw_heart(rng, thorax)
    if thorax.level(12) - 40.0 < top:
        paint_lungs(canvas, thorax, contrast, rng)
        paint_windpipe(canvas, thorax, rng)
        paint_heart(canvas, heart, thorax, contrast, rng)
    paint_great_vessels(canvas, thorax, heart, contrast, rng)
    paint_spine(canvas, near, quality, rng)
    if thorax.level(12) - 120.0 < top:
        paint_ribs(canvas, thorax, quality, rng)
    paint_shoulder_bones(canvas, thorax, shoulders, quality, rng)
    if lowest > -top - 40.0:
        paint_bladder(canvas, spine[0], contrast, rng)
        paint_pelvic_vessels(canvas, spine[0], contrast, rng)
        paint_pelvis(canvas, spine[0], quality, rng)
    return canvas.body()
