"""Where the shots of a folder of pairs were taken: ``views.json``.

::

    {"k": [[3400, 0, 511.5], [0, 3400, 511.5], [0, 0, 1]],
     "lps_from_reference": {"translation": [0.012, -0.034, 0.250], "rotation": [0, 0, 0, 1]},
     "shots": {
       "shot_01": {"reference_from_source": {"translation": [0.0, -0.64, 0.0],
                                             "rotation": [-0.7071, 0, 0, 0.7071]}},
       "shot_02": null}}

The conventions are those of docs/geometry.md: the source's optical frame looks along z, with x
right and y down in the image; pixel centres are integers; metres; quaternions x, y, z, w. LPS is
that of the CT's file. A shot that is null is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ixgs_ros.acquisition.dicom_geometry import ImageTurn
from ixgs_ros.geometry.checks import checked_count
from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.geometry.view import View
from ixgs_ros.standardization.network.folder_settings import check_keys, PairsError, read_object

VIEWS = 'views.json'
# A shot's pose goes by one of these names.
POSES = ('lps_from_source', 'source_from_lps', 'reference_from_source', 'source_from_reference')
# What may be said of all shots at once.
SHARED = ('k', 'flipped', 'height', 'width')
LPS_FROM_REFERENCE = 'lps_from_reference'


@dataclass(frozen=True, eq=False)
class ShotView:
    """Camera and pose of one shot, before the size of its image is known.

    Args:
        k: (3, 3) intrinsics in pixels.
        lps_from_source: the pose in the CT's LPS, metres.
        turn: what makes the stored image the one that K and pose speak of.
        size: (height, width) that K was found for; None if the file does not say.
    """

    k: np.ndarray
    lps_from_source: RigidTransform
    turn: ImageTurn
    size: tuple[int, int] | None

    @property
    def focal(self) -> float:
        """The mean of fx and fy, pixels."""
        return float(0.5 * (self.k[0, 0] + self.k[1, 1]))

    def view(self, shape: tuple[int, ...]) -> View:
        """Return the view of an image of this shape.

        Raises:
            ValueError: K was found for another size.
        """
        if self.size is not None and tuple(shape) != self.size:
            raise ValueError(f'expected an image of {self.size[0]} × {self.size[1]} (height × '
                             f'width) as K belongs to, got {shape[0]} × {shape[1]}')
        return View(self.k, self.lps_from_source, *shape)

    def description(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        return {'k': self.k.tolist(), 'lps_from_source': self.lps_from_source.matrix().tolist(),
                'flipped': [self.turn.columns, self.turn.rows], 'size': self.size}


def read_views(path: Path) -> dict[str, ShotView | None]:
    """Return the views by the names of the shots; None for one that is to be left out.

    Raises:
        PairsError: the file cannot be read, or a value is impossible; names shot and value.
    """
    content = read_object(path, 'that says the poses of the shots')
    where = str(path)
    found: dict[str, ShotView | None] = {}
    try:
        check_keys(content, (*SHARED, LPS_FROM_REFERENCE, 'shots'))
        shots = content.get('shots')
        if not isinstance(shots, dict):
            raise ValueError(f'expected shots as an object of poses by name, got {shots!r}')
        shared = {name: content[name] for name in SHARED if name in content}
        registration = None
        if LPS_FROM_REFERENCE in content:
            where = f'{path}: {LPS_FROM_REFERENCE}'
            registration = _transform(content[LPS_FROM_REFERENCE])
        for name, entry in shots.items():
            where = f'{path}: {name}'
            found[name] = None if entry is None else _shot_view(entry, shared, registration)
    except (TypeError, ValueError) as error:
        raise PairsError(f'{where}: {error}') from error
    return found


def _shot_view(entry: Any, shared: dict[str, Any],
               registration: RigidTransform | None) -> ShotView:
    if not isinstance(entry, dict):
        raise ValueError(f'expected an object with a pose ({", ".join(POSES)}), or null for a '
                         f'shot that is left out, got {entry!r}')
    check_keys(entry, (*SHARED, *POSES))
    values = {**shared, **entry}
    if values.get('k') is None:
        raise ValueError('expected k, for this shot or for all, got none')
    pose = _pose(entry, registration)
    # Its size is not known yet; the rest of a View is checked here.
    k = View(np.array(values['k'], dtype=np.float64), pose, 1, 1).k
    return ShotView(k, pose, _turn(values.get('flipped', {})), _size(values))


def _pose(entry: dict[str, Any], registration: RigidTransform | None) -> RigidTransform:
    """Return ``lps_from_source``, whichever way the file says it."""
    given = [name for name in POSES if name in entry]
    if len(given) != 1:
        raise ValueError(f'expected one pose among {", ".join(POSES)}, got '
                         f'{" and ".join(given) or "none"}')
    name = given[0]
    try:
        pose = _transform(entry[name])
    except (TypeError, ValueError) as error:
        raise ValueError(f'{name}: {error}') from error
    if name.startswith('source_from'):
        pose = pose.inverse()
    if 'reference' not in name:
        return pose
    if registration is None:
        raise ValueError(f'{name}: expected {LPS_FROM_REFERENCE} for all shots as well: where '
                         "the reference frame is in the CT's LPS")
    return registration @ pose


def _transform(value: Any) -> RigidTransform:
    """Return a transform from a (4, 4) matrix, or from a translation and a quaternion."""
    if isinstance(value, dict):
        check_keys(value, ('translation', 'rotation'))
        if len(value) != 2:
            raise ValueError('expected translation (3 × m) and rotation (quaternion x, y, z, w), '
                             f'got {value!r}')
        return RigidTransform.from_quaternion(np.array(value['rotation'], dtype=np.float64),
                                              np.array(value['translation'], dtype=np.float64))
    matrix = np.array(value, dtype=np.float64)
    if matrix.shape != (4, 4) or np.abs(matrix[3] - (0, 0, 0, 1)).max() > 1e-9:
        raise ValueError('expected a matrix (4, 4) whose last row is 0, 0, 0, 1, or translation '
                         f'and rotation, got {value!r}')
    if np.linalg.det(matrix[:3, :3]) < 0.0:
        raise ValueError('expected a proper rotation (det = +1), got det = '
                         f'{np.linalg.det(matrix[:3, :3]):.4f}; where the stored image is a '
                         'mirrored one, as seen from the detector, say so by flipped')
    return RigidTransform(matrix[:3, :3], matrix[:3, 3])


def _turn(value: Any) -> ImageTurn:
    if not isinstance(value, dict) or not all(isinstance(way, bool) for way in value.values()):
        raise ValueError('expected flipped as {"columns": true}, {"rows": true} or both, got '
                         f'{value!r}')
    check_keys(value, ('columns', 'rows'))
    return ImageTurn(**value)


def _size(values: dict[str, Any]) -> tuple[int, int] | None:
    if 'height' not in values and 'width' not in values:
        return None
    return (checked_count('height', values.get('height')),
            checked_count('width', values.get('width')))
