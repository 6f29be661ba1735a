"""Image planes in the patient reference frame, and what their edges are called in the patient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ixgs_ros.geometry.checks import checked_count, checked_vector
from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.volume.grid import VoxelGrid

# How far u and v may be from unit length and from square to each other.
ORTHONORMAL_TOLERANCE = 1e-6
# Radiological display in LPS: axial seen from the feet, coronal from the front, sagittal from the
# left.
AXIAL = (np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]))
CORONAL = (np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, -1.0]))
SAGITTAL = (np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, -1.0]))
# The letters of the LPS axes: negative end, positive end.
LETTERS = (('R', 'L'), ('A', 'P'), ('I', 'S'))
# A direction carries a second letter from this cosine on (about 20° of tilt).
SECOND_LETTER = 0.35


@dataclass(frozen=True, eq=False)
class Plane:
    """A rectangle of pixels; pixel (r, c) has its centre at ``origin + spacing * (c u + r v)``.

    Args:
        origin: (3,) centre of the top-left pixel in the reference frame, metres.
        u: (3,) unit direction along a row, to the right of the image.
        v: (3,) unit direction along a column, down in the image; square to u.
        spacing: distance of pixel centres, metres.
        height: rows.
        width: columns.

    Raises:
        TypeError: a size is no whole number.
        ValueError: u and v are not orthonormal, a value is not finite, or spacing or size is not
            positive.
    """

    origin: np.ndarray
    u: np.ndarray
    v: np.ndarray
    spacing: float
    height: int
    width: int

    def __post_init__(self) -> None:
        for name in ('origin', 'u', 'v'):
            object.__setattr__(self, name, checked_vector(name, getattr(self, name)))
        for name in ('height', 'width'):
            object.__setattr__(self, name, checked_count(name, getattr(self, name)))
        gram = np.array([self.u @ self.u - 1.0, self.v @ self.v - 1.0, self.u @ self.v])
        if np.abs(gram).max() > ORTHONORMAL_TOLERANCE:
            raise ValueError(f'expected orthonormal u and v, got {self.u.tolist()} and '
                             f'{self.v.tolist()}')
        if not (np.isfinite(self.spacing) and self.spacing > 0):
            raise ValueError(f'expected a positive spacing, got {self.spacing} m')

    @property
    def normal(self) -> np.ndarray:
        """The unit normal ``u × v``: away from the observer, into the image."""
        return np.cross(self.u, self.v)

    @property
    def reference_from_plane(self) -> RigidTransform:
        """The plane's pose: x = u, y = v, z = normal, origin at the centre of pixel (0, 0)."""
        return RigidTransform(np.stack([self.u, self.v, self.normal], axis=1), self.origin)

    def points(self) -> np.ndarray:
        """Return the centres of all pixels, (height, width, 3) metres."""
        rows = np.arange(self.height)[:, None, None] * self.spacing * self.v
        columns = np.arange(self.width)[None, :, None] * self.spacing * self.u
        return self.origin + rows + columns

    def pixel_of(self, point: np.ndarray) -> tuple[float, float]:
        """Return the fractional (row, column) of a point (3,) projected onto the plane."""
        offset = (np.asarray(point, dtype=np.float64) - self.origin) / self.spacing
        return float(offset @ self.v), float(offset @ self.u)


def through(grid: VoxelGrid, point: np.ndarray, u: np.ndarray, v: np.ndarray,
            spacing: float | None = None) -> Plane:
    """Return the plane through a point, along u and v, that spans the whole grid.

    The pixels lie symmetrically about the grid's middle, so with u and v along the grid's axes and
    its own spacing their centres are voxel centres.

    Args:
        grid: the voxels to be seen.
        point: (3,) a point of the plane, metres.
        u: (3,) direction to the right of the image; normalised here.
        v: (3,) direction down in the image; normalised here.
        spacing: distance of pixel centres in metres; the grid's smallest if None.

    Raises:
        ValueError: a direction is zero, or u and v are not square to each other.
    """
    u, v = (np.asarray(direction, dtype=np.float64) for direction in (u, v))
    if not (np.linalg.norm(u) > 0 and np.linalg.norm(v) > 0):
        raise ValueError(f'expected directions that are not zero, got {u.tolist()} and '
                         f'{v.tolist()}')
    u, v = u / np.linalg.norm(u), v / np.linalg.norm(v)
    pitch = float(grid.spacing.min()) if spacing is None else spacing
    region = grid.region
    # A box of size s is seen from along n with the extent Σ |n_a| s_a.
    width, height = (max(1, round(float(np.abs(axis) @ region.size) / pitch)) for axis in (u, v))
    normal = np.cross(u, v)
    middle = region.center + normal * (normal @ (np.asarray(point) - region.center))
    origin = middle - 0.5 * pitch * ((width - 1) * u + (height - 1) * v)
    return Plane(origin, u, v, pitch, height, width)


def _anatomical(grid: VoxelGrid, point: np.ndarray, spacing: float | None,
                axes: tuple[np.ndarray, np.ndarray],
                lps_from_reference: RigidTransform | None) -> Plane:
    turn = np.eye(3) if lps_from_reference is None else lps_from_reference.rotation.T
    return through(grid, point, turn @ axes[0], turn @ axes[1], spacing)


def axial(grid: VoxelGrid, point: np.ndarray, spacing: float | None = None,
          lps_from_reference: RigidTransform | None = None) -> Plane:
    """Return the axial plane through a point: patient's left on the right, anterior on top.

    Without ``lps_from_reference`` the reference frame's own axes are taken for LPS.
    """
    return _anatomical(grid, point, spacing, AXIAL, lps_from_reference)


def coronal(grid: VoxelGrid, point: np.ndarray, spacing: float | None = None,
            lps_from_reference: RigidTransform | None = None) -> Plane:
    """Return the coronal plane through a point: patient's left on the right, head on top."""
    return _anatomical(grid, point, spacing, CORONAL, lps_from_reference)


def sagittal(grid: VoxelGrid, point: np.ndarray, spacing: float | None = None,
             lps_from_reference: RigidTransform | None = None) -> Plane:
    """Return the sagittal plane through a point: anterior on the left, head on top."""
    return _anatomical(grid, point, spacing, SAGITTAL, lps_from_reference)


def direction_label(direction: np.ndarray, lps_from_reference: RigidTransform) -> str:
    """Return the anatomical letters of a direction in the reference frame, e.g. 'L' or 'PS'.

    The nearest axis first; a second letter where the direction leans to another axis by more than
    about 20° (DICOM PS3.3 C.7.6.1.1.1 names edges so).
    """
    lps = lps_from_reference.rotation @ np.asarray(direction, dtype=np.float64)
    lps = lps / np.linalg.norm(lps)
    order = np.argsort(-np.abs(lps), kind='stable')
    letters = [LETTERS[a][int(lps[a] > 0)] for a in order if abs(lps[a]) >= SECOND_LETTER]
    return ''.join(letters[:2])


def edge_labels(plane: Plane, lps_from_reference: RigidTransform) -> dict[str, str]:
    """Return the letters at the image's edges: keys left, right, top, bottom."""
    return {'left': direction_label(-plane.u, lps_from_reference),
            'right': direction_label(plane.u, lps_from_reference),
            'top': direction_label(-plane.v, lps_from_reference),
            'bottom': direction_label(plane.v, lps_from_reference)}
