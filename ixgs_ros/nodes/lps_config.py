"""How the reference frame lies in the patient: parameters of all that show or write."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ixgs_ros.geometry import RigidTransform
from ixgs_ros.parameters import ParameterError, setting


@dataclass(frozen=True)
class LpsConfig:
    """The pose of the reference frame in DICOM's patient axes."""

    translation: tuple[float, float, float] = setting(
        (0.0, 0.0, 0.0), 'origin of the reference frame in LPS (left, posterior, superior)',
        unit='m', low=-10.0, high=10.0)
    rotation: tuple[float, float, float, float] = setting(
        (0.0, 0.0, 0.0, 1.0), 'unit quaternion x, y, z, w; identity means nominal: the axes of a '
        'clamp are not those of the patient', low=-1.0, high=1.0)

    def transform(self) -> RigidTransform:
        """Return ``lps_from_reference``.

        Raises:
            ParameterError: the rotation is no unit quaternion.
        """
        try:
            return RigidTransform.from_quaternion(np.array(self.rotation),
                                                  np.array(self.translation))
        except ValueError as error:
            raise ParameterError(f'lps_from_reference.rotation: {error}') from error
