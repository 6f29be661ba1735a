"""The outline of a procedural torso, and what fills it where nothing else is: fat and muscle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ixgs_ros.simulation.bodies.canvas import Canvas, soft
from ixgs_ros.simulation.bodies.contrast import Contrast
from ixgs_ros.simulation.bodies.spine import Vertebra
from ixgs_ros.simulation.bodies.thorax import Thorax

EXPONENT = 2.4


@dataclass(frozen=True, eq=False)
class Torso:
    """Sections of a torso within its fat, by height; mm.

    Args:
        heights: (n,) ascending, LPS z.
        x: (n,) of the sections' middles.
        half: (n,) half widths.
        front: (n,) y of the front.
        back: (n,) y of the back.
        fat: thickness of the fat at the sides; ``belly`` is that in front.
        belly: see ``fat``.
    """

    heights: np.ndarray
    x: np.ndarray
    half: np.ndarray
    front: np.ndarray
    back: np.ndarray
    fat: float
    belly: float

    def section(self, z: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return x, half width, front and back at heights, float32."""
        return tuple(np.interp(z, self.heights, part).astype(np.float32)
                     for part in (self.x, self.half, self.front, self.back))


def draw_torso(rng: np.random.Generator, thorax: Thorax, hips: float) -> Torso:
    """Return a torso from slim to stout.

    Args:
        rng: draws it.
        thorax: what its upper part clothes.
        hips: half width of the pelvis with the femurs, mm.
    """
    lowest = thorax.spine[0].center[2]
    heights = np.array([lowest - 260.0, lowest - 120.0, lowest - 20.0, thorax.level(12) - 70.0,
                        thorax.level(12), thorax.level(8), thorax.level(4), thorax.level(2),
                        thorax.level(1) + 8.0, thorax.level(1) + 60.0])
    x, y, width, depth = thorax.section(heights)
    flesh, chest = rng.uniform(9.0, 22.0), rng.uniform(12.0, 24.0)
    waist = thorax.half[0] * rng.uniform(0.88, 1.1)
    hip = max(hips + rng.uniform(2.0, 16.0), 0.9 * waist)
    half = np.array([hip, hip, 0.5 * (hip + waist), waist, width[4] + 0.8 * flesh,
                     width[5] + flesh, width[6] + 1.3 * flesh, width[7] + 1.5 * flesh,
                     width[8] + 14.0, 58.0])
    spine = thorax.column(heights)[1]
    # Behind the spine the muscles of the back, or the buttocks.
    back = spine + rng.uniform(50.0, 62.0) * np.array(
        [1.5, 1.45, 1.05, 1.0, 1.0, 1.0, 0.98, 0.95, 0.92, 0.85])
    girth = thorax.half[1] * rng.uniform(1.25, 1.75)
    front = np.concatenate([spine[:4] - girth * np.array([0.85, 0.9, 0.98, 1.0]),
                            (y - depth)[4:9] - chest * np.array([0.6, 0.7, 1.0, 1.0, 0.9]),
                            spine[9:] - 62.0])
    fat = rng.gamma(2.5, 7.0)
    return Torso(heights, x, half, front, back, fat, fat * rng.uniform(0.7, 1.8))


def torso_box(torso: Torso, low: float, high: float) -> np.ndarray:
    """Return half the box about the origin that holds the torso between two heights, (2,) mm."""
    z = np.linspace(low, high, 40)
    x, half, front, back = torso.section(z)
    return np.array([np.max(np.abs(x) + half) + torso.fat, max(
        np.max(back) + torso.fat, np.max(-front) + torso.belly)]) + 5.0


