"""Procedural lungs: between cage, diaphragm and mediastinum, with vessels, airways and spots.

Densities of the lung in CT: -900 to -650 HU with the breath, denser where it hangs (by about
50 to 150 HU from front to back, supine). Vessels of about 3 to 8 % of its volume.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from ixgs_ros.simulation.bodies.branching import grow
from ixgs_ros.simulation.bodies.canvas import Canvas, filled, Patch, soft
from ixgs_ros.simulation.bodies.contrast import Contrast
from ixgs_ros.simulation.bodies.thorax import Thorax
from ixgs_ros.simulation.bodies.tubes import chain, paint_tubes, smooth_path


def paint_lungs(canvas: Canvas, thorax: Thorax, contrast: Contrast,
                rng: np.random.Generator) -> None:
    """Paint the mediastinum's fat, both lungs and what they hold, above the diaphragm."""
    low, high = thorax.level(12) - 25.0, thorax.level(1) + 15.0
    x0, y0, width, depth = (float(part) for part in thorax.section(thorax.level(9)))
    patch = canvas.patch(np.array([x0, y0, 0.5 * (low + high)]), np.array(
        [width + 30.0, depth + 45.0, 0.5 * (high - low)]))
    if not patch.voxels.size:
        return
    wall = rng.uniform(6.0, 9.0)
    inside = thorax.distance(patch.points) + np.float32(wall)
    above = np.maximum(inside, thorax.diaphragm(patch.points) - patch.points[2])
    above = np.maximum(above, np.float32(low) - patch.points[2])
    canvas.paint(patch, above, soft(rng.uniform(-90.0, 20.0)))
    apart = _mediastinum(thorax, patch, rng)
    lung = np.maximum(above, apart)
    canvas.paint_density(patch, lung, _density(canvas, patch, thorax, rng))
    for side in (-1.0, 1.0):
        chosen = np.where(np.sign(patch.points[0] - x0) == side, lung, np.float32(1.0))
        if np.count_nonzero(chosen < -3.0) > 500:
            _paint_trees(canvas, patch, hilum(thorax, side), contrast, side, chosen, rng)
            _paint_illness(canvas, patch, chosen, rng)
    if rng.uniform() < 0.25:
        _paint_effusion(canvas, patch, thorax, above, rng)


def hilum(thorax: Thorax, side: float) -> np.ndarray:
    """Return where vessels and airways enter a lung, (3,) mm; the left one is higher."""
    z = thorax.level(5.9 if side < 0 else 5.5)
    return np.array([thorax.section(z)[0] + side * 0.26 * thorax.half[0],
                     thorax.before(z) - 0.2 * thorax.half[1], z])


def _mediastinum(thorax: Thorax, patch: Patch, rng: np.random.Generator) -> np.ndarray:
    """Return how far within the mediastinum points lie, mm: lungs begin where it is negative.

    It is a narrow septum behind the sternum and before the spine, and the spine itself. The heart
    and the great vessels are painted over it.
    """
    x, y, z = patch.points
    spine_x, spine_y = (np.asarray(part, dtype=np.float32) for part in thorax.column(z))
    middle_x = np.asarray(thorax.section(z)[0], dtype=np.float32)
    narrow = rng.uniform(4.0, 12.0)
    front = thorax.before(z).astype(np.float32)
    # 5 to 10 mm behind the sternum, wider before the spine where gullet and windpipe run.
    half = narrow + rng.uniform(10.0, 18.0) * np.exp(-((y - front + 18.0) / 22.0) ** 2)
    # Wider again above the heart, with the great vessels, fat and thymus.
    half = half + rng.uniform(0.0, 16.0) * np.exp(-((z - thorax.level(3.0)) / 35.0) ** 2)
    septum = half.astype(np.float32) - np.abs(x - middle_x)
    scale = float(np.mean([v.scale for v in thorax.spine if v.name[0] == 'T']))
    around = np.hypot((x - spine_x) / 1.15, y - spine_y - 2.0)
    spine = np.float32(25.0 * scale + 1.0) - around
    return np.maximum(septum, spine)


