"""Aorta, pulmonary trunk and the great veins, from the heart through chest and abdomen."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ixgs_ros.simulation.bodies.canvas import Canvas, filled, soft
from ixgs_ros.simulation.bodies.contrast import Contrast
from ixgs_ros.simulation.bodies.heart import Heart, paint_chalk
from ixgs_ros.simulation.bodies.lungs import hilum
from ixgs_ros.simulation.bodies.spine import Vertebra
from ixgs_ros.simulation.bodies.thorax import Thorax
from ixgs_ros.simulation.bodies.tubes import chain, paint_tubes, smooth_path


def paint_great_vessels(canvas: Canvas, thorax: Thorax, heart: Heart, contrast: Contrast,
                        rng: np.random.Generator) -> None:
    """Paint the vessels of the chest, and aorta and lower vena cava down to the pelvis."""
    tubes = [(aorta(thorax, heart, rng), contrast.left),
             *((line, contrast.left) for line in _arch_branches(thorax, rng)),
             *((line, contrast.right) for line in _trunk(thorax, heart, rng)),
             *((line, contrast.left) for line in _lung_veins(thorax, heart, rng)),
             *((line, contrast.injected) for line in _upper_veins(thorax, heart, rng)),
             (_lower_vein(thorax, heart, rng), contrast.veins)]
    wall = rng.uniform(0.8, 2.0)
    for line, _ in tubes:
        thick = line.copy()
        thick[:, [3, 7]] += wall
        paint_tubes(canvas, thick, soft(45.0))
    # Veins first: where vessels touch, the artery's wall is the stronger.
    for line, level in reversed(tubes):
        paint_tubes(canvas, line, filled(level))
    _paint_plaques(canvas, tubes[0][0], contrast.left, rng)


def aorta(thorax: Thorax, heart: Heart, rng: np.random.Generator) -> np.ndarray:
    """Return the aorta: up from the heart, over to the left, down beside and before the spine."""
    top = thorax.level(rng.uniform(3.2, 4.4))
    x, front = float(thorax.column(top)[0]), float(thorax.before(top))
    bulge = rng.uniform(0.9, 1.3)
    corners: list[ArrayLike] = [
        heart.at((-0.35, 0.05, 0.3)), [x - 16.0 * bulge, front - 56.0, top - 30.0],
        [x - 6.0, front - 46.0, top - 2.0], [x + 12.0, front - 20.0, top],
        [x + 24.0 * bulge, front - 2.0, top - 16.0]]
    heights = np.linspace(top - 45.0, thorax.spine[0].center[2] + 25.0, 14)
    wave = rng.normal(0.0, 2.5, 14)
    beside = np.linspace(21.0, 6.0, 14) * bulge + wave
    before = np.interp(np.linspace(0.0, 1.0, 14), [0.0, 0.45, 1.0], [-1.0, 10.0, 15.0])
    corners += np.column_stack([thorax.column(heights)[0] + beside,
                                thorax.before(heights) - before, heights]).tolist()
    line = smooth_path(corners, 60)
    radii = np.interp(np.linspace(0.0, 1.0, 60), [0.0, 0.2, 0.35, 1.0], [16.5, 14.5, 12.0, 8.5])
    return chain(line, radii * rng.uniform(0.85, 1.3))


def paint_pelvic_vessels(canvas: Canvas, lowest: Vertebra, contrast: Contrast,
                         rng: np.random.Generator) -> None:
    """Paint the iliac arteries and veins from the last lumbar vertebra to the groins."""
    for side in (-1.0, 1.0):
        for shift, level, radius in ((0.0, contrast.veins, 6.5), (-6.0, contrast.left, 5.0)):
            line = smooth_path([lowest.at((side * 4.0, -32.0 + shift, 8.0)),
                                lowest.at((side * 45.0, -18.0 + shift, -60.0)),
                                lowest.at((side * 75.0, -50.0 + shift, -105.0)),
                                lowest.at((side * 88.0, -60.0 + shift, -190.0))], 16)
            segments = chain(line + rng.normal(0.0, 1.5, (16, 3)), radius * rng.uniform(0.8, 1.3))
            paint_tubes(canvas, segments, filled(level))
            if level == contrast.left:
                _paint_plaques(canvas, segments, level, rng)


def _paint_plaques(canvas: Canvas, vessel: np.ndarray, blood: float,
                   rng: np.random.Generator) -> None:
    """Paint calcified plaques into a vessel's wall, in some bodies."""
    if rng.uniform() > 0.35:
        return
    chosen = vessel[rng.integers(0, len(vessel), int(rng.integers(3, 40)))]
    across = rng.normal(size=(len(chosen), 3)) * [1.0, 1.0, 0.2]
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    paint_chalk(canvas, chosen[:, :3] + across * chosen[:, 3:4], blood, rng)


