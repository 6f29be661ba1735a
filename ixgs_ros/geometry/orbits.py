"""C-arm poses from angles: single views, circular orbits and random views.

The reference frame is LPS: x to the patient's left, y posterior, z superior. At zero angles the
source lies posterior (under the table) and the beam runs anterior; the image is the one **seen
from the source** with the head up, so its x axis points to the patient's right. A display that
shows the patient's right on the left is this image mirrored: turning the columns round is a matter
for the display, since a mirrored image has no proper rotation.

The angles are those of DICOM (PS3.3 C.8.7.5, Positioner Primary and Secondary Angle): the detector
moves to the patient's left for LAO (positive) and towards the head for CRAN (positive).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.geometry.view import View
from ixgs_ros.parameters import setting

# Columns: image x (patient's right), image y (inferior), beam (anterior); determinant +1.
POSTEROANTERIOR = np.array([[-1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, -1.0, 0.0]])


@dataclass(frozen=True)
class CArm:
    """The fixed dimensions of a C-arm.

    Args:
        sod: distance from the source to the isocentre, metres.
        sdd: distance from the source to the detector, metres.
        pixel_pitch: distance of pixel centres on the detector, metres.
        height: rows of the image.
        width: columns of the image.

    Raises:
        ValueError: the isocentre is not between source and detector, or a size is not positive.
    """

    sod: float = setting(0.64, 'distance from the source to the isocentre', unit='m', low=0.01,
                         high=10.0)
    sdd: float = setting(1.02, 'distance from the source to the detector', unit='m', low=0.01,
                         high=10.0)
    pixel_pitch: float = setting(0.0012, 'distance of pixel centres on the detector', unit='m',
                                 low=1e-6, high=0.1)
    height: int = setting(256, 'rows of the image', unit='px', low=8, high=4096)
    width: int = setting(256, 'columns of the image', unit='px', low=8, high=4096)

    def __post_init__(self) -> None:
        if not 0.0 < self.sod < self.sdd:
            raise ValueError(f'expected 0 < sod < sdd, got sod = {self.sod} m, sdd = {self.sdd} m')
        if self.pixel_pitch <= 0.0 or self.height < 1 or self.width < 1:
            raise ValueError(f'expected a positive pitch and size, got {self.pixel_pitch} m, '
                             f'{self.height} rows by {self.width} columns')

    def k(self, principal_offset: np.ndarray | None = None) -> np.ndarray:
        """Return the intrinsics (3, 3).

        Args:
            principal_offset: (2,) shift of the principal point from the image's centre along
                image x and y, metres on the detector; none if omitted.
        """
        focal = self.sdd / self.pixel_pitch
        shift = np.zeros(2) if principal_offset is None else np.asarray(principal_offset)
        center = 0.5 * (np.array([self.width, self.height]) - 1.0) + shift / self.pixel_pitch
        return np.array([[focal, 0.0, center[0]], [0.0, focal, center[1]], [0.0, 0.0, 1.0]])

    def view(self, angles: CArmAngles, principal_offset: np.ndarray | None = None) -> View:
        """Return the view at these angles; ``principal_offset`` as in :meth:`k`."""
        return View(self.k(principal_offset), angles.reference_from_source(self.sod),
                    self.height, self.width)


@dataclass(frozen=True, eq=False)
class CArmAngles:
    """Where the C-arm stands.

    Args:
        lao: turn of the detector to the patient's left, radians; negative is RAO.
        cran: tilt of the detector to the head, radians; negative is CAUD.
        roll: turn of the image about the principal ray, radians, positive from x towards y.
        isocentre: (3,) point that the principal ray meets, in the reference frame, metres.
    """

    lao: float = 0.0
    cran: float = 0.0
    roll: float = 0.0
    isocentre: np.ndarray = field(default_factory=lambda: np.zeros(3))

    def __post_init__(self) -> None:
        isocentre = np.array(self.isocentre, dtype=np.float64)
        if isocentre.shape != (3,) or not np.isfinite(isocentre).all():
            raise ValueError(f'expected an isocentre of three finite numbers, got '
                             f'{isocentre.tolist()}')
        isocentre.setflags(write=False)
        object.__setattr__(self, 'isocentre', isocentre)

    def rotation(self) -> np.ndarray:
        """Return the rotation (3, 3) of reference_from_source."""
        gantry = _about_z(self.lao) @ _about_x(-self.cran)
        return gantry @ POSTEROANTERIOR @ _about_z(self.roll)

    def reference_from_source(self, sod: float) -> RigidTransform:
        """Return the pose of the source's optical frame, ``sod`` metres before the isocentre."""
        rotation = self.rotation()
        return RigidTransform(rotation, self.isocentre - sod * rotation[:, 2])

    def blend(self, other: CArmAngles, fraction: float) -> CArmAngles:
        """Return the angles on the way to ``other``; fraction in [0, 1]."""
        def mix(start: float, end: float) -> float:
            return (1.0 - fraction) * start + fraction * end
        return CArmAngles(mix(self.lao, other.lao), mix(self.cran, other.cran),
                          mix(self.roll, other.roll),
                          (1.0 - fraction) * self.isocentre + fraction * other.isocentre)


def circular_orbit(n: int, *, start: float = -np.pi / 2, stop: float = np.pi / 2,
                   cran: float = 0.0) -> list[CArmAngles]:
    """Return ``n`` stations from ``start`` to ``stop`` (LAO, radians), both included.

    Raises:
        ValueError: n is not positive.
    """
    _check_count(n)
    return [CArmAngles(lao=float(lao), cran=cran) for lao in np.linspace(start, stop, n)]


def random_stations(n: int, seed: int, *, angle: float = np.deg2rad(60.0),
                    roll: float = np.deg2rad(10.0), isocentre_jitter: float = 0.005,
                    ) -> list[CArmAngles]:
    """Return ``n`` stations drawn uniformly.

    Args:
        n: how many, at least one.
        seed: same seed, same stations; a longer list begins with the shorter one's stations.
        angle: bound of LAO/RAO and of CRAN/CAUD, radians.
        roll: bound of the roll, radians.
        isocentre_jitter: bound of the isocentre's offset along each axis, metres.

    Raises:
        ValueError: n is not positive.
    """
    _check_count(n)
    rng = np.random.default_rng(seed)
    bounds = np.array([angle, angle, roll] + 3 * [isocentre_jitter])
    draws = bounds * rng.uniform(-1.0, 1.0, (n, 6))
    return [CArmAngles(lao, cran, turn, isocentre)
            for (lao, cran, turn), isocentre in zip(draws[:, :3], draws[:, 3:], strict=True)]


def random_views(n: int, seed: int, carm: CArm = CArm(), *, angle: float = np.deg2rad(60.0),
                 roll: float = np.deg2rad(10.0), isocentre_jitter: float = 0.005) -> list[View]:
    """Return the views of :func:`random_stations` with a centred principal point."""
    return [carm.view(station) for station in
            random_stations(n, seed, angle=angle, roll=roll, isocentre_jitter=isocentre_jitter)]


def _about_x(angle: float) -> np.ndarray:
    """Return the rotation (3, 3) about x, y towards z for a positive angle in radians."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[1.0, 0.0, 0.0], [0.0, cos, -sin], [0.0, sin, cos]])


def _about_z(angle: float) -> np.ndarray:
    """Return the rotation (3, 3) about z, x towards y for a positive angle in radians."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])


def _check_count(n: int) -> None:
    if n < 1:
        raise ValueError(f'expected at least one view, got {n}')