def _density(canvas: Canvas, patch: Patch, thorax: Thorax,
             rng: np.random.Generator) -> np.ndarray:
    """Return the density of the lungs' tissue (z, y, x), kg/m³."""
    shape = patch.voxels.shape[:3]
    mean = rng.uniform(80.0, 300.0)
    hang = rng.uniform(-0.1, 0.45) * (patch.points[1] - thorax.section(0.0)[1]) / thorax.half[1]
    coarse = rng.normal(size=[n // 3 + 2 for n in shape]).astype(np.float32)
    coarse = gaussian_filter(coarse, rng.uniform(0.6, 2.5))
    coarse *= rng.uniform(0.02, 0.2) / coarse.std()
    grain = coarse.repeat(3, 0).repeat(3, 1).repeat(3, 2)[:shape[0], :shape[1], :shape[2]]
    fine = rng.normal(0.0, rng.uniform(0.0, 0.2), shape).astype(np.float32)
    return np.clip(mean * (1.0 + hang + grain + fine), 20.0, 900.0).astype(np.float32)


def _inside(canvas: Canvas, patch: Patch, lung: np.ndarray, count: int,
            rng: np.random.Generator) -> np.ndarray:
    """Return random places (count, 3), mm, within a lung that is given by the distance to it."""
    k, j, i = np.unravel_index(rng.choice(np.flatnonzero(lung < -3.0), count), lung.shape)
    x, y, z = (axis.ravel() for axis in patch.points)
    points = np.column_stack([x[i], y[j], z[k]]).astype(np.float64)
    return points + rng.uniform(-0.5, 0.5, (count, 3)) * canvas.voxel


def _paint_trees(canvas: Canvas, patch: Patch, entry: np.ndarray, contrast: Contrast, side: float,
                 lung: np.ndarray, rng: np.random.Generator) -> None:
    """Paint arteries, veins and airways of one lung; they enter it at ``entry``."""
    leaves, tip = int(rng.integers(180, 400)), rng.uniform(0.9, 1.5)
    for level, shift in ((contrast.left, (0.0, -4.0, -12.0)), (contrast.right, (0.0, 0.0, 0.0))):
        stem = np.stack([entry + shift - [side * 14.0, 0.0, 0.0], entry + shift,
                         entry + shift + [side * 10.0, 4.0, -22.0]])
        tree = grow(stem, _inside(canvas, patch, lung, leaves, rng), rng, tip=tip)
        tree[:, [3, 7]] = np.minimum(tree[:, [3, 7]], 8.0)
        paint_tubes(canvas, tree, filled(level))
    stem = np.stack([entry + [-side * 14.0, 6.0, 4.0], entry + [0.0, 6.0, 2.0],
                     entry + [side * 8.0, 10.0, -24.0]])
    airways = grow(stem, _inside(canvas, patch, lung, int(rng.integers(12, 40)), rng), rng,
                   tip=1.0, exponent=2.6)
    airways[:, [3, 7]] = np.minimum(airways[:, [3, 7]], 6.0)
    thick = airways.copy()
    thick[:, [3, 7]] = thick[:, [3, 7]] * 1.15 + 0.7
    paint_tubes(canvas, thick, soft(rng.uniform(-100.0, 40.0)))
    paint_tubes(canvas, airways, soft(-990.0))


def _paint_illness(canvas: Canvas, patch: Patch, lung: np.ndarray,
                   rng: np.random.Generator) -> None:
    """Paint nodules, and what has lost its air in parts or wholly, in some lungs."""
    if rng.uniform() < 0.4:
        for center in _inside(canvas, patch, lung, int(rng.integers(1, 7)), rng):
            canvas.paint_ball(center, rng.uniform(2.0, 11.0) * rng.uniform(0.7, 1.3, 3),
                              soft(rng.uniform(-200.0, 80.0)))
    if rng.uniform() < 0.25:
        for center in _inside(canvas, patch, lung, int(rng.integers(1, 4)), rng):
            radii = rng.uniform(10.0, 40.0, 3)
            cut = canvas.patch(center, radii + canvas.voxel)
            radial = np.sqrt(sum(((p - c) / r) ** 2 for p, c, r in zip(
                cut.points, center, radii, strict=True)))
            gain = rng.uniform(0.15, 0.95) * np.clip(2.0 * (1.0 - radial), 0.0, 1.0)
            water = cut.voxels[..., 0]
            np.copyto(water, water + gain * (1030.0 - water),
                      where=(water < 950.0) & (water > 20.0))


def _paint_effusion(canvas: Canvas, patch: Patch, thorax: Thorax, above: np.ndarray,
                    rng: np.random.Generator) -> None:
    """Paint water behind a lung, lying or standing."""
    side = rng.choice([-1.0, 1.0])
    x, y, z = patch.points
    if rng.uniform() < 0.7:
        level = thorax.section(z)[1] + rng.uniform(0.45, 0.95) * thorax.section(z)[3]
        water = level - y
    else:
        water = z - (thorax.domes.min() + rng.uniform(-50.0, 10.0))
    own = np.maximum(above, -side * (x - thorax.section(z)[0]) + 20.0)
    canvas.paint(patch, np.maximum(own, np.asarray(water, dtype=np.float32)),
                 soft(rng.uniform(0.0, 40.0)))


def paint_windpipe(canvas: Canvas, thorax: Thorax, rng: np.random.Generator) -> None:
    """Paint trachea, main bronchi and gullet; the gullet holds air now and then."""
    fork = np.array([thorax.column(thorax.level(5.0))[0] - 3.0,
                     thorax.before(thorax.level(5.0)) - 22.0, thorax.level(rng.uniform(4.3, 5.3))])
    top_z = thorax.level(1) + 90.0
    top = np.array([thorax.column(top_z)[0], thorax.before(top_z) - 20.0, top_z])
    radius = rng.uniform(6.5, 10.5)
    tubes = [chain(smooth_path([top, 0.5 * (top + fork) + [0.0, -2.0, 0.0], fork], 8), radius)]
    for side in (-1.0, 1.0):
        entry = hilum(thorax, side) + [0.0, 6.0, 2.0]
        tubes.append(chain(smooth_path([fork, 0.5 * (fork + entry) + [0.0, 0.0, 4.0], entry], 5),
                           np.linspace(0.78, 0.62, 5) * radius))
    segments = np.concatenate(tubes)
    thick = segments.copy()
    thick[:, [3, 7]] += rng.uniform(1.2, 2.6)
    paint_tubes(canvas, thick, soft(rng.uniform(20.0, 110.0)))
    paint_tubes(canvas, segments, soft(-995.0))
    heights = np.linspace(top_z, thorax.level(10.5), 10)
    gullet = np.column_stack([thorax.column(heights)[0] + np.linspace(0.0, 14.0, 10),
                              thorax.before(heights) - np.linspace(7.0, 16.0, 10), heights])
    paint_tubes(canvas, chain(gullet, rng.uniform(5.5, 9.0)), soft(42.0))
    if rng.uniform() < 0.35:
        first = int(rng.integers(0, 6))
        paint_tubes(canvas, chain(gullet[first:first + 3], rng.uniform(2.0, 5.0)), soft(-900.0))
