"""A procedural spine: vertebrae on a curved line, with discs between them.

Sizes after Panjabi et al., Spine 16(8), 1991, 17(3), 1992 and 18(10), 1993 (thoracic, lumbar and
cervical vertebrae), rounded and varied.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation

from ixgs_ros.simulation.bodies.canvas import bony, Canvas, soft
from ixgs_ros.simulation.bodies.quality import Quality
from ixgs_ros.simulation.shapes import capsule, plate, Points, waisted_cylinder

# From the sacrum upwards.
LEVELS = ([f'L{n}' for n in range(5, 0, -1)] + [f'T{n}' for n in range(12, 0, -1)]
          + [f'C{n}' for n in range(7, 0, -1)])


@dataclass(frozen=True, eq=False)
class Vertebra:
    """One vertebra: name, place of its body's centre (mm), orientation, and sizes (mm).

    ``rotation`` (3, 3) turns local axes (x left, y posterior, z up) into LPS. ``scale`` is one for
    L3, whose half sizes ``half`` are given for; ``process`` lengthens the spinous process and
    ``slant`` lets it hang down, as thoracic ones do.
    """

    name: str
    center: np.ndarray
    rotation: np.ndarray
    scale: float
    half: np.ndarray
    process: float
    slant: float

    def local(self, points: Points) -> Points:
        """Return points of LPS in local axes at unit scale, mm."""
        x, y, z = (p - np.float32(c) for p, c in zip(points, self.center, strict=True))
        axes = (self.rotation / self.scale).astype(np.float32)
        return tuple(x * axes[0, a] + y * axes[1, a] + z * axes[2, a] for a in range(3))

    def at(self, local: tuple[float, float, float]) -> np.ndarray:
        """Return the LPS place (mm) of a local point at unit scale."""
        return self.center + self.rotation @ (self.scale * np.asarray(local))


def draw_spine(rng: np.random.Generator, lowest_mm: float, highest_mm: float) -> list[Vertebra]:
    """Return the vertebrae from L5 up whose centres lie in a range of heights.

    Args:
        rng: draws sizes, curvature and turns.
        lowest_mm: height of L5; it may lie far below the field.
        highest_mm: above this there are no more vertebrae.
    """
    size = rng.uniform(0.85, 1.15)
    depth_wave, side_wave = rng.uniform(5.0, 22.0), abs(rng.normal(0.0, 5.0))
    phase, side_phase = rng.uniform(-0.7, 0.7), rng.uniform(0.0, 2.0 * np.pi)
    side_length = rng.uniform(180.0, 400.0)

    def line(z: float) -> np.ndarray:
        # Lumbar lordosis, thoracic kyphosis: one wave of about half a metre; and scoliosis.
        return np.array([side_wave * np.sin(2.0 * np.pi * z / side_length + side_phase),
                         depth_wave * np.sin(2.0 * np.pi * (z - lowest_mm) / 480.0 - 1.2 + phase),
                         z])

    half = np.array([24.0, 17.0, 13.5]) * rng.uniform(0.9, 1.1, 3)
    process, slant, disc = rng.uniform(0.8, 1.2), rng.uniform(0.6, 1.2), rng.uniform(0.6, 1.3)
    spine, z = [], lowest_mm
    for rank, name in enumerate(LEVELS):
        scale = size * np.interp(rank, [0, 5, 16, 17, 23], [1.05, 0.95, 0.66, 0.5, 0.42])
        if z > highest_mm:
            break
        tangent = line(z + 1.0) - line(z - 1.0)
        y_axis = np.cross(tangent, [1.0, 0.0, 0.0])
        basis = np.stack([np.cross(y_axis, tangent), y_axis, tangent], axis=-1)
        basis /= np.linalg.norm(basis, axis=0)
        twist = 0.02 * side_wave * np.sin(2.0 * np.pi * z / side_length + side_phase)
        turn = Rotation.from_rotvec(rng.normal(0.0, 0.03, 3) + [0.0, 0.0, twist]).as_matrix()
        thoracic = name.startswith('T')
        spine.append(Vertebra(name, line(z), basis @ turn, scale * rng.uniform(0.97, 1.03),
                              half * (0.9 if thoracic else 1.0, 1.1 if thoracic else 1.0, 1.0),
                              process, slant * (2.2 if thoracic else 0.5)))
        # Discs of the chest are half as high.
        z += scale * (2.0 * half[2] + (4.5 if thoracic else 9.0) * disc)
    return spine


def paint_spine(canvas: Canvas, spine: list[Vertebra], quality: Quality,
                rng: np.random.Generator) -> None:
    """Paint discs and vertebrae: cortex outside, spongy bone of uneven density inside."""
    cortex_hu, spongy_hu = quality.draw(rng, 700.0, 1500.0), quality.draw(rng, 80.0, 350.0)
    cortex_mm = quality.draw(rng, 0.9, 2.4)
    disc = soft(rng.uniform(60.0, 110.0))
    for lower, upper in zip(spine, spine[1:], strict=False):
        patch = canvas.patch(0.5 * (lower.center + upper.center), np.full(3, 32.0))
        local = lower.local(patch.points)
        top = upper.scale / lower.scale * upper.half[2] + lower.half[2]
        raised = local[0], local[1], local[2] - np.float32(top)
        canvas.paint(patch, lower.scale * waisted_cylinder(
            raised, 0.98 * lower.half[0], 0.98 * lower.half[1], 0.45 * lower.half[2], 0.0), disc)
    for vertebra in spine:
        patch = canvas.patch(vertebra.at((0.0, 20.0, -4.0)), vertebra.scale * np.array(
            [56.0, 60.0, 52.0]))
        if not patch.voxels.size:
            continue
        distance = vertebra.scale * bone_distance(vertebra, vertebra.local(patch.points))
        canvas.paint(patch, distance, bony(cortex_hu))
        # Uneven spongy bone: two densities mixed by a smooth random field.
        inside = distance + cortex_mm
        canvas.paint(patch, inside, bony(spongy_hu))
        grain = gaussian_filter(rng.normal(size=distance.shape), 4.0 / canvas.voxel)
        canvas.paint(patch, np.maximum(inside, canvas.voxel * (0.5 - 8.0 * grain)),
                     bony(spongy_hu * 1.35))


def bone_distance(vertebra: Vertebra, local: Points) -> np.ndarray:
    """Return the distance to the bone of a vertebra of unit scale, mm."""
    width, depth, height = vertebra.half
    reach, slant = vertebra.process, vertebra.slant
    distance = waisted_cylinder(local, width, depth, height, 0.1)
    distance = np.minimum(distance, plate(
        local, (0.0, 44.0, -7.0), (0.0, 44.0 + 14.0 * reach, -7.0 - 12.0 * slant), 3.5, 7.5))
    back = depth - 17.0
    for side in (-1.0, 1.0):
        for start, end, radius in (
                ((15.0, 12.0 + back, 4.0), (16.0, 30.0, 3.0), 5.0),     # pedicle
                ((16.0, 32.0, 0.0), (2.0, 43.0, -6.0), 4.2),            # lamina
                ((18.0, 27.0, 2.0), (30.0 + 12.0 * reach, 32.0 + 3.0 * slant, 4.0), 4.0),
                ((17.0, 32.0, 0.0), (19.0, 33.0, 17.0), 4.6),           # superior articular
                ((15.0, 35.0, -3.0), (14.0, 38.0, -19.0), 4.6)):        # inferior articular
            distance = np.minimum(distance, capsule(
                local, (side * start[0], start[1], start[2]), (side * end[0], end[1], end[2]),
                radius))
    return distance
