"""The shape of a thorax: a cage that tapers upwards, hung on the spine. All else fits into it.

Inner widths and depths by height after CT atlases: about 26 cm wide and 18 cm deep (from behind
the vertebral bodies to the sternum) at T8 to T10, less than half of that at the first rib.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ixgs_ros.simulation.bodies.spine import Vertebra
from ixgs_ros.simulation.shapes import Points

# Of a section: x and y of its middle, half its width and half its depth, mm.
Section = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
# Height, 0 at T12 and 1 at T1, and the shares of the largest width and depth there.
HEIGHTS = [-0.3, 0.0, 0.25, 0.5, 0.75, 0.9, 1.0, 1.06, 1.1]
WIDTHS = [0.88, 0.97, 1.0, 0.97, 0.83, 0.66, 0.5, 0.34, 0.05]
DEPTHS = [0.98, 1.0, 1.0, 0.95, 0.82, 0.68, 0.55, 0.38, 0.05]
# Sections are superellipses, between an ellipse and a box.
EXPONENT = 2.3


@dataclass(frozen=True, eq=False)
class Thorax:
    """A thorax about a spine, mm.

    Args:
        spine: the vertebrae from L5 up to T1 at least.
        half: (2,) the largest half width and half depth of the middle of the ribs' thickness.
        back: how far behind the line of the vertebral bodies' centres the ribs reach.
        domes: (2,) heights of the right and the left dome of the diaphragm, LPS.
    """

    spine: list[Vertebra]
    half: np.ndarray
    back: float
    domes: np.ndarray

    def level(self, number: float) -> float:
        """Return the height (LPS z) of a thoracic level: 1.5 lies between T1 and T2."""
        numbers = [int(v.name[1:]) for v in self.spine if v.name[0] == 'T']
        heights = [v.center[2] for v in self.spine if v.name[0] == 'T']
        return float(np.interp(number, numbers[::-1], heights[::-1]))

    def column(self, z: float | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return x and y of the vertebral bodies' line at heights."""
        centers = np.array([v.center for v in self.spine])
        return np.interp(z, centers[:, 2], centers[:, 0]), np.interp(
            z, centers[:, 2], centers[:, 1])

    def before(self, z: float | np.ndarray) -> np.ndarray:
        """Return y of the vertebral bodies' front at heights."""
        centers = np.array([v.center for v in self.spine])
        depths = np.array([v.scale * v.half[1] for v in self.spine])
        return self.column(z)[1] - np.interp(z, centers[:, 2], depths)

    def section(self, z: float | np.ndarray) -> Section:
        """Return the sections at heights: x and y of their middles, half widths and depths."""
        share = (np.asarray(z) - self.level(12)) / (self.level(1) - self.level(12))
        width = self.half[0] * np.interp(share, HEIGHTS, WIDTHS)
        depth = self.half[1] * np.interp(share, HEIGHTS, DEPTHS)
        x, y = self.column(z)
        # The front of the cage follows a crooked spine only half.
        return 0.5 * x, y + self.back - depth, width, depth

    def place(self, side: float, angle: float | np.ndarray, z: float | np.ndarray,
              out: float = 0.0) -> np.ndarray:
        """Return points (n, 3) on the cage, ``out`` mm outside of it.

        Args:
            side: 1 left, -1 right.
            angle: from the back (0) to the front (pi).
            z: heights.
            out: mm.
        """
        x, y, width, depth = self.section(z)
        sin, cos = np.sin(angle), np.cos(angle)
        power = 2.0 / EXPONENT
        return np.stack(np.broadcast_arrays(
            x + side * (width + out) * np.abs(sin) ** power,
            y + (depth + out) * np.sign(cos) * np.abs(cos) ** power, z), axis=-1)

    def distance(self, points: Points) -> np.ndarray:
        """Return how far outside of the cage points lie, along the ray from its middle."""
        x0, y0, width, depth = (np.asarray(part, dtype=np.float32)
                                for part in self.section(points[2]))
        x, y = np.abs(points[0] - x0), np.abs(points[1] - y0)
        q = ((x / width) ** EXPONENT + (y / depth) ** EXPONENT) ** np.float32(1.0 / EXPONENT)
        return np.hypot(x, y) * (1.0 - 1.0 / np.maximum(q, np.float32(1e-3)))

    def diaphragm(self, points: Points) -> np.ndarray:
        """Return the height of the diaphragm above points; it falls steeply towards the ribs."""
        x0, y0, width, depth = (float(part) for part in self.section(self.domes.mean()))
        surfaces = []
        for side, dome in zip((-1.0, 1.0), self.domes, strict=True):
            u = (points[0] - (x0 + side * 0.47 * width)) / (0.56 * width)
            v = (points[1] - (y0 - 0.12 * depth)) / (1.0 * depth)
            surfaces.append(dome - np.float32(0.5 * depth) * (u * u + v * v) ** 1.5)
        return np.maximum(*surfaces)


def draw_thorax(rng: np.random.Generator, spine: list[Vertebra]) -> Thorax:
    """Return a thorax for a spine, from narrow and deep to broad and flat, at any breath."""
    thorax = Thorax(spine, np.ones(2), rng.uniform(29.0, 38.0), np.zeros(2))
    width = (thorax.level(1) - thorax.level(12)) * rng.uniform(0.41, 0.53)
    width = float(np.clip(width, 106.0, 158.0))
    half = np.array([width, np.clip(width * rng.uniform(0.6, 0.8), 72.0, 115.0)])
    right = thorax.level(rng.uniform(8.3, 11.2))
    return Thorax(spine, half, thorax.back,
                  np.array([right, right - rng.uniform(-4.0, 26.0)]))
