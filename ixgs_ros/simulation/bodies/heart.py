"""A procedural heart: four chambers of blood in a muscle, with fat, coronaries and chalk."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ixgs_ros.simulation.bodies.canvas import Canvas, chalk, filled, soft
from ixgs_ros.simulation.bodies.contrast import Contrast
from ixgs_ros.simulation.bodies.thorax import Thorax
from ixgs_ros.simulation.bodies.tubes import chain, paint_tubes, smooth_path

# Centre and radii of the chambers, along the heart's axes (to the apex, to the right ventricle,
# upwards) in units of half its length; and whether their blood is that of the left heart.
CHAMBERS = {
    'left ventricle': ((0.2, -0.22, 0.0), (0.52, 0.30, 0.33), True),
    'right ventricle': ((0.14, 0.4, -0.02), (0.56, 0.2, 0.42), False),
    'left atrium': ((-0.6, -0.3, 0.16), (0.3, 0.36, 0.4), True),
    'right atrium': ((-0.48, 0.42, -0.08), (0.34, 0.34, 0.44), False)}
# How much of the muscle lies about a chamber, mm.
WALLS = {'left ventricle': (8.0, 14.0), 'right ventricle': (2.5, 5.0), 'left atrium': (2.0, 3.0),
         'right atrium': (2.0, 3.0)}


@dataclass(frozen=True, eq=False)
class Heart:
    """Where a heart lies: its middle (3,) mm, its axes as columns (3, 3), half its length, mm."""

    center: np.ndarray
    axes: np.ndarray
    size: float

    def at(self, local: tuple[float, float, float]) -> np.ndarray:
        """Return the LPS place (mm) of a point in the heart's axes and units."""
        return self.center + self.axes @ (self.size * np.asarray(local))


def draw_heart(rng: np.random.Generator, thorax: Thorax) -> Heart:
    """Return a heart that rests on the diaphragm; 0.4 to 0.6 of the thorax's width across."""
    size = rng.uniform(0.47, 0.68) * thorax.half[0]
    along = np.array([0.72, -0.5, -0.45]) + rng.normal(0.0, 0.1, 3)
    along /= np.linalg.norm(along)
    right = np.array([-0.6, -0.75, 0.0]) + rng.normal(0.0, 0.08, 3)
    right -= along * (along @ right)
    right /= np.linalg.norm(right)
    up = np.cross(along, right)
    up *= np.sign(up[2])
    z = thorax.domes.mean() + rng.uniform(0.35, 0.6) * size
    x, y, _, depth = (float(part) for part in thorax.section(z))
    # Between spine and sternum, with a little more room behind.
    front, behind = y - depth + 10.0, float(thorax.before(z)) - 8.0
    center = np.array([x + rng.uniform(0.04, 0.2) * thorax.half[0],
                       front + rng.uniform(0.44, 0.56) * (behind - front), z])
    return Heart(center, np.stack([along, right, up], axis=-1), size)


def paint_heart(canvas: Canvas, heart: Heart, thorax: Thorax, contrast: Contrast,
                rng: np.random.Generator) -> None:
    """Paint fat, muscle, chambers, valves' chalk and coronary arteries."""
    whole = np.array([1.0, 0.78, 0.74]) * heart.size
    # A deep chest lets it keep its depth, a flat one presses it flat.
    fat = rng.uniform(1.0, 7.0)
    canvas.paint_ball(heart.center, whole + fat, soft(rng.uniform(-100.0, -40.0)), heart.axes)
    canvas.paint_ball(heart.center, whole * 0.93, soft(rng.uniform(-90.0, 30.0)), heart.axes)
    muscle = filled(contrast.muscle)
    shapes = []
    for name, (place, radii, is_left) in CHAMBERS.items():
        center = heart.at(place) + rng.normal(0.0, 2.0, 3)
        size = heart.size * np.array(radii) * rng.uniform(0.85, 1.15, 3)
        level = contrast.left if is_left else contrast.right
        shapes.append((center, size, level * rng.uniform(0.9, 1.1)))
        canvas.paint_ball(center, size + rng.uniform(*WALLS[name]), muscle, heart.axes)
    for center, size, level in shapes:
        canvas.paint_ball(center, size, filled(level), heart.axes)
    for _ in range(int(rng.integers(0, 5))):                        # papillary muscles
        canvas.paint_ball(heart.at((rng.uniform(0.1, 0.5), rng.uniform(-0.4, 0.0),
                                    rng.uniform(-0.2, 0.2))), rng.uniform(3.0, 6.0, 3), muscle)
    _paint_coronaries(canvas, heart, contrast, rng)
    if rng.uniform() < 0.25:                                        # valves: aortic and mitral
        at = heart.at((-0.3, 0.0, 0.32)) if rng.uniform() < 0.5 else heart.at((-0.28, -0.25, 0.0))
        paint_chalk(canvas, at + rng.normal(0.0, 7.0, (int(rng.integers(2, 9)), 3)), contrast.left,
                    rng)


def _paint_coronaries(canvas: Canvas, heart: Heart, contrast: Contrast,
                      rng: np.random.Generator) -> None:
    """Paint the three arteries in the fat on the heart, with chalk in some bodies."""
    root = heart.at((-0.4, 0.05, 0.5))
    shell = 0.78 * 1.02
    ways = (((-0.2, 0.25, 0.72), (0.3, 0.3, 0.66), (0.85, 0.1, 0.35)),
            ((-0.3, -0.5, 0.6), (-0.25, -0.75, 0.0), (0.2, -0.7, -0.3)),
            ((-0.4, 0.6, 0.45), (-0.3, 0.72, -0.3), (0.1, 0.3, -0.72)))
    ill = rng.uniform() < 0.3
    for way in ways:
        line = smooth_path([root, *(heart.at(tuple(shell / 0.78 * np.array(p))) for p in way)], 14)
        paint_tubes(canvas, chain(line, np.linspace(2.1, 0.9, 14) * rng.uniform(0.8, 1.2)),
                    filled(contrast.left))
        if ill:
            first = int(rng.integers(0, 6))
            paint_chalk(canvas, line[first:first + int(rng.integers(2, 7))], contrast.left, rng)


def paint_chalk(canvas: Canvas, places: np.ndarray, blood: float,
                rng: np.random.Generator) -> None:
    """Paint small calcifications of a vessel whose blood has ``blood`` HU.

    The bone target takes what is hard for bone, but for what hugs a pool of contrast medium and
    what is below 0.05 cm³: so chalk counts as bone where it is large and the blood is plain.
    """
    for place in places:
        radii = rng.uniform(1.0, 3.4, 3)
        is_bone = blood < 140.0 and 4.19 * radii.prod() > 50.0
        canvas.paint_ball(place, radii, chalk(rng.uniform(300.0, 1000.0), is_bone=is_bone))
