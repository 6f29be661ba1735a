"""A shot as the reconstruction takes it: line integrals, weights and where it was taken."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ixgs_ros.geometry.view import View


@dataclass(frozen=True, eq=False)
class Shot:
    """One X-ray shot in physical units.

    Args:
        id: number of the shot within its session, from 1.
        stamp_ns: middle of the exposure, integer nanoseconds.
        view: K, pose and size.
        line_integrals: (H, W) float32, ``-ln(I / I0)``, no unit (attenuation in 1/m times metres).
        weights: (H, W) float32 in [0, 1]: 0 = masked, else the expected photons relative to air.
        pose_covariance: (6, 6) of the source's pose in the reference frame, order of
            geometry_msgs/PoseWithCovariance: x, y, z in m², then rotations about x, y, z in rad².
        quantity: 'attenuation' or 'bone'.
        exposure_offset: what is known to be added to the line integrals by a wrong exposure, no
            unit; NaN where it is unknown (the reconstruction fits it).
    """

    id: int
    stamp_ns: int
    view: View
    line_integrals: np.ndarray
    weights: np.ndarray
    pose_covariance: np.ndarray = field(default_factory=lambda: np.zeros((6, 6)))
    quantity: str = 'attenuation'
    exposure_offset: float = float('nan')

    def __post_init__(self) -> None:
        shape = (self.view.height, self.view.width)
        for name in ('line_integrals', 'weights'):
            array = np.ascontiguousarray(getattr(self, name), dtype=np.float32)
            if array.shape != shape:
                raise ValueError(f'expected {name} of shape {shape} as the view says, '
                                 f'got {array.shape}')
            if not np.isfinite(array).all():
                raise ValueError(f'expected finite {name}, got '
                                 f'{int((~np.isfinite(array)).sum())} values that are not')
            object.__setattr__(self, name, array)
        if self.weights.min() < 0 or self.weights.max() > 1:
            raise ValueError(f'expected weights in [0, 1], got {self.weights.min()} to '
                             f'{self.weights.max()}')
        covariance = np.asarray(self.pose_covariance, dtype=np.float64)
        if covariance.shape != (6, 6) or not np.isfinite(covariance).all() \
                or covariance.diagonal().min() < 0:
            raise ValueError('expected a finite pose_covariance of shape (6, 6) with no negative '
                             f'variance, got {covariance.tolist()}')
        if self.quantity not in ('attenuation', 'bone'):
            raise ValueError(f"expected quantity 'attenuation' or 'bone', got {self.quantity!r}")
