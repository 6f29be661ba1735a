"""A procedural lumbar spine in a torso, for when no CT is at hand.

Anatomy is drawn in millimetres, as atlases give it; the affine of the :class:`Ct` makes metres of
it. Axes are LPS with the origin in the middle of L3. Sizes after Panjabi et al., Spine 17(3), 1992
(human lumbar vertebrae), rounded; Hounsfield units are textbook values.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from ixgs_ros.simulation.ct import AIR_HU, Ct
from ixgs_ros.simulation.shapes import (
    capsule,
    coverage,
    ellipsoid,
    plate,
    Points,
    Triple,
    waisted_cylinder,
)

LOWER_MM = np.array([-165.0, -155.0, -120.0])
UPPER_MM = np.array([165.0, 95.0, 120.0])

FAT_HU, ORGAN_HU, MUSCLE_HU, DISC_HU, GAS_HU = -90.0, 40.0, 58.0, 95.0, -950.0
CORTEX_HU, CANCELLOUS_HU, METAL_HU = 1100.0, 230.0, 9000.0

CORTEX_MM = 1.6
LEVELS = ('T12', 'L1', 'L2', 'L3', 'L4', 'L5')
LEVEL_DISTANCE_MM = 36.0
# Lordosis: the vertebrae lie on an arc that is hollow towards the back.
LORDOSIS_RADIUS_MM = 280.0
SPINE_Y_MM = -8.0
SCREWED_LEVELS = ('L4', 'L5')


class Canvas:
    """A volume of Hounsfield units that shapes are painted into, (z, y, x) on a cubic grid."""

    def __init__(self, spacing_mm: float) -> None:
        """Fill the torso's box with air."""
        self.spacing_mm = spacing_mm
        self.axes = [np.arange(low + 0.5 * spacing_mm, high, spacing_mm, dtype=np.float32)
                     for low, high in zip(LOWER_MM, UPPER_MM, strict=True)]
        x, y, z = self.axes
        self.hu = np.full((len(z), len(y), len(x)), AIR_HU, dtype=np.float32)

    def box(self, center: np.ndarray, half: np.ndarray) -> tuple[np.ndarray, Points]:
        """Return a view of the voxels within ``half`` of ``center``, and their coordinates, mm."""
        cuts = [slice(*np.searchsorted(axis, [c - h, c + h]))
                for axis, c, h in zip(self.axes, center, half, strict=True)]
        x, y, z = (axis[cut] for axis, cut in zip(self.axes, cuts, strict=True))
        return (self.hu[cuts[2], cuts[1], cuts[0]],
                (x[None, None, :], y[None, :, None], z[:, None, None]))

    def paint(self, voxels: np.ndarray, distance: np.ndarray, hu: float | np.ndarray) -> None:
        """Set voxels inside a shape to ``hu``; those at its edge are mixed by their share."""
        share = coverage(distance, self.spacing_mm)
        voxels += share * (hu - voxels)


def lumbar_phantom(seed: int = 0, *, screws: bool = False, spacing: float = 0.001) -> Ct:
    """Return the phantom.

    Args:
        seed: varies the vertebrae's sizes and turns, their spongy texture and the bowel gas.
        screws: whether L4 and L5 carry pedicle screws.
        spacing: edge of a voxel, metres.

    Raises:
        ValueError: the spacing is not between 0.5 and 5 mm.
    """
    if not 0.0005 <= spacing <= 0.005:
        raise ValueError(f'expected a spacing of 0.0005 to 0.005 m, got {spacing} m')
    rng = np.random.default_rng(seed)
    canvas = Canvas(1000.0 * spacing)
    _paint_torso(canvas, rng)
    vertebrae = [Vertebra(name, rng) for name in LEVELS]
    for lower, upper in zip(vertebrae[1:], vertebrae, strict=False):
        _paint_disc(canvas, lower, upper)
    for vertebra in vertebrae:
        vertebra.paint(canvas, rng)
    if screws:
        for vertebra in vertebrae:
            if vertebra.name in SCREWED_LEVELS:
                vertebra.paint_screws(canvas)
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = [0.001 * axis[0] for axis in canvas.axes]
    target = np.array([0.0, 0.001 * SPINE_Y_MM + 0.015, 0.0])
    return Ct(canvas.hu, affine, 'phantom', target=target)


class Vertebra:
    """One vertebra: where it lies and how large it is."""

    def __init__(self, name: str, rng: np.random.Generator) -> None:
        """Place the level on the lordosis, with small chance deviations."""
        self.name = name
        level = LEVELS.index('L3') - LEVELS.index(name)
        angle = level * LEVEL_DISTANCE_MM / LORDOSIS_RADIUS_MM
        self.center = np.array([rng.uniform(-1.5, 1.5),
                                SPINE_Y_MM + LORDOSIS_RADIUS_MM * (1.0 - np.cos(angle)),
                                LORDOSIS_RADIUS_MM * np.sin(angle)])
        self.tilt = angle + rng.uniform(-0.03, 0.03)
        # Vertebrae grow towards the feet.
        self.scale = (1.0 - 0.03 * level) * rng.uniform(0.97, 1.03)

    def local(self, points: Points) -> Points:
        """Return coordinates of this vertebra at unit scale: x lateral, y posterior, z up; mm."""
        x, y, z = (p - c for p, c in zip(points, self.center, strict=True))
        cos, sin = np.cos(self.tilt), np.sin(self.tilt)
        return x / self.scale, (cos * y - sin * z) / self.scale, (sin * y + cos * z) / self.scale

    def paint(self, canvas: Canvas, rng: np.random.Generator) -> None:
        """Paint the bone: cortex outside, spongy bone of uneven density inside."""
        voxels, points = canvas.box(self.center + [0.0, 20.0, 0.0], np.array([56.0, 54.0, 48.0]))
        distance = self.scale * _bone(self.local(points))
        grain = gaussian_filter(rng.normal(size=voxels.shape).astype(np.float32),
                                1.5 / canvas.spacing_mm)
        spongy = CANCELLOUS_HU + 60.0 * grain / max(float(grain.std()), 1e-6)
        canvas.paint(voxels, distance, CORTEX_HU)
        canvas.paint(voxels, distance + CORTEX_MM, spongy)

    def paint_screws(self, canvas: Canvas) -> None:
        """Paint two titanium screws from behind through the pedicles into the body."""
        voxels, points = canvas.box(self.center + [0.0, 20.0, 0.0], np.array([56.0, 70.0, 48.0]))
        local = self.local(points)
        for side in (-1.0, 1.0):
            shaft = capsule(local, (side * 9.0, -8.0, 1.0), (side * 17.0, 44.0, 1.0), 2.8)
            head = capsule(local, (side * 17.0, 44.0, 1.0), (side * 18.0, 52.0, 1.0), 6.0)
            canvas.paint(voxels, self.scale * np.minimum(shaft, head), METAL_HU)


