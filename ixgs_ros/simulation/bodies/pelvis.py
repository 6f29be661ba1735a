"""A procedural pelvis with the upper femurs, fitted to the lowest vertebra.

Places are those of an adult: hips 17 to 18 cm apart, 11 cm below and 2 to 3 cm before the top of
the sacrum (pelvic incidence 53°, tilt 13°: Legaye et al., Eur. Spine J. 7, 1998), crests 28 cm
apart at the height of L4 to L5, heads of the femurs of 48 mm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from ixgs_ros.simulation.bodies.canvas import bony, Canvas, Patch
from ixgs_ros.simulation.bodies.quality import Quality
from ixgs_ros.simulation.bodies.skeleton import box_of_tubes, union_distance
from ixgs_ros.simulation.bodies.spine import Vertebra
from ixgs_ros.simulation.bodies.tubes import chain, smooth_path
from ixgs_ros.simulation.shapes import capsule

# Corners of the left hip bone from the middle of the disc below L5, mm: x left, y back, z up.
# The crest from front to back, the wing's lower edge in front of, above and behind the socket.
CREST = [(116, -72, -40), (124, -62, -22), (136, -28, 6), (132, 2, 22), (108, 30, 20),
         (74, 52, 2), (44, 60, -24)]
EDGE = [(106, -58, -78), (102, -50, -84), (98, -34, -88), (92, -14, -84), (78, 14, -76),
        (60, 36, -66), (46, 50, -54)]
# So many tubes make a wing, side by side.
LINES = 110
HIP = (88.0, -25.0, -112.0)
SOCKET_MM = 25.5
# Levels of the sacrum from S1 to S5: y and z of the body, its radius, how far its wings reach,
# and their radius.
SACRUM = [(9, -20, 17, 44, 15), (24, -43, 14, 38, 13), (36, -66, 11, 30, 10.5),
          (41, -88, 8.5, 21, 8), (38, -106, 6.5, 11, 6)]


@dataclass(frozen=True, eq=False)
class Pelvis:
    """Where a pelvis lies (``origin`` (3,) mm), how it is turned (3, 3) and stretched (3,)."""

    origin: np.ndarray
    rotation: np.ndarray
    scale: np.ndarray

    def at(self, side: float, points: np.ndarray | tuple | list) -> np.ndarray:
        """Return places of the template's points (n, 3) or (3,), mirrored for side -1, mm."""
        local = np.asarray(points, dtype=np.float64) * [side, 1.0, 1.0] * self.scale
        return self.origin + local @ self.rotation.T


@dataclass(frozen=True)
class Density:
    """Hounsfield units and thicknesses (mm) of a pelvis' bone.

    ``spongy`` is that of most of the marrow, ``dense`` that beside the joints.
    """

    cortex: float
    spongy: float
    dense: float
    shell: float
    shaft: float


def draw_pelvis(rng: np.random.Generator, lowest: Vertebra) -> Pelvis:
    """Return a pelvis of a size that goes with the lowest vertebra, wide or narrow, tilted."""
    size = lowest.scale / 1.05 * rng.uniform(0.92, 1.08)
    tilt = Rotation.from_euler('x', rng.uniform(-16.0, 16.0), degrees=True).as_matrix()
    return Pelvis(lowest.at((0.0, 0.0, -lowest.half[2] - 4.0)), tilt,
                  size * rng.uniform([0.92, 0.92, 0.92], [1.1, 1.08, 1.08]))


def draw_density(rng: np.random.Generator, quality: Quality) -> Density:
    """Return bone from osteoporotic to young and dense."""
    spongy = quality.draw(rng, 90.0, 360.0)
    return Density(quality.draw(rng, 750.0, 1500.0), spongy,
                   spongy + quality.draw(rng, 60.0, 350.0), quality.draw(rng, 1.0, 3.4),
                   quality.draw(rng, 4.0, 8.0))


