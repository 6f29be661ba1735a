"""Procedural ribs with their cartilages, and the breastbone."""

from __future__ import annotations

import numpy as np

from ixgs_ros.simulation.bodies.canvas import bony, Canvas, chalk, soft
from ixgs_ros.simulation.bodies.quality import Quality
from ixgs_ros.simulation.bodies.spine import Vertebra
from ixgs_ros.simulation.bodies.thorax import Thorax
from ixgs_ros.simulation.bodies.tubes import chain, paint_long_bone, paint_tubes, smooth_path

# By number of the rib: where its bone ends, as an angle from the back (0) to the front (pi), and
# how far it comes down on its way, mm of a thorax 270 mm high from T12 to T1. After Gray.
NUMBERS = [1, 2, 4, 6, 8, 9, 10, 11, 12]
ENDS = [2.55, 2.6, 2.5, 2.35, 2.1, 1.98, 1.85, 1.45, 0.9]
DROPS = [30.0, 48.0, 72.0, 92.0, 104.0, 104.0, 98.0, 70.0, 34.0]
# As far from its bone a cartilage counts as bone where the ramp says so: the target's mask reaches
# 15 mm from what is hard, and the ends of ribs are not that hard.
GRISTLE_MM = 12.0


def paint_ribs(canvas: Canvas, thorax: Thorax, quality: Quality,
               rng: np.random.Generator) -> None:
    """Paint a pair of ribs to each thoracic vertebra, cartilages, and the breastbone."""
    thin, flat = rng.uniform(2.7, 3.9), rng.uniform(1.4, 1.9)
    cortex, spongy = bony(quality.draw(rng, 600.0, 1500.0)), bony(quality.draw(rng, 80.0, 350.0))
    shell = quality.draw(rng, 0.7, 1.7)
    breath = rng.uniform(0.6, 1.25) * (thorax.level(1) - thorax.level(12)) / 270.0
    plate = _plate(thorax, rng)
    gristle = rng.uniform(60.0, 150.0)
    chalky = rng.choice([0.0, 0.0, rng.uniform(0.0, 0.25), rng.uniform(0.2, 0.9)])
    tips: dict[float, np.ndarray] = {}
    for vertebra in reversed(thorax.spine):
        if vertebra.name[0] != 'T':
            continue
        number = int(vertebra.name[1:])
        radius = thin * (0.8 if number in (1, 11, 12) else 1.0) * rng.uniform(0.93, 1.07)
        for side in (-1.0, 1.0):
            line = rib(thorax, vertebra, side, breath * rng.uniform(0.94, 1.06))
            radii = np.interp(np.linspace(0, 1, len(line)), [0.0, 0.08, 0.2, 0.9, 1.0],
                              [0.9, 0.8, 1.0, 1.0, 1.15]) * radius
            if number <= 10:
                end = (_edge(plate, number, side) if number <= 7 else tips[side])
                tips[side] = _paint_cartilage(canvas, thorax, line[-1], end, radius * 0.95, flat,
                                              gristle, chalky, rng)
            paint_long_bone(canvas, chain(line, radii), cortex, spongy, shell, flat)
    _paint_plate(canvas, plate, quality, rng)


def rib(thorax: Thorax, vertebra: Vertebra, side: float, breath: float) -> np.ndarray:
    """Return the middle line of a rib, (n, 3) mm: head, neck, tubercle, angle and body."""
    number = int(vertebra.name[1:])
    end = float(np.interp(number, NUMBERS, ENDS))
    drop = float(np.interp(number, NUMBERS, DROPS)) * breath
    head = vertebra.at((side * 0.95 * vertebra.half[0], 0.75 * vertebra.half[1], 5.0))
    tubercle = vertebra.at((side * (24.0 + 12.0 * vertebra.process), 31.0, 0.0))
    start = 0.42 if number > 1 else 0.7
    angles = np.linspace(start, end, 22)
    share = (angles - start) / (end - start)
    # Level at first, steepest at the side.
    z = tubercle[2] - 4.0 - drop * (0.75 * share + 0.25 * share * share * (3.0 - 2.0 * share))
    body = thorax.place(side, angles, z)
    return np.concatenate([smooth_path([head, tubercle, body[0], body[1]], 7)[:-1], body[1:]])


