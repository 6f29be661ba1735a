"""Procedural organs of the abdomen, under the diaphragm."""

from __future__ import annotations

import numpy as np

from ixgs_ros.simulation.bodies.canvas import Canvas, chalk, filled, soft
from ixgs_ros.simulation.bodies.contrast import Contrast
from ixgs_ros.simulation.bodies.spine import Vertebra
from ixgs_ros.simulation.bodies.thorax import Thorax
from ixgs_ros.simulation.bodies.tubes import chain, paint_tubes, smooth_path
from ixgs_ros.simulation.shapes import ellipsoid


def paint_organs(canvas: Canvas, thorax: Thorax, contrast: Contrast,
                 rng: np.random.Generator) -> None:
    """Paint stomach, spleen, liver, gall bladder and kidneys."""
    right, left = thorax.domes
    x, y, a, b = (float(part) for part in thorax.section(thorax.level(11)))
    spleen = filled(contrast.liver + rng.uniform(-10.0, 30.0))
    _under(canvas, thorax, [x + 0.62 * a, y + 0.42 * b, left - 45.0],
           np.array([0.24 * a, 0.36 * b, 50.0]) * rng.uniform(0.75, 1.25), spleen)
    _paint_stomach(canvas, thorax, rng)
    liver = filled(contrast.liver)
    tall = rng.uniform(65.0, 100.0)
    _under(canvas, thorax, [x - 0.42 * a, y - 0.08 * b, right - 0.62 * tall],
           [0.52 * a, 0.92 * b, tall], liver)
    _under(canvas, thorax, [x + 0.05 * a, y - 0.45 * b, right - 55.0],
           [0.5 * a, 0.42 * b, 45.0], liver)
    for _ in range(int(rng.integers(0, 10))):       # vessels and cysts of the liver
        center = np.array([x - rng.uniform(0.1, 0.7) * a, y + rng.uniform(-0.5, 0.4) * b,
                           right - rng.uniform(30.0, 110.0)])
        canvas.paint_ball(center, rng.uniform(3.0, 9.0, 3) * [1.6, 1.0, 1.0], filled(
            rng.choice([5.0, contrast.veins])))
    gall = np.array([x - 0.35 * a, y - 0.45 * b, right - 1.4 * tall])
    canvas.paint_ball(gall, rng.uniform(10.0, 18.0, 3), soft(rng.uniform(0.0, 30.0)))
    if rng.uniform() < 0.1:
        canvas.paint_ball(gall + [0.0, 6.0, -6.0], rng.uniform(3.0, 7.0, 3),
                          chalk(rng.uniform(150.0, 600.0), is_bone=False))
    for side in (-1.0, 1.0):
        if rng.uniform() < 0.97:
            _paint_kidney(canvas, thorax, contrast, side, rng)


def _under(canvas: Canvas, thorax: Thorax, center: np.ndarray | list[float],
           radii: np.ndarray | list[float], channels: np.ndarray) -> None:
    """Paint an ellipsoid as far as diaphragm and ribs leave it room."""
    patch = canvas.patch(np.asarray(center), np.asarray(radii) + canvas.voxel)
    if patch.voxels.size:
        canvas.paint(patch, np.maximum.reduce(np.broadcast_arrays(
            ellipsoid(patch.points, tuple(center), tuple(radii)),
            patch.points[2] - thorax.diaphragm(patch.points) + 4.0,
            thorax.distance(patch.points) + 9.0)), channels)


