"""Procedural shoulder blades, collarbones and upper arms: raised, hanging, or out of the way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ixgs_ros.simulation.bodies.canvas import bony, Canvas, soft
from ixgs_ros.simulation.bodies.quality import Quality
from ixgs_ros.simulation.bodies.thorax import Thorax
from ixgs_ros.simulation.bodies.tubes import chain, paint_long_bone, paint_tubes, smooth_path


@dataclass(frozen=True, eq=False)
class Shoulder:
    """The places of a shoulder, (3,) mm: corners of the blade, its socket, the arm's far end.

    ``side`` is 1 on the left, ``elbow`` None where there is no arm.
    """

    side: float
    upper: np.ndarray
    lower: np.ndarray
    socket: np.ndarray
    elbow: np.ndarray | None


def draw_shoulders(rng: np.random.Generator, thorax: Thorax) -> list[Shoulder]:
    """Return both shoulders: arms up, as in most CTs and at most C-arms, down, or not there."""
    pose = rng.choice(['up', 'down', 'none'], p=[0.5, 0.22, 0.28])
    raised = {'up': 1.0, 'down': 0.0, 'none': rng.uniform(0.0, 1.0)}[str(pose)]
    size = (thorax.level(1) - thorax.level(12)) / 270.0
    shoulders = []
    for side in (-1.0, 1.0):
        top = thorax.level(rng.uniform(1.8, 2.8))
        upper = thorax.place(side, 0.75 - 0.1 * raised, top, 15.0)
        # The lower corner swings out as the arm goes up.
        lower = thorax.place(side, 0.85 + 0.5 * raised + rng.uniform(-0.1, 0.1),
                             top - size * (130.0 - 15.0 * raised), 16.0)
        x, y, *_ = thorax.section(thorax.level(3))
        socket = np.array([x + side * size * rng.uniform(138.0, 158.0) * (1.0 - 0.08 * raised),
                           y + size * rng.uniform(5.0, 35.0),
                           top - size * (18.0 - 22.0 * raised) + rng.uniform(-6.0, 6.0)])
        elbow = None
        if pose != 'none':
            way = (np.array([side * rng.uniform(-0.1, 0.5), rng.uniform(-0.5, 0.1), 1.0])
                   if pose == 'up' else np.array([side * rng.uniform(0.15, 0.35),
                                                  rng.uniform(-0.1, 0.2), -1.0]))
            elbow = socket + [side * 26.0, 0.0, 0.0] + 300.0 * way / np.linalg.norm(way)
        shoulders.append(Shoulder(side, upper, lower, socket, elbow))
    return shoulders


def paint_shoulder_muscles(canvas: Canvas, shoulders: list[Shoulder], fat: float,
                           rng: np.random.Generator) -> None:
    """Paint the flesh of shoulders and arms, fat first; what lies within the torso is muscle."""
    thick = rng.uniform(30.0, 44.0)
    muscle, ring = soft(rng.uniform(40.0, 60.0)), min(fat, 22.0)
    for channels, more in ((soft(-95.0), ring), (muscle, 0.0)):
        for shoulder in shoulders:
            top = shoulder.socket + [shoulder.side * 16.0, 0.0, 0.0]
            root = 0.5 * (shoulder.upper + shoulder.socket)
            tubes = [chain([root, top], [thick + more - 4.0, thick + more + 2.0]),
                     chain([root, shoulder.lower], [thick + more - 10.0, 18.0 + more])]
            if shoulder.elbow is not None:
                tubes.append(chain([top, shoulder.elbow], [thick + 8.0 + more, thick + more]))
            paint_tubes(canvas, np.concatenate(tubes), channels)


def paint_shoulder_bones(canvas: Canvas, thorax: Thorax, shoulders: list[Shoulder],
                         quality: Quality, rng: np.random.Generator) -> None:
    """Paint blades, collarbones and upper arms."""
    cortex, spongy = bony(quality.draw(rng, 700.0, 1500.0)), bony(quality.draw(rng, 90.0, 350.0))
    shell, long_shell = quality.draw(rng, 0.9, 2.0), quality.draw(rng, 2.0, 5.0)
    blade, thick = rng.uniform(1.2, 2.6), rng.uniform(0.85, 1.15)
    notch = thorax.level(2.7)
    for shoulder in shoulders:
        side = np.array([shoulder.side, 1.0, 1.0])
        _paint_blade(canvas, thorax, shoulder, blade, cortex)
        tip = shoulder.socket + side * [14.0, 4.0, 24.0]            # acromion
        medial = 0.72 * shoulder.upper + 0.28 * shoulder.lower
        behind = 0.5 * (medial + shoulder.socket) + [0.0, 24.0, 12.0]
        neck = 0.82 * shoulder.socket + 0.18 * shoulder.lower
        paint_long_bone(canvas, [
            chain([shoulder.lower, neck, shoulder.socket], [3.2 * thick, 5.5 * thick, 12.0]),
            chain([shoulder.upper, neck], [2.6 * thick, 4.5 * thick]),
            chain([shoulder.upper, shoulder.lower], 2.2 * thick),
            chain(smooth_path([medial, behind, tip], 8), np.linspace(2.8, 5.0, 8) * thick),
            chain(smooth_path([tip, tip + side * [4.0, -12.0, 0.0]], 3), 6.0 * thick),
            chain(smooth_path([shoulder.socket + side * [-12.0, -4.0, 6.0],       # coracoid
                               shoulder.socket + side * [-14.0, -24.0, 18.0],
                               shoulder.socket + side * [0.0, -36.0, 10.0]], 6), 5.0 * thick),
        ], cortex, spongy, shell)
        x, y, _, depth = thorax.section(notch)
        inner = np.array([x + shoulder.side * 22.0, y - depth + 6.0, notch + 8.0])
        way = tip + side * [0.0, -12.0, 0.0] - inner
        collar = smooth_path([inner, inner + 0.3 * way + [0.0, -14.0, 4.0],
                              inner + 0.7 * way + [0.0, 12.0, 8.0], inner + way], 12)
        paint_long_bone(canvas, chain(collar, np.interp(
            np.arange(12), [0, 3, 8, 11], [9.0, 6.0, 5.5, 7.0]) * thick), cortex, spongy,
            1.2 * shell)
        if shoulder.elbow is not None:
            _paint_arm(canvas, shoulder, thick, cortex, spongy, long_shell)


def _paint_blade(canvas: Canvas, thorax: Thorax, shoulder: Shoulder, half: float,
                 channels: np.ndarray) -> None:
    """Paint the thin plate between the corners, hollow towards the ribs and outside of them."""
    corners = np.stack([shoulder.upper, shoulder.lower, shoulder.socket])
    low, high = corners.min(axis=0) - 12.0, corners.max(axis=0) + 12.0
    patch = canvas.patch(0.5 * (low + high), 0.5 * (high - low))
    if not patch.voxels.size:
        return
    edges = corners[1:] - corners[0]
    normal = np.cross(*edges)
    x0, y0, *_ = thorax.section(corners[:, 2].mean())
    outwards = corners.mean(axis=0)[:2] - [x0, y0]
    normal /= np.linalg.norm(normal) * np.sign(normal[:2] @ outwards)
    # Barycentric coordinates of the plane's points.
    basis = np.linalg.pinv(edges.T)
    x, y, z = (p - c for p, c in zip(patch.points, corners[0], strict=True))
    u, v = (b[0] * x + b[1] * y + b[2] * z for b in basis)
    off = normal[0] * x + normal[1] * y + normal[2] * z
    w = 1.0 - u - v
    hollow = 340.0 * np.clip(u, 0, 1) * np.clip(v, 0, 1) * np.clip(w, 0, 1)
    reach = 0.5 * np.linalg.norm(edges[0])
    distance = np.maximum.reduce([np.abs(off - hollow) - half, -reach * u, -reach * v, -reach * w])
    canvas.paint(patch, np.maximum(distance, 7.0 - thorax.distance(patch.points)), channels)


def _paint_arm(canvas: Canvas, shoulder: Shoulder, thick: float, cortex: np.ndarray,
               spongy: np.ndarray, shell: float) -> None:
    """Paint head and shaft of an upper arm bone; the cortex of the shaft is thick."""
    head = shoulder.socket + [shoulder.side * 24.0, 0.0, 2.0]
    way = (shoulder.elbow - head) / np.linalg.norm(shoulder.elbow - head)
    ball = chain([head, head + 0.1], 22.0 * thick)
    neck = chain([head + 8.0 * way + [shoulder.side * 7.0, 0.0, 0.0], head + 55.0 * way],
                 [20.0 * thick, 12.0 * thick])
    shaft = chain([head + 55.0 * way, shoulder.elbow], 11.5 * thick)
    for part in (ball, neck, shaft):
        paint_tubes(canvas, part, cortex)
    paint_tubes(canvas, np.concatenate([ball, neck]), spongy, inset=1.3)
    paint_tubes(canvas, shaft, soft(-60.0), inset=shell)