def _plate(thorax: Thorax, rng: np.random.Generator) -> np.ndarray:
    """Return the breastbone's middle line from the notch to its tip, (3, 3) mm, and the joint."""
    top, joint = thorax.level(rng.uniform(2.2, 3.2)), thorax.level(rng.uniform(4.2, 5.0))
    bottom = thorax.level(rng.uniform(8.4, 9.6))
    points = []
    for z, inwards in ((top, 8.0), (joint, -1.0), (bottom, 0.0)):
        x, y, _, depth = thorax.section(z)
        points.append([float(x), float(y - depth) + inwards, z])
    return np.array(points)


def _edge(plate: np.ndarray, number: int, side: float) -> np.ndarray:
    """Return where the cartilage of a true rib meets the breastbone."""
    along = [0.35, 1.0, 1.3, 1.52, 1.7, 1.86, 1.95][number - 1]
    point = np.array([np.interp(along, [0.0, 1.0, 2.0], plate[:, a]) for a in range(3)])
    return point + [side * (24.0 if number == 1 else 16.0), 2.0, 0.0]


def _paint_cartilage(canvas: Canvas, thorax: Thorax, start: np.ndarray, end: np.ndarray,
                     radius: float, flat: float, hu: float, chalky: float,
                     rng: np.random.Generator) -> np.ndarray:
    """Paint the cartilage from the end of a rib; return its middle, where the next may join.

    Plain cartilage is soft tissue but for the first millimetres, where the target's mask still
    reaches; calcified spots are bone, as their size and hardness make them in a CT.
    """
    line = smooth_path([start, 0.6 * start + 0.4 * end + [0.0, 0.0, -8.0], end], 14)
    middle = 0.5 * (line[7] + end)
    depth = np.asarray(thorax.section(line[:, 2])[1:4:2])
    line[:, 1] = np.maximum(line[:, 1], depth[0] - depth[1] - 2.0)
    gristle = soft(hu)
    paint_tubes(canvas, chain(line, radius), gristle, flat=flat)
    near = np.linalg.norm(line - start, axis=1) < GRISTLE_MM
    if hu > 100.0 and near.sum() > 1:
        paint_tubes(canvas, chain(line[near], radius), bony(hu), flat=flat)
    if rng.uniform() < chalky:
        spots = rng.uniform() < 0.5
        hard = chalk(rng.uniform(200.0, 700.0), is_bone=True)
        if spots:
            for place in line[rng.integers(0, 14, int(rng.integers(2, 12)))]:
                canvas.paint_ball(place + rng.normal(0.0, 1.5, 3), rng.uniform(2.3, 4.0, 3), hard)
        else:                                       # a rim all along
            last = int(rng.integers(5, 15))
            paint_tubes(canvas, chain(line[:last], radius), hard, flat=flat)
            paint_tubes(canvas, chain(line[:last], radius), gristle, flat=flat, inset=1.2)
    return middle


def _paint_plate(canvas: Canvas, plate: np.ndarray, quality: Quality,
                 rng: np.random.Generator) -> None:
    """Paint manubrium and body of the breastbone, with the joint between them, and its tip."""
    cortex, spongy = bony(quality.draw(rng, 350.0, 900.0)), bony(quality.draw(rng, 70.0, 260.0))
    shell, half = rng.uniform(0.8, 1.6), rng.uniform(4.5, 6.5)
    wide = rng.uniform(0.9, 1.15)
    gap = rng.uniform(1.5, 4.0)
    middle = plate[1]
    for start, end, widths in ((plate[0], middle + [0.0, 0.0, gap], (30.0, 17.0)),
                               (middle - [0.0, 0.0, gap], plate[2], (15.0, 19.0))):
        axis = end - start
        length = float(np.linalg.norm(axis))
        patch = canvas.patch(0.5 * (start + end), np.abs(0.5 * axis) + [40.0, 14.0, 8.0])
        if not patch.voxels.size:
            continue
        x, y, z = (p - s for p, s in zip(patch.points, start, strict=True))
        along = (z * axis[2] + y * axis[1]) / length
        off = (y * axis[2] - z * axis[1]) / length
        share = np.clip(along / length, 0.0, 1.0)
        width = wide * (widths[0] + (widths[1] - widths[0]) * share)
        distance = np.maximum.reduce(np.broadcast_arrays(
            np.abs(x - axis[0] * share) - width, np.abs(off) - half, -along, along - length))
        canvas.paint(patch, distance, cortex)
        canvas.paint(patch, distance + shell, spongy)
    tip = plate[2] + [0.0, 2.0, -rng.uniform(12.0, 32.0)]
    hu = rng.uniform(60.0, 260.0)
    paint_tubes(canvas, chain([plate[2], tip], [6.0, 3.0]), bony(hu) if hu > 150 else soft(hu))