def _arch_branches(thorax: Thorax, rng: np.random.Generator) -> list[np.ndarray]:
    """Return the arteries to head and arms."""
    top = thorax.level(3.7)
    x, front = float(thorax.column(top)[0]), float(thorax.before(top))
    neck = thorax.level(1) + 80.0
    return [chain(smooth_path([[x + start, front - back, top],
                               [x + 2.0 * start, front - 28.0, thorax.level(2)],
                               [x + end, front - 20.0, neck]], 10),
                  radius * rng.uniform(0.85, 1.2))
            for start, back, end, radius in ((-9.0, 46.0, -28.0, 6.0), (4.0, 34.0, 24.0, 4.0),
                                             (15.0, 18.0, 46.0, 4.8))]


def _trunk(thorax: Thorax, heart: Heart, rng: np.random.Generator) -> list[np.ndarray]:
    """Return the pulmonary trunk and both arteries as far as the hila."""
    z = thorax.level(5.4)
    fork = np.array([thorax.column(z)[0] + 14.0, thorax.before(z) - 48.0, z])
    radius = rng.uniform(11.0, 16.0)
    trunk = smooth_path([heart.at((0.05, 0.4, 0.25)), heart.at((-0.1, 0.3, 0.75)), fork], 8)
    lines = [chain(trunk, radius)]
    for side, across in ((-1.0, [-14.0, -34.0, 0.0]), (1.0, [22.0, -30.0, 8.0])):
        middle = np.array([thorax.column(z)[0], thorax.before(z), z]) + across
        lines.append(chain(smooth_path([fork, middle, hilum(thorax, side)], 8),
                           np.linspace(0.78, 0.55, 8) * radius))
    return lines


def _lung_veins(thorax: Thorax, heart: Heart, rng: np.random.Generator) -> list[np.ndarray]:
    """Return the pulmonary veins from the hila to the left atrium."""
    return [chain([heart.at((-0.6, -0.3, 0.16)),
                   hilum(thorax, side) + [0.0, -4.0, drop]], rng.uniform(4.5, 7.5))
            for side in (-1.0, 1.0) for drop in (-12.0, -30.0)]


def _upper_veins(thorax: Thorax, heart: Heart, rng: np.random.Generator) -> list[np.ndarray]:
    """Return the upper vena cava and the veins that meet in it."""
    z = thorax.level(3.0)
    x, front = float(thorax.column(z)[0]), float(thorax.before(z))
    meet = np.array([x - 26.0, front - 46.0, z])
    cava = smooth_path([meet, [x - 28.0, front - 44.0, thorax.level(5.0)],
                        heart.at((-0.48, 0.42, 0.1))], 10)
    veins = [chain(cava, rng.uniform(7.5, 11.5))]
    for side, radius in ((-1.0, 7.0), (1.0, 7.0)):
        out = np.array([x + side * 52.0, front - 34.0, thorax.level(1.6)])
        far = np.array([x + side * 130.0, front - 8.0, thorax.level(1.4)])
        veins.append(chain(smooth_path([meet, 0.5 * (meet + out) + [0.0, -6.0, 2.0], out, far],
                                       12), radius * rng.uniform(0.8, 1.2)))
    return veins[:int(rng.choice([1, 2, 3]))] if rng.uniform() < 0.5 else veins


def _lower_vein(thorax: Thorax, heart: Heart, rng: np.random.Generator) -> np.ndarray:
    """Return the lower vena cava, right before the spine, into the right atrium."""
    heights = np.linspace(thorax.spine[0].center[2] + 10.0, thorax.level(11.0), 10)
    corners = np.column_stack([thorax.column(heights)[0] - rng.uniform(14.0, 24.0),
                               thorax.before(heights) - 12.0, heights]).tolist()
    line = smooth_path([*corners, heart.at((-0.48, 0.42, -0.3))], 30)
    return chain(line, rng.uniform(8.5, 13.0))
