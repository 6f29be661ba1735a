"""Procedural bowel: the colon's frame with its haustra, and loops of small bowel."""

from __future__ import annotations

import numpy as np

from ixgs_ros.simulation.bodies.canvas import Canvas, filled, soft
from ixgs_ros.simulation.bodies.thorax import Thorax
from ixgs_ros.simulation.bodies.torso import Torso
from ixgs_ros.simulation.bodies.tubes import chain, paint_tubes, smooth_path


def paint_bowel(canvas: Canvas, thorax: Thorax, torso: Torso, rng: np.random.Generator) -> None:
    """Paint small bowel and colon, each stretch with a content of its own."""
    lowest = thorax.spine[0].center[2]
    middle, half, front, back = (float(np.ravel(part)[0]) for part in torso.section(
        np.array(lowest + 60.0)))
    spine_y = float(thorax.before(lowest + 60.0))
    ahead = max(0.9 * (spine_y - front) - 25.0, 20.0)
    oral = rng.uniform(120.0, 600.0) if rng.uniform() < 0.25 else 0.0
    gassy = rng.choice([0.05, 0.15, 0.5])
    for _ in range(int(rng.integers(12, 34))):
        center = np.array([middle + rng.uniform(-0.55, 0.55) * half,
                           spine_y - rng.uniform(0.1, 0.9) * ahead,
                           lowest + rng.uniform(-70.0, 150.0)])
        line = smooth_path(center + rng.normal(0.0, 18.0, (5, 3)), 12)
        radius = rng.uniform(6.0, 14.0)
        paint_tubes(canvas, chain(line, radius + rng.uniform(1.2, 2.5)), soft(45.0))
        paint_tubes(canvas, chain(line, radius), _content(rng, gassy, oral, 0.0))
    _paint_colon(canvas, thorax, torso, rng, oral)


def _paint_colon(canvas: Canvas, thorax: Thorax, torso: Torso, rng: np.random.Generator,
                 oral: float) -> None:
    """Paint the colon from the caecum to the pelvis."""
    lowest, flexure = thorax.spine[0].center[2], thorax.level(12) - 15.0
    middle, half, front, _ = (float(np.ravel(part)[0]) for part in torso.section(
        np.array(lowest + 80.0)))
    spine_y = float(thorax.before(lowest + 60.0))
    ahead = max(spine_y - front - 40.0, 20.0)
    out, sag = rng.uniform(0.6, 0.75), rng.uniform(10.0, 140.0)

    def at(x: float, y: float, z: float) -> np.ndarray:
        return np.array([middle + x * half, spine_y - y * ahead, z])

    corners = [at(-out, 0.3, lowest - 20.0), at(-out - 0.05, 0.05, lowest + 60.0),
               at(-out, 0.1, flexure - 40.0), at(-0.4, 0.7, flexure - 30.0),
               at(0.0, 1.0, flexure - 30.0 - sag), at(0.45, 0.75, flexure - 10.0),
               at(out + 0.05, 0.1, flexure + 25.0), at(out + 0.08, 0.0, flexure - 60.0),
               at(out, 0.05, lowest + 10.0), at(0.5, 0.3, lowest - 50.0),
               at(0.1, 0.6 * rng.uniform(0.2, 1.3), lowest - 40.0), at(-0.05, -0.1, lowest - 90.0),
               at(0.0, -0.35, lowest - 150.0)]
    moved = [corner + rng.normal(0.0, 9.0, 3) for corner in corners]
    line = smooth_path(moved, 150)
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    widths = np.interp(np.linspace(0.0, 1.0, 9), np.linspace(0.0, 1.0, 5),
                       np.array([27.0, 23.0, 19.0, 15.0, 16.0]) * rng.uniform(0.65, 1.25))
    widths *= rng.uniform(0.75, 1.25, 9)
    folds = 1.0 + rng.uniform(0.08, 0.28) * np.abs(np.sin(
        np.pi * along / rng.uniform(22.0, 38.0))) - 0.1
    radii = np.interp(np.linspace(0.0, 1.0, 150), np.linspace(0.0, 1.0, 9), widths) * folds
    paint_tubes(canvas, chain(line, radii + rng.uniform(1.5, 3.5)), soft(42.0))
    segments = chain(line, radii)
    gassy = rng.choice([0.1, 0.35, 0.7])
    cuts = np.sort(rng.integers(0, len(segments), int(rng.integers(4, 14))))
    for part in np.split(segments, cuts):
        if not len(part):
            continue
        paint_tubes(canvas, part, _content(rng, gassy, oral, 0.5))
        if rng.uniform() < gassy:                   # gas on top of what lies there
            bubble = part.copy()
            bubble[:, [1, 5]] -= 0.4 * part[:, [3, 7]]
            bubble[:, [3, 7]] *= 0.6
            paint_tubes(canvas, bubble, soft(-960.0))
        for place in part[rng.integers(0, len(part), int(rng.integers(0, 8)))]:
            canvas.paint_ball(place[:3] + rng.normal(0.0, 0.4 * place[3], 3),
                              rng.uniform(2.0, 8.0, 3), soft(rng.uniform(-800.0, 60.0)))


def _content(rng: np.random.Generator, gassy: float, oral: float, stool: float) -> np.ndarray:
    """Return gas, contrast medium by mouth (``oral`` HU, 0: none), stool, or liquid."""
    kind = rng.uniform()
    if kind < gassy:
        return soft(-970.0)
    if oral > 0.0 and rng.uniform() < 0.6:
        return filled(oral * rng.uniform(0.5, 1.2))
    return soft(rng.uniform(-250.0, 60.0) if rng.uniform() < stool else rng.uniform(5.0, 50.0))