def paint_pelvis(canvas: Canvas, lowest: Vertebra, quality: Quality, rng: np.random.Generator, *,
                 femurs: bool = True) -> None:
    """Paint sacrum, coccyx, hip bones and femurs below a vertebra."""
    pelvis, density = draw_pelvis(rng, lowest), draw_density(rng, quality)
    size = float(np.cbrt(pelvis.scale.prod()))
    wing = rng.uniform(1.6, 3.4)
    hips = [hip_bone(pelvis, side, size, wing, rng) for side in (-1.0, 1.0)]
    patch = box_of_tubes(canvas, np.concatenate(hips))
    if not patch.voxels.size:
        return
    sacrum, marrow = union_distance(canvas, patch, sacrum_bone(pelvis, size, rng), density.shell)
    holes = _holes(pelvis, size, patch)
    _paint(canvas, patch, np.maximum(sacrum, holes), np.maximum(marrow, holes + density.shell),
           density, rng)
    gap = rng.uniform(1.5, 4.0)
    outer, inner = union_distance(canvas, patch, np.concatenate(hips), density.shell)
    apart = gap - sacrum
    for side in (-1.0, 1.0):
        center = pelvis.at(side, HIP)
        ball = sum((p - c) ** 2 for p, c in zip(patch.points, center, strict=True))
        apart = np.maximum(apart, SOCKET_MM * size - np.sqrt(ball))
    plate = rng.uniform(1.0, 1.6) * density.shell   # the socket's is thick
    _paint(canvas, patch, np.maximum(outer, apart), np.maximum(inner, apart + plate), density, rng)
    _paint_sclerosis(canvas, patch, pelvis, size, np.maximum(inner, apart + plate), density, rng)
    if femurs:
        for side in (-1.0, 1.0):
            _paint_femur(canvas, pelvis, side, size, density, rng)


def hip_bone(pelvis: Pelvis, side: float, size: float, wing: float,
             rng: np.random.Generator) -> np.ndarray:
    """Return a hip bone as tubes (n, 8); the wing is a sheet of half thickness ``wing``, mm."""
    jitter = rng.normal(0.0, 1.5, (2, 7, 3))
    crest, edge = (smooth_path(pelvis.at(side, np.array(corners) + shift), LINES)
                   for corners, shift in ((CREST, jitter[0]), (EDGE, jitter[1])))
    # Across the wing from its lower edge to the crest: thick at both, thin in the middle, hollow.
    across = np.linspace(0.0, 1.0, 13)
    thick = np.interp(across, [0.0, 0.2, 0.5, 0.85, 1.0], [9.0, 6.5, 1.0, 3.4, 7.0])
    bulge = np.sin(np.pi * across)[:, None] * np.array([side * 9.0, 6.0, 0.0])
    parts = []
    for n, (low, high) in enumerate(zip(edge, crest, strict=True)):
        line = low + across[:, None] * (high - low) + bulge * np.sin(np.pi * n / (LINES - 1.0))
        radii = np.maximum(thick * size, wing)
        # Behind it is thick all over, where the sacrum joins; a pillar stands above the socket.
        radii = np.maximum(radii, np.interp(63.0 * n / LINES, [0, 18, 22, 26, 42, 52, 63],
                                            [4.0, wing, 4.6, wing, wing, 8.5, 7.5]) * size)
        parts.append(chain(line, radii))

    def at(*points: tuple[float, float, float] | np.ndarray) -> np.ndarray:
        return pelvis.at(side, np.array(points)) + rng.normal(0.0, 1.2, (len(points), 3))

    hip = np.array(HIP)
    parts += [
        # The socket's wall: above and behind it is thick, before and below it is not.
        chain(at(hip + [-6, 0, 18], hip + [10, 0, 26]), np.array([15.0, 12.0]) * size),
        chain(at(hip + [-4, 18, 4], hip + [8, 24, 0]), np.array([14.0, 9.0]) * size),
        chain(at(hip + [-12, -8, 0], hip + [-8, -24, -2]), np.array([16.0, 9.0]) * size),
        chain(at(hip + [-14, 8, -10], hip + [-6, 12, -26]), np.array([14.0, 13.0]) * size),
        # Ischium down to its tuber, its ramus, and the two of the pubis.
        chain(at((80, -8, -136), (66, 6, -158), (58, 4, -176)), np.array([13.0, 13., 14.]) * size),
        chain(at((56, 0, -178), (34, -30, -176), (14, -58, -166)), np.array([9.0, 6., 7.]) * size),
        chain(at((74, -38, -114), (42, -62, -126), (16, -70, -138)),
              np.array([11.0, 7.5, 9.0]) * size),
        chain(at((12, -68, -136), (12, -62, -166)), np.array([8.5, 7.5]) * size),
        chain(at((70, 18, -112), (56, 30, -122)), np.array([8.0, 3.0]) * size)]     # spine
    return np.concatenate(parts)


