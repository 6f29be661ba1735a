"""Procedural soft tissue: skin and fat, cavities, organs, muscles, vessels and gas."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ixgs_ros.simulation.bodies.canvas import Canvas, soft
from ixgs_ros.simulation.bodies.spine import Vertebra
from ixgs_ros.simulation.shapes import ellipsoid


@dataclass(frozen=True, eq=False)
class Torso:
    """Sizes of a torso, mm: half width and half depth inside the fat, and the fat's thickness.

    ``back`` is how far behind the spine's line the skin's inner side lies; ``diaphragm`` the
    height above which there are lungs.
    """

    half: np.ndarray
    fat: float
    back: float
    diaphragm: float

    @property
    def middle(self) -> float:
        """How far behind (positive) the spine's line the axis of the torso lies, mm."""
        return self.back - self.half[1]


def draw_torso(rng: np.random.Generator, diaphragm: float) -> Torso:
    """Return a torso from slim to stout."""
    half = np.array([rng.uniform(115.0, 165.0), 0.0])
    half[1] = half[0] * rng.uniform(0.62, 0.8)
    return Torso(half, rng.gamma(2.5, 8.0), rng.uniform(52.0, 66.0), diaphragm)


def paint_torso(canvas: Canvas, torso: Torso, spine: list[Vertebra],
                rng: np.random.Generator) -> None:
    """Paint everything soft; the bones are painted over it."""
    whole = canvas.patch(np.zeros(3), np.full(3, 1e4))
    x, y, z = whole.points
    for grown, hu in ((torso.fat, -95.0), (0.0, 52.0), (-16.0, rng.uniform(-40.0, 45.0))):
        a, b = torso.half + grown
        bulge = 1.0 + 0.05 * np.cos(z / 90.0 + rng.uniform(0.0, 6.0))
        q = (np.abs(x / a) ** 2.4 + np.abs((y - torso.middle) / b) ** 2.4) ** (1.0 / 2.4) / bulge
        canvas.paint(whole, (q - 1.0) * b, soft(hu))
    _paint_chest(canvas, torso, rng)
    _paint_abdomen(canvas, torso, rng)
    for vertebra in spine:
        if vertebra.name.startswith('L'):
            for side in (-1.0, 1.0):                # psoas
                _paint(canvas, vertebra.at((side * 42.0, 2.0, 0.0)), (20.0, 22.0, 26.0),
                       soft(rng.uniform(50.0, 65.0)))
        for side in (-1.0, 1.0):                    # erector spinae
            _paint(canvas, vertebra.at((side * 36.0, 48.0, 0.0)), (30.0, 22.0, 30.0), soft(58.0))
        _paint(canvas, vertebra.at((0.0, 27.0, 0.0)), (9.0, 8.0, 26.0), soft(30.0))     # canal


def _paint_chest(canvas: Canvas, torso: Torso, rng: np.random.Generator) -> None:
    """Paint lungs, heart and the great vessels above the diaphragm."""
    a, b = torso.half
    lung = soft(rng.uniform(-880.0, -650.0))
    height = rng.uniform(150.0, 220.0)
    for side in (-1.0, 1.0):
        center = np.array([side * 0.5 * a, torso.middle, torso.diaphragm + 0.75 * height])
        patch = canvas.patch(center, np.array([0.5 * a, b, 1.2 * height]))
        if patch.voxels.size:
            dome = torso.diaphragm + 30.0 - 0.008 * ((patch.points[0] - center[0]) ** 2
                                                     + (patch.points[1] - center[1]) ** 2)
            distance = ellipsoid(patch.points, tuple(center), (0.42 * a, 0.8 * b, height))
            canvas.paint(patch, np.maximum(distance, dome - patch.points[2]), lung)
    iodine = rng.choice([0.0, 0.0, rng.uniform(2.0, 9.0)])
    heart = np.array([0.12 * a, torso.middle - 0.25 * b, torso.diaphragm + 55.0])
    _paint(canvas, heart, (0.42 * a, 0.42 * b, 62.0), soft(42.0))
    _paint(canvas, heart, (0.3 * a, 0.3 * b, 45.0), soft(45.0, iodine))
    _paint_vessels(canvas, torso, rng, iodine)


def _paint_vessels(canvas: Canvas, torso: Torso, rng: np.random.Generator,
                   iodine: float) -> None:
    """Paint aorta and vena cava in front of the spine, through the whole height."""
    x, y = rng.uniform(4.0, 16.0), torso.middle + torso.half[1] - torso.back - 34.0
    for center_x, radius, contrast in ((x, rng.uniform(9.0, 15.0), iodine),
                                       (x - 30.0, rng.uniform(9.0, 13.0), 0.4 * iodine)):
        patch = canvas.patch(np.array([center_x, y, 0.0]), np.array([30.0, 30.0, 1e4]))
        wave = 5.0 * np.sin(patch.points[2] / 70.0 + rng.uniform(0.0, 6.0))
        distance = np.hypot(patch.points[0] - center_x - wave, patch.points[1] - y) - radius
        canvas.paint(patch, distance, soft(42.0, contrast))


def _paint_abdomen(canvas: Canvas, torso: Torso, rng: np.random.Generator) -> None:
    """Paint liver, spleen, kidneys, and bowel with gas, stool and now and then contrast."""
    a, b = torso.half
    top = torso.diaphragm
    iodine = rng.choice([0.0, 0.0, rng.uniform(1.0, 5.0)])
    organs = (((-0.45, -0.1, -30.0), (0.42, 0.7, 75.0), soft(rng.uniform(45.0, 65.0), iodine / 4)),
              ((0.6, 0.35, -20.0), (0.25, 0.3, 48.0), soft(50.0, iodine / 3)),
              ((-0.48, 0.42, -105.0), (0.21, 0.28, 52.0), soft(32.0, iodine)),
              ((0.48, 0.42, -90.0), (0.21, 0.28, 52.0), soft(32.0, iodine)))
    for place, radii, channels in organs:
        shift = rng.normal(0.0, 6.0, 3)
        _paint(canvas, np.array([a * place[0], torso.middle + b * place[1], top + place[2]])
               + shift, (a * radii[0], b * radii[1], radii[2]), channels)
    for _ in range(rng.integers(6, 26)):
        center = np.array([rng.uniform(-0.7, 0.7) * a, torso.middle - rng.uniform(0.1, 0.75) * b,
                           top - rng.uniform(50.0, 330.0)])
        kind = rng.uniform()
        filling = (soft(-950.0) if kind < 0.6 else soft(30.0, rng.uniform(3.0, 12.0))
                   if kind < 0.66 else soft(rng.uniform(-300.0, 60.0)))
        bubble = rng.uniform(6.0, 24.0, 3)
        _paint(canvas, center, bubble + 3.0, soft(40.0))
        _paint(canvas, center, bubble, filling)


def _paint(canvas: Canvas, center: np.ndarray, radii: ArrayLike,
           channels: np.ndarray) -> None:
    """Paint an ellipsoid, mm."""
    a, b, c = np.asarray(radii)
    patch = canvas.patch(center, np.array([a, b, c]) + canvas.voxel)
    if patch.voxels.size:
        canvas.paint(patch, ellipsoid(patch.points, tuple(center), (a, b, c)), channels)