def _bone(local: Points) -> np.ndarray:
    """Return the distance to a vertebra of unit scale, mm."""
    distance = waisted_cylinder(local, 24.0, 17.0, 13.5, 0.1)
    distance = np.minimum(distance, plate(local, (0.0, 44.0, -7.0), (0.0, 58.0, -11.0), 3.5, 8.5))
    for side in (-1.0, 1.0):
        for start, end, radius in (
                ((15.0, 12.0, 4.0), (16.0, 30.0, 3.0), 5.0),       # pedicle
                ((16.0, 32.0, 0.0), (2.0, 43.0, -6.0), 4.2),       # lamina
                ((18.0, 27.0, 2.0), (42.0, 32.0, 4.0), 4.0),       # transverse process
                ((17.0, 32.0, 0.0), (19.0, 33.0, 17.0), 4.6),      # superior articular process
                ((15.0, 35.0, -3.0), (14.0, 38.0, -19.0), 4.6)):   # inferior articular process
            distance = np.minimum(distance, capsule(
                local, (side * start[0], start[1], start[2]), (side * end[0], end[1], end[2]),
                radius))
    return distance


def _paint_disc(canvas: Canvas, lower: Vertebra, upper: Vertebra) -> None:
    """Paint the disc between two vertebrae; the bodies, painted later, cut it to its height."""
    center = 0.5 * (lower.center + upper.center)
    voxels, points = canvas.box(center, np.array([32.0, 26.0, 14.0]))
    scale = 0.5 * (lower.scale + upper.scale)
    tilt = 0.5 * (lower.tilt + upper.tilt)
    x, y, z = (p - c for p, c in zip(points, center, strict=True))
    local = x, np.cos(tilt) * y - np.sin(tilt) * z, np.sin(tilt) * y + np.cos(tilt) * z
    canvas.paint(voxels, waisted_cylinder(local, 24.5 * scale, 17.5 * scale, 6.5, 0.0), DISC_HU)


def _paint_torso(canvas: Canvas, rng: np.random.Generator) -> None:
    """Paint fat, the abdominal cavity, muscles, kidneys, vessels and gas in the bowel."""
    voxels, points = canvas.box(np.zeros(3), np.full(3, 1000.0))
    column = 2000.0                 # much longer than the volume: the same in every slice
    for center, radii, hu in (
            ((0.0, -30.0, 0.0), (152.0, 118.0, column), FAT_HU),
            ((0.0, -45.0, 0.0), (132.0, 88.0, column), ORGAN_HU)):
        canvas.paint(voxels, ellipsoid((points[0], points[1], np.zeros((1, 1, 1), np.float32)),
                                       center, radii), hu)
    for side in (-1.0, 1.0):
        _paint_column(canvas, (side * 40.0, 50.0), (32.0, 24.0), MUSCLE_HU)     # erector spinae
        _paint_column(canvas, (side * 44.0, -4.0), (19.0, 24.0), MUSCLE_HU)     # psoas
        _paint_ball(canvas, (side * 72.0, 0.0, 45.0), (26.0, 24.0, 52.0), ORGAN_HU + 10.0)
    _paint_column(canvas, (6.0, -42.0), (9.5, 9.5), ORGAN_HU + 15.0)            # aorta
    _paint_column(canvas, (-16.0, -42.0), (11.0, 8.0), ORGAN_HU + 5.0)          # vena cava
    for _ in range(9):
        x, y, z = rng.uniform([-90.0, -115.0, -100.0], [90.0, -75.0, 100.0])
        a, b, c = rng.uniform(6.0, 17.0, 3)
        _paint_ball(canvas, (x, y, z), (a, b, c), GAS_HU)


def _paint_ball(canvas: Canvas, center: Triple, radii: Triple, hu: float) -> None:
    voxels, points = canvas.box(np.array(center), np.array(radii) + 2 * canvas.spacing_mm)
    canvas.paint(voxels, ellipsoid(points, center, radii), hu)


def _paint_column(canvas: Canvas, center: tuple[float, float], radii: tuple[float, float],
                  hu: float) -> None:
    """Paint an upright elliptical cylinder through the whole volume."""
    margin = 2 * canvas.spacing_mm
    voxels, (x, y, _) = canvas.box(np.array([*center, 0.0]),
                                   np.array([radii[0] + margin, radii[1] + margin, 1000.0]))
    flat = x, y, np.zeros((1, 1, 1), dtype=np.float32)
    canvas.paint(voxels, ellipsoid(flat, (*center, 0.0), (*radii, 1.0)), hu)