def _paint_stomach(canvas: Canvas, thorax: Thorax, rng: np.random.Generator) -> None:
    """Paint a stomach with its bubble of gas under the left dome."""
    x, y, a, b = (float(part) for part in thorax.section(thorax.level(11)))
    left = thorax.domes[1]
    size = rng.uniform(0.6, 1.2)
    line = smooth_path([[x + 0.45 * a, y + 0.1 * b, left - 28.0],
                        [x + 0.5 * a, y - 0.35 * b, left - 75.0],
                        [x + 0.15 * a, y - 0.55 * b, left - 120.0 * size],
                        [x - 0.2 * a, y - 0.35 * b, left - 105.0]], 12)
    radii = np.interp(np.linspace(0, 1, 12), [0.0, 0.4, 1.0], [34.0, 28.0, 14.0]) * size
    line[:, 2] = np.minimum(line[:, 2], left - 8.0 - np.minimum(radii, 30.0))
    paint_tubes(canvas, chain(line, radii + rng.uniform(2.0, 5.0)), soft(45.0))
    kind = rng.uniform()
    food = (soft(rng.uniform(-60.0, 60.0)) if kind < 0.75 else soft(-960.0) if kind < 0.88
            else filled(rng.uniform(120.0, 500.0)))
    paint_tubes(canvas, chain(line, radii), food)
    if rng.uniform() < 0.75:
        bubble = np.array([0.8, 0.7, 0.5]) * radii[0] * rng.uniform(0.5, 1.15)
        shift = [0.0, -0.3 * radii[0], 0.2 * radii[0]]
        canvas.paint_ball(line[1] + shift, bubble, soft(-980.0))


def paint_bladder(canvas: Canvas, lowest: Vertebra, contrast: Contrast,
                  rng: np.random.Generator) -> None:
    """Paint a bladder behind the symphysis, full or nearly empty; the medium lies at its back."""
    radii = np.array([38.0, 28.0, 26.0]) * rng.uniform(0.5, 1.35)
    center = lowest.at((0.0, -38.0, -145.0)) + [0.0, 0.0, 0.5 * radii[2]]
    canvas.paint_ball(center, radii + rng.uniform(2.5, 6.0), soft(42.0))
    canvas.paint_ball(center, radii, soft(8.0))
    if contrast.urine > 20.0:
        canvas.paint_ball(center + [0.0, 0.25 * radii[1], 0.0], radii * [0.95, 0.75, 0.95],
                          filled(contrast.urine * rng.uniform(0.2, 1.0)))


def _paint_kidney(canvas: Canvas, thorax: Thorax, contrast: Contrast, side: float,
                  rng: np.random.Generator) -> None:
    """Paint a kidney in its fat, with its pelvis and its ureter."""
    z = thorax.level(12) - rng.uniform(20.0, 55.0) + (8.0 if side > 0 else -8.0)
    x, y = (float(part) for part in thorax.column(z))
    center = np.array([x + side * rng.uniform(52.0, 72.0), y + rng.uniform(4.0, 22.0), z])
    tilt = side * rng.uniform(0.1, 0.35)
    axes = np.array([[np.cos(tilt), 0.0, -np.sin(tilt)], [0.0, 1.0, 0.0],
                     [np.sin(tilt), 0.0, np.cos(tilt)]])
    radii = np.array([26.0, 25.0, 54.0]) * rng.uniform(0.8, 1.15)
    canvas.paint_ball(center, radii + rng.uniform(3.0, 14.0), soft(-100.0), axes)
    canvas.paint_ball(center, radii, filled(contrast.kidney), axes)
    sinus = center - [side * 8.0, 0.0, 0.0]
    canvas.paint_ball(sinus, radii * [0.5, 0.45, 0.6], soft(-60.0), axes)
    urine = filled(contrast.urine)
    wide = rng.uniform(0.6, 1.6)
    for at in (-0.4, 0.0, 0.4):
        canvas.paint_ball(sinus + axes[:, 2] * at * radii[2], np.array([6.0, 5.0, 7.0]) * wide,
                          urine)
    canvas.paint_ball(sinus - [side * 10.0, 0.0, 8.0], np.array([9.0, 6.0, 11.0]) * wide, urine)
    low = z - rng.uniform(180.0, 220.0)
    ureter = smooth_path([sinus - [side * 12.0, 0.0, 15.0], [x + side * 34.0, y - 22.0, z - 90.0],
                          [x + side * 30.0, y - 26.0, z - 150.0],
                          [x + side * 45.0, y - 10.0, low]], 14)
    paint_tubes(canvas, chain(ureter, rng.uniform(1.2, 2.6)), urine)
    if rng.uniform() < 0.06:                        # a stone
        canvas.paint_ball(sinus, rng.uniform(2.0, 6.0, 3), chalk(
            rng.uniform(300.0, 1200.0), is_bone=False))