def paint_torso(canvas: Canvas, torso: Torso, rng: np.random.Generator) -> None:
    """Paint fat, muscle and the fat of the belly, in this order."""
    whole = canvas.patch(np.zeros(3), np.full(3, 1e4))
    x, y, z = whole.points
    middle, half, front, back = torso.section(z.ravel())
    lobes = 1.0 + rng.uniform(0.0, 0.05) * np.sin(z.ravel() / rng.uniform(15.0, 40.0))
    inner = rng.uniform(-108.0, 10.0)
    for side, ahead, behind, hu in ((torso.fat, torso.belly, torso.fat, rng.uniform(-110., -80.)),
                                    (0.0, 0.0, 0.0, rng.uniform(40.0, 60.0)),
                                    (-14.0, -9.0, -30.0, inner)):
        grown = lobes if side > 0.0 else 1.0
        a = (half + side * grown)[:, None, None]
        y0 = (0.5 * (front - ahead * grown + back + behind))[:, None, None]
        b = (0.5 * (back + behind - front + ahead * grown))[:, None, None]
        across = (np.abs(x - middle[:, None, None]) / a) ** np.float32(EXPONENT)
        deep = (np.abs(y - y0) / b) ** np.float32(EXPONENT)
        canvas.paint(whole, (across + deep - 1.0) * (b / np.float32(EXPONENT)), soft(hu))
    # Between the muscles of flanks and back there is fat, now and then in layers.
    if rng.uniform() < 0.6:
        _marble(canvas, whole.voxels, rng)


def _marble(canvas: Canvas, voxels: np.ndarray, rng: np.random.Generator) -> None:
    """Make soft tissue uneven by a few percent, in patches of a centimetre or two."""
    step = max(2, round(rng.uniform(8.0, 16.0) / canvas.voxel))
    coarse = rng.normal(1.0, rng.uniform(0.005, 0.03),
                        [n // step + 2 for n in voxels.shape[:3]]).astype(np.float32)
    for axis, n in enumerate(voxels.shape[:3]):
        at = np.arange(n) / step
        first = at.astype(int)
        weight = (at - first).astype(np.float32).reshape([-1 if a == axis else 1
                                                          for a in range(3)])
        coarse = (np.take(coarse, first, axis) * (1.0 - weight)
                  + np.take(coarse, first + 1, axis) * weight)
    voxels[..., 0] *= coarse


def paint_breasts(canvas: Canvas, thorax: Thorax, torso: Torso,
                  rng: np.random.Generator) -> None:
    """Paint breasts of fat and glands before the chest, in some bodies."""
    if rng.uniform() < 0.6:
        return
    size, hang = rng.uniform(0.5, 1.0), rng.uniform(0.4, 1.1)
    z = thorax.level(rng.uniform(5.5, 7.5))
    x, half, front, _ = (float(part) for part in torso.section(np.array(z)))
    gland = soft(rng.uniform(-70.0, 40.0))
    for side in (-1.0, 1.0):
        center = np.array([x + side * 0.52 * half, front + 4.0, z - 15.0 * hang])
        radii = np.array([0.42 * half, 48.0 * hang, 60.0]) * size
        canvas.paint_ball(center, radii + [6.0, 8.0, 8.0], soft(-98.0))
        canvas.paint_ball(center + [0.0, -0.3 * radii[1], 0.0], 0.6 * radii, gland)


def paint_spine_muscles(canvas: Canvas, spine: list[Vertebra], contrast: Contrast,
                        rng: np.random.Generator) -> None:
    """Paint the muscles along the spine, and the canal within it."""
    flesh, wasted = rng.uniform(0.8, 1.15), rng.uniform(0.0, 50.0)
    for vertebra in spine:
        for side in (-1.0, 1.0):
            if vertebra.name[0] == 'L':             # psoas
                canvas.paint_ball(vertebra.at((side * 42.0, 2.0, 0.0)),
                                  np.array([20.0, 22.0, 28.0]) * flesh,
                                  soft(min(contrast.muscle, 65.0)))
            canvas.paint_ball(vertebra.at((side * 36.0, 46.0, 0.0)),
                              np.array([30.0, 20.0, 30.0]) * flesh, soft(58.0 - wasted))
        canvas.paint_ball(vertebra.at((0.0, 27.0, 0.0)), (9.0, 8.0, 26.0), soft(30.0))
