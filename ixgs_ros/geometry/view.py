"""One C-arm view: full intrinsics and the pose of the X-ray source's optical frame.

Conventions (method: a pinhole camera whose centre is the focal spot, as in OpenCV and ROS):
the origin is the focal spot, z points to the detector, x right and y down in the image; pixel
centres are integers, so the centre of the top-left pixel is (0, 0).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ixgs_ros.geometry.checks import checked_count
from ixgs_ros.geometry.rigid import RigidTransform


@dataclass(frozen=True, eq=False)
class View:
    """Where one shot was taken.

    Args:
        k: (3, 3) float64 intrinsics in pixels, ``[[fx, 0, cx], [0, fy, cy], [0, 0, 1]]``;
            fx = SDD / pixel pitch; the principal point need not be the image's centre.
        reference_from_source: pose of the source's optical frame in the patient reference, metres.
        height: rows of the image.
        width: columns of the image.

    Raises:
        TypeError: the pose is no RigidTransform, or a size is no whole number.
        ValueError: K has another form or is singular, or a size is not positive.
    """

    k: np.ndarray
    reference_from_source: RigidTransform
    height: int
    width: int

    def __post_init__(self) -> None:
        if not isinstance(self.reference_from_source, RigidTransform):
            raise TypeError('expected reference_from_source as a RigidTransform, got '
                            f'{self.reference_from_source!r}')
        for name in ('height', 'width'):
            object.__setattr__(self, name, checked_count(name, getattr(self, name)))
        object.__setattr__(self, 'k', _checked_k(self.k))

    @property
    def source(self) -> np.ndarray:
        """The focal spot in the reference frame, (3,) metres."""
        return self.reference_from_source.translation

    @property
    def intrinsics(self) -> np.ndarray:
        """fx, fy, cx, cy, (4,) pixels."""
        return np.array([self.k[0, 0], self.k[1, 1], self.k[0, 2], self.k[1, 2]])

    @property
    def axis(self) -> np.ndarray:
        """The unit direction from the source along the principal ray, in the reference frame."""
        return self.reference_from_source.rotation[:, 2]

    @cached_property
    def source_from_reference(self) -> RigidTransform:
        """The transform into the source's optical frame."""
        return self.reference_from_source.inverse()

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Project points.

        Args:
            points: (..., 3) in the reference frame, metres.

        Returns:
            Pixels (..., 2) as (u, v), and depths (...) along the principal ray in metres. A depth
            that is not positive lies at or behind the source and its pixel means nothing.
        """
        local = self.source_from_reference.apply(points)
        depth = local[..., 2]
        with np.errstate(divide='ignore', invalid='ignore'):
            u = self.k[0, 0] * local[..., 0] / depth + self.k[0, 2]
            v = self.k[1, 1] * local[..., 1] / depth + self.k[1, 2]
        return np.stack([u, v], axis=-1), depth

    def ray_directions(self) -> np.ndarray:
        """Return the unit directions (H, W, 3) of all pixels' rays in the reference frame."""
        u, v = np.meshgrid(np.arange(self.width), np.arange(self.height))
        local = np.stack([(u - self.k[0, 2]) / self.k[0, 0], (v - self.k[1, 2]) / self.k[1, 1],
                          np.ones(u.shape)], axis=-1)
        local /= np.linalg.norm(local, axis=-1, keepdims=True)
        return local @ self.reference_from_source.rotation.T

    def binned(self, factor: int) -> View:
        """Return the view of the image whose pixels are means of factor × factor pixels.

        Integer centres: ``cx' = (cx + 0.5) / factor - 0.5``. Rows and columns left over at the
        end are dropped.
        """
        if factor < 1 or factor > min(self.height, self.width):
            raise ValueError(f'expected a binning between 1 and {min(self.height, self.width)}, '
                             f'got {factor}')
        k = self.k.copy()
        k[:2] /= factor
        k[:2, 2] += 0.5 / factor - 0.5
        return View(k, self.reference_from_source, self.height // factor, self.width // factor)

    def packed(self) -> np.ndarray:
        """Return what the kernels take, (16,) float64.

        The rotation of ``source_from_reference`` row by row (9), its translation in metres (3),
        and fx, fy, cx, cy in pixels.
        """
        transform = self.source_from_reference
        return np.concatenate([transform.rotation.ravel(), transform.translation,
                               self.intrinsics])


def _checked_k(values: np.ndarray) -> np.ndarray:
    """Return intrinsics as a read-only (3, 3) float64 array.

    Raises:
        ValueError: not finite, of another form, or singular (a focal length is not positive).
    """
    k = np.array(values, dtype=np.float64)
    if k.shape != (3, 3) or not np.isfinite(k).all():
        raise ValueError(f'expected a finite K of shape (3, 3), got {k.tolist()}')
    if k[0, 0] <= 0 or k[1, 1] <= 0:
        raise ValueError(f'expected positive focal lengths, got fx = {k[0, 0]}, fy = {k[1, 1]}')
    pattern = np.array([[1, 0, 1], [0, 1, 1], [0, 0, 0]], dtype=bool)
    if np.abs(k[~pattern] - np.array([0, 0, 0, 0, 1])).max() > 1e-9:
        raise ValueError(f'expected K = [[fx, 0, cx], [0, fy, cy], [0, 0, 1]], got {k.tolist()}')
    k.setflags(write=False)
    return k