def sacrum_bone(pelvis: Pelvis, size: float, rng: np.random.Generator) -> np.ndarray:
    """Return sacrum and coccyx as tubes (n, 8)."""
    levels = np.array(SACRUM, dtype=np.float64)
    levels *= rng.uniform(0.95, 1.05, levels.shape)
    parts = [chain(pelvis.at(1.0, np.column_stack([0.0 * levels[:, 0], levels[:, :2]])),
                   levels[:, 2] * size),
             chain(pelvis.at(1.0, [(0, 2, -14), (0, 10, -20)]), np.array([17.0, 17.0]) * size)]
    for y, z, radius, reach, wing in levels:
        for side in (-1.0, 1.0):
            parts.append(chain(pelvis.at(side, [(0, y, z), (0.45 * reach, y, z),
                                                (reach, y + 3.0, z - 3.0)]),
                               np.array([radius, max(0.85 * radius, wing), wing]) * size))
    for side in (-1.0, 1.0):                        # the mass beside the foramina
        mass = np.column_stack([0.82 * levels[:, 3], levels[:, 0] + 4.0, levels[:, 1] - 3.0])
        parts.append(chain(pelvis.at(side, mass), 0.95 * levels[:, 4] * size))
    parts.append(chain(pelvis.at(1.0, [(0, 32, -22), (0, 50, -50), (0, 58, -80), (0, 52, -104)]),
                       np.array([6.0, 5.0, 4.0, 3.0]) * size))
    tip = rng.uniform(-14.0, 8.0)
    parts.append(chain(pelvis.at(1.0, [(0, 34, -118), (0, 28, -128), (0, 14 + tip, -140)]),
                       np.array([6.0, 5.0, 3.0]) * size))
    return np.concatenate(parts)


def _holes(pelvis: Pelvis, size: float, patch: Patch) -> np.ndarray:
    """Return how deep within the sacrum's canal and foramina points lie, mm."""
    deepest = -capsule(patch.points, tuple(pelvis.at(1.0, (0, 27, -8))),
                       tuple(pelvis.at(1.0, (0, 46, -66))), 6.0 * size)
    for upper, lower, x in zip(SACRUM, SACRUM[1:], (24, 21, 18, 14), strict=False):
        y, z = 0.5 * (upper[0] + lower[0]), 0.5 * (upper[1] + lower[1])
        for side in (-1.0, 1.0):
            hole = capsule(patch.points, tuple(pelvis.at(side, (x, y - 30.0, z - 8.0))),
                           tuple(pelvis.at(side, (x, y + 30.0, z + 8.0))),
                           (5.5 if x > 16 else 4.0) * size)
            deepest = np.maximum(deepest, -hole)
    return deepest.astype(np.float32)


