"""A reconstruction as plain arrays, for a checkpoint.

Held are the shots, the model, the exposures and the place in the schedule; what follows from them
(measurements, majorisers) is computed anew. The optimiser's running means are not held: a resumed
reconstruction starts from the same model, but its next steps are not the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from ixgs_ros.gaussians.model import BLOCKS, GaussianModel
from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.geometry.view import View
from ixgs_ros.reconstruction.correction import Correction
from ixgs_ros.shot import Shot

SCHEMA = 8
# Numbers of a correction: rotation, translation, K, covariance of the pose.
CORRECTION = 9 + 3 + 4 + 36


def shot_arrays(shot: Shot, prefix: str) -> dict[str, np.ndarray]:
    """Return a shot as arrays whose names begin with ``prefix``."""
    pose = shot.view.reference_from_source
    return {f'{prefix}{name}': np.asarray(value) for name, value in {
        'id': shot.id, 'stamp_ns': shot.stamp_ns, 'k': shot.view.k, 'rotation': pose.rotation,
        'translation': pose.translation, 'line_integrals': shot.line_integrals,
        'weights': shot.weights, 'pose_covariance': shot.pose_covariance,
        'quantity': shot.quantity, 'exposure_offset': shot.exposure_offset}.items()}


def shot_from(arrays: Mapping[str, np.ndarray], prefix: str) -> Shot:
    """Return the shot of :func:`shot_arrays`."""
    def get(name: str) -> np.ndarray:
        return arrays[f'{prefix}{name}']

    image = get('line_integrals')
    view = View(get('k'), RigidTransform(get('rotation'), get('translation')), *image.shape)
    return Shot(int(get('id')), int(get('stamp_ns')), view, image, get('weights'),
                get('pose_covariance'), str(get('quantity')), float(get('exposure_offset')))


def correction_array(correction: Correction) -> np.ndarray:
    """Return a correction as (52,) numbers: the motion, by rows, changes of K, covariance."""
    motion = correction.motion
    return np.concatenate([motion.rotation.ravel(), motion.translation, correction.intrinsics,
                           correction.pose_covariance.ravel()])


def correction_from(numbers: np.ndarray) -> Correction:
    """Return the correction of :func:`correction_array`."""
    motion = RigidTransform(numbers[:9].reshape(3, 3), numbers[9:12])
    return Correction(motion, numbers[12:16], numbers[16:].reshape(6, 6))


def model_arrays(model: GaussianModel, prefix: str) -> dict[str, np.ndarray]:
    """Return a model's blocks, copied, under names that begin with ``prefix``."""
    return {f'{prefix}{name}': block.copy() for name, block in model.blocks().items()}


def model_from(arrays: Mapping[str, np.ndarray], prefix: str) -> GaussianModel:
    """Return the model of :func:`model_arrays`, checked.

    Raises:
        TypeError, ValueError: a block is malformed.
    """
    model = GaussianModel(**{name: arrays[f'{prefix}{name}'].copy() for name in BLOCKS})
    if len(model):
        model.validate()
    return model


def check_count(arrays: Mapping[str, np.ndarray], prefixes: Iterable[str], most: int) -> None:
    """Raise, before any is copied, if models hold more than ``most`` Gaussians together.

    Raises:
        ValueError: they do.
    """
    count = sum(len(arrays[f'{prefix}means']) for prefix in prefixes)
    if count > most:
        raise ValueError(f'expected at most model.max_gaussians = {most} Gaussians, got {count}')


def check_shots(count: int, most: int) -> None:
    """Raise a ValueError if there are more shots than may be stored."""
    if count > most:
        raise ValueError(f'expected at most max_shots = {most} shots, got {count}')


def check_schema(arrays: Mapping[str, np.ndarray]) -> None:
    """Raise a ValueError unless the arrays are of this schema."""
    found = arrays['schema'].item() if 'schema' in arrays else None
    if found != SCHEMA:
        raise ValueError(f'expected a reconstruction of schema {SCHEMA}, got {found!r}')
