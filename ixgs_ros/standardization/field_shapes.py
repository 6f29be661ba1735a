"""The shapes a collimator leaves open, and their fits to the outline of a bright region.

Coordinates are pixels, centres at integers, (x, y) = (column, row).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

OUTLINE_POINTS = 72    # of the outline take part in the search for a circle
TRIPLES = 300          # of points are tried as circles
MIN_TURN = 0.02        # radians (twice) by which a rectangle differs from an upright one
INLIER_DISTANCE = 1.5  # pixels
BEYOND = 4.0           # pixels that a side at the image's border is moved out of sight


@dataclass(frozen=True)
class Circle:
    """A round field: centre and radius in pixels."""

    x: float
    y: float
    radius: float

    def depth(self, height: int, width: int) -> np.ndarray:
        """Return how deep inside each pixel (H, W) lies, pixels; negative outside."""
        rows, columns = np.ogrid[:height, :width]
        return self.radius - np.hypot(columns - self.x, rows - self.y)

    def scaled(self, factor: float) -> Circle:
        """Return the circle in an image ``factor`` times as large (integer pixel centres)."""
        return Circle(_scaled(self.x, factor), _scaled(self.y, factor), self.radius * factor)


@dataclass(frozen=True)
class Rectangle:
    """A rectangular field: centre, half sides along its own axes, angle of the first (radians)."""

    x: float
    y: float
    half_width: float
    half_height: float
    angle: float

    def depth(self, height: int, width: int) -> np.ndarray:
        """Return how deep inside each pixel (H, W) lies, pixels; negative outside."""
        rows, columns = np.ogrid[:height, :width]
        across, down = columns - self.x, rows - self.y
        cosine, sine = np.cos(self.angle), np.sin(self.angle)
        return np.minimum(self.half_width - np.abs(cosine * across + sine * down),
                          self.half_height - np.abs(cosine * down - sine * across))

    def scaled(self, factor: float) -> Rectangle:
        """Return the rectangle in an image ``factor`` times as large (integer pixel centres)."""
        return Rectangle(_scaled(self.x, factor), _scaled(self.y, factor),
                         self.half_width * factor, self.half_height * factor, self.angle)


@dataclass(frozen=True)
class Overlap:
    """A round field with shutters in it."""

    circle: Circle
    rectangle: Rectangle

    def depth(self, height: int, width: int) -> np.ndarray:
        """Return how deep inside each pixel (H, W) lies, pixels; negative outside."""
        return np.minimum(self.circle.depth(height, width), self.rectangle.depth(height, width))

    def scaled(self, factor: float) -> Overlap:
        """Return the shape in an image ``factor`` times as large (integer pixel centres)."""
        return Overlap(self.circle.scaled(factor), self.rectangle.scaled(factor))


Shape = Circle | Rectangle | Overlap
NAMES = {Circle: 'round', Rectangle: 'rectangular', Overlap: 'round and rectangular'}


def _scaled(coordinate: float, factor: float) -> float:
    return (coordinate + 0.5) * factor - 0.5


def fit_shapes(region: np.ndarray) -> list[Shape]:
    """Return the shapes that may explain the outline of a region (H, W) bool, in pieces or not.

    A dark organ at the rim of the field dents the region; its convex hull does not know of the
    dent, so only outline points on the hull count.
    """
    contours, _ = cv2.findContours(region.astype(np.uint8), cv2.RETR_EXTERNAL,
                                   cv2.CHAIN_APPROX_NONE)
    outline = np.concatenate(contours)
    hull = cv2.convexHull(outline)
    rectangles = [_upright_rectangle(hull, region.shape)]
    turned = _rectangle(hull)
    if abs(np.sin(2 * turned.angle)) > MIN_TURN:
        rectangles.append(turned)
    circle = _circle(_free_points(outline[:, 0, :], hull, region.shape))
    if circle is None:
        return [*rectangles]
    return [*rectangles, circle, *(Overlap(circle, rectangle) for rectangle in rectangles)]


def _upright_rectangle(hull: np.ndarray, size: tuple[int, ...]) -> Rectangle:
    """Return the smallest rectangle along rows and columns; its outer pixels lie half inside.

    A side at the image's border is the image's, not the field's, and is moved out of sight: no
    penumbra is taken from there.
    """
    height, width = size
    x, y, across, down = cv2.boundingRect(hull)
    left, top = x - 0.5 - BEYOND * (x == 0), y - 0.5 - BEYOND * (y == 0)
    right = x + across - 0.5 + BEYOND * (x + across == width)
    bottom = y + down - 0.5 + BEYOND * (y + down == height)
    return Rectangle((left + right) / 2, (top + bottom) / 2, (right - left) / 2,
                     (bottom - top) / 2, 0.0)


def _rectangle(hull: np.ndarray) -> Rectangle:
    """Return the smallest rectangle around the hull; its outer pixels lie half inside."""
    (x, y), (width, height), degrees = cv2.minAreaRect(hull)
    return Rectangle(x, y, width / 2 + 0.5, height / 2 + 0.5, float(np.deg2rad(degrees)))


def _free_points(outline: np.ndarray, hull: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Return the outline points (n, 2) that lie on the hull but not on the image's border."""
    height, width = size
    free = ((outline > 1) & (outline < np.array([width, height]) - 2)).all(axis=1)
    points = outline[free]
    step = max(1, len(points) // (4 * OUTLINE_POINTS))
    points = points[::step]
    near = [cv2.pointPolygonTest(hull, (float(x), float(y)), True) < INLIER_DISTANCE
            for x, y in points]
    return points[np.array(near, dtype=bool)].astype(np.float64)


def _circle(points: np.ndarray) -> Circle | None:
    """Return the circle through most points: the best of random triples, then least squares.

    The triples are the same at every call (a fixed seed), so the same image gives the same field.
    """
    if len(points) < 12:
        return None
    chosen = points[np.linspace(0, len(points) - 1, min(OUTLINE_POINTS, len(points))).astype(int)]
    count = len(chosen)
    triples = chosen[np.random.default_rng(0).integers(count, size=(3, TRIPLES))]
    x, y, radius = _circumcircles(*triples)
    usable = np.isfinite(radius)
    if not usable.any():
        return None
    distance = np.abs(np.hypot(points[:, 0] - x[usable, None], points[:, 1] - y[usable, None])
                      - radius[usable, None])
    inliers = distance < INLIER_DISTANCE
    return _least_squares_circle(points[inliers[np.argmax(inliers.sum(axis=1))]])


def _circumcircles(a: np.ndarray, b: np.ndarray,
                   c: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return centres x, y and radii (n,) of the circles through points (n, 2); NaN for lines."""
    u, v = b - a, c - a
    twice_area = 2 * (u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])
    twice_area[np.abs(twice_area) < 1e-6] = np.nan
    uu, vv = (u ** 2).sum(axis=1), (v ** 2).sum(axis=1)
    x = (v[:, 1] * uu - u[:, 1] * vv) / twice_area
    y = (u[:, 0] * vv - v[:, 0] * uu) / twice_area
    return x + a[:, 0], y + a[:, 1], np.hypot(x, y)


def _least_squares_circle(points: np.ndarray) -> Circle | None:
    """Fit ``x² + y² = 2 a x + 2 b y + c`` (Kåsa 1976); None for points on a line.

    The outline runs through the centres of the outermost pixels, so half a pixel is added.
    """
    matrix = np.column_stack([2 * points, np.ones(len(points))])
    (a, b, c), _, rank, _ = np.linalg.lstsq(matrix, (points ** 2).sum(axis=1), rcond=1e-9)
    square = c + a * a + b * b
    return Circle(a, b, float(np.sqrt(square)) + 0.5) if rank == 3 and square > 0 else None