def _paint(canvas: Canvas, patch: Patch, outer: np.ndarray, inner: np.ndarray, density: Density,
           rng: np.random.Generator) -> None:
    """Paint cortex, and marrow of two densities in patches of a centimetre."""
    canvas.paint(patch, outer, bony(density.cortex))
    canvas.paint(patch, inner, bony(density.spongy))
    step = max(1, round(5.0 / canvas.voxel))
    grain = rng.normal(size=[n // step + 1 for n in outer.shape]).astype(np.float32)
    grain = grain.repeat(step, 0).repeat(step, 1).repeat(step, 2)[tuple(
        slice(n) for n in outer.shape)]
    canvas.paint(patch, np.maximum(inner, -canvas.voxel * grain), bony(density.spongy * 1.3))


def _paint_sclerosis(canvas: Canvas, patch: Patch, pelvis: Pelvis, size: float,
                     inner: np.ndarray, density: Density, rng: np.random.Generator) -> None:
    """Paint what carries: the roofs of the sockets, and the bone beside the sacrum."""
    for side in (-1.0, 1.0):
        for place, radius, hu in ((np.add(HIP, (2.0, 2.0, 34.0)), rng.uniform(12.0, 20.0),
                                   density.dense + rng.uniform(0.0, 150.0)),
                                  (np.array((62.0, 28.0, -46.0)), rng.uniform(10.0, 24.0),
                                   density.dense)):
            center = pelvis.at(side, place)
            away = np.sqrt(sum((p - c) ** 2 for p, c in zip(patch.points, center, strict=True)))
            # It fades: half of it in the outer half.
            for share in (1.0, 0.6):
                level = density.spongy + (hu - density.spongy) * (1.4 - share)
                canvas.paint(patch, np.maximum(inner, away - share * radius * size), bony(level))


def _paint_femur(canvas: Canvas, pelvis: Pelvis, side: float, size: float, density: Density,
                 rng: np.random.Generator) -> None:
    """Paint head, neck, trochanters and shaft of a femur, in any position of a lying patient."""
    hip = np.array(HIP)
    turn, angle, flex = rng.uniform(-0.25, 0.35), rng.uniform(0.62, 0.85), rng.uniform(-0.15, 0.4)
    neck = np.array([np.cos(angle) * np.cos(turn), np.cos(angle) * np.sin(turn), -np.sin(angle)])
    base = hip + 48.0 * neck
    down = np.array([-0.1, -np.sin(flex), -np.cos(flex)])
    shaft = base + [4.0, 0.0, 0.0]
    parts, shells = [], []
    for points, radii, shell in (
            ([hip, hip + 0.5 * neck], [23.5, 23.5], density.shell),
            ([hip + 8.0 * neck, base], [16.0, 17.5], 1.3 * density.shell),
            ([base + [8.0, 6.0, 8.0], base + [14.0, 4.0, -12.0]], [13.0, 15.0], density.shell),
            ([base, shaft + 45.0 * down], [18.0, 15.5], 0.5 * (density.shell + density.shaft)),
            ([shaft + 28.0 * down, shaft + 30.0 * down + [-14.0, 10.0, 0.0]], [11.0, 8.0],
             density.shell),
            ([shaft + 45.0 * down, shaft + 90.0 * down, shaft + 330.0 * down],
             [15.5, 14.0, 13.5], density.shaft)):
        segments = chain(pelvis.at(side, np.array(points)), np.array(radii) * size)
        parts.append(segments)
        shells += [shell] * len(segments)
    tubes = np.concatenate(parts)
    patch = box_of_tubes(canvas, tubes)
    if not patch.voxels.size:
        return
    outer, inner = union_distance(canvas, patch, tubes, np.array(shells))
    _paint(canvas, patch, outer, inner, density, rng)
    # The load runs from the head's top through the neck; the shaft's canal is full of fat.
    head = pelvis.at(side, hip + [-2.0, 0.0, 4.0])
    away = np.sqrt(sum((p - c) ** 2 for p, c in zip(patch.points, head, strict=True)))
    canvas.paint(patch, np.maximum(inner, away - 15.0 * size), bony(
        density.dense + rng.uniform(-30.0, 120.0)))
    canal = tubes[-1:]
    _, fat = union_distance(canvas, patch, canal, density.shaft)
    canvas.paint(patch, fat, bony(rng.uniform(-60.0, 90.0)))
