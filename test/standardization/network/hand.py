"""A procedural hand: what a C-arm shows that the network was never to see. Lengths in mm.

The palm lies in x and z, fingers up; the beam of an upright view goes along y.
"""

from __future__ import annotations

import numpy as np

from ixgs_ros.simulation.bodies.canvas import bony, Canvas, soft
from ixgs_ros.simulation.bodies.tubes import chain, paint_tubes
from ixgs_ros.simulation.materials import Body

WRIST_Z, VOXEL = -62.0, 1.0
# Of thumb, index, middle, ring and little finger: base and head of the metacarpal (x, z), the
# lengths of the phalanges, and by how much the finger leans to the thumb's side, degrees.
RAYS = (((24.0, -52.0), (46.0, -16.0), (32.0, 23.0), 35.0),
        ((13.0, -46.0), (27.0, 14.0), (42.0, 25.0, 18.0), 8.0),
        ((4.0, -45.0), (8.0, 17.0), (46.0, 29.0, 19.0), 2.0),
        ((-5.0, -46.0), (-10.0, 12.0), (43.0, 27.0, 19.0), -5.0),
        ((-13.0, -48.0), (-27.0, 4.0), (34.0, 20.0, 17.0), -13.0))
CARPALS = ((16, -57), (6, -55), (-4, -55), (-14, -57), (12, -69), (1, -71), (-10, -69), (-17, -66))


def hand() -> Body:
    """Return the hand, with the wrist and the beginning of the forearm."""
    canvas = Canvas(np.array([72.0, 24.0, 122.0]), VOXEL)
    muscle, cortex, marrow = soft(45.0), bony(1300.0), bony(150.0)
    fingers = [_joints(*ray) for ray in RAYS]
    wrist = [0.0, 0.0, WRIST_Z]
    for base, head, *joints in fingers:
        paint_tubes(canvas, chain([wrist, base, head], [18.0, 15.0, 12.0]), muscle)
        paint_tubes(canvas, chain([head, *joints], np.linspace(10.0, 7.0, len(joints) + 1)),
                    muscle)
    paint_tubes(canvas, chain([wrist, [0.0, 0.0, -122.0]], [22.0, 24.0]), muscle)
    for points in fingers:
        for start, end in zip(points[:-1], points[1:], strict=True):
            _bone(canvas, start, end, 4.6, cortex, marrow)
    for x, z in CARPALS:
        canvas.paint_ball((x, 0.0, z), (6.0, 7.0, 6.5), cortex)
        canvas.paint_ball((x, 0.0, z), (5.0, 6.0, 5.5), bony(350.0))
    for x, radius in ((9.0, 9.0), (-12.0, 6.5)):
        _bone(canvas, np.array([x, 0.0, -78.0]), np.array([x, 0.0, -122.0]), radius, cortex,
              marrow)
    return canvas.body()


def _joints(base: tuple[float, float], head: tuple[float, float], lengths: tuple[float, ...],
            lean: float) -> np.ndarray:
    """Return the points from the base of the metacarpal to the finger's tip, (n, 3)."""
    along = np.array([np.sin(np.deg2rad(lean)), 0.0, np.cos(np.deg2rad(lean))])
    first = np.array([head[0], 0.0, head[1]])
    return np.array([[base[0], 0.0, base[1]], first,
                     *(first + along * length for length in np.cumsum(lengths))])


def _bone(canvas: Canvas, start: np.ndarray, end: np.ndarray, radius: float, cortex: np.ndarray,
          marrow: np.ndarray) -> None:
    """Paint a long bone, wider at its ends; 1.5 mm are left free for the cartilage."""
    way = (end - start) / np.linalg.norm(end - start)
    ends = start + 1.5 * way, end - 1.5 * way
    points = [ends[0] + share * (ends[1] - ends[0]) for share in (0.0, 0.25, 0.75, 1.0)]
    tube = chain(points, radius * np.array([1.3, 0.9, 0.8, 1.2]))
    paint_tubes(canvas, tube, cortex)
    paint_tubes(canvas, tube, marrow, inset=1.5)
