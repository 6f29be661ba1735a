"""What makes a rig differ from its drawing: jitter, exposure error, a wandering detector."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.parameters import setting


@dataclass(frozen=True)
class JitterConfig:
    """Tracker jitter: each shot's reported pose errs by its own small rigid motion.

    RMS is that of the whole rotation angle and of the length of the whole translation, not of each
    of their three components.
    """

    rotation_deg: float = setting(0.5, 'RMS angle of the rotation', unit='deg', low=0.0, high=10.0)
    translation: float = setting(0.0015, 'RMS length of the translation', unit='m', low=0.0,
                                 high=0.1)
    at: str = setting('isocentre', 'point that the rotation turns about; at the marker, half a '
                      'metre away, its lever arm moves the field as well',
                      choices=('isocentre', 'marker'))


def draw_jitter(config: JitterConfig, rng: np.random.Generator) -> np.ndarray:
    """Return a small motion (6,), isotropic and normal: rotation vector, rad; translation, m."""
    per_component = np.sqrt(1.0 / 3.0)
    scales = np.repeat([np.deg2rad(config.rotation_deg), config.translation], 3)
    return rng.normal(0.0, per_component, 6) * scales


def motion_about(motion: np.ndarray, pivot: np.ndarray) -> RigidTransform:
    """Return the transform that turns about a point and then shifts: ``R (p - c) + c + t``.

    Args:
        motion: (6,) as :func:`draw_jitter` returns it.
        pivot: (3,) the point c, metres.
    """
    rotation = Rotation.from_rotvec(motion[:3]).as_matrix()
    return RigidTransform(rotation, pivot - rotation @ pivot + motion[3:])


def draw_gain(relative: float, rng: np.random.Generator) -> float:
    """Return the factor on the intensity of one exposure, log-normal about 1.

    Args:
        relative: standard deviation of its logarithm; 0.05 is an exposure error of 5 %.
        rng: the source of chance; one number is drawn whatever ``relative`` is.
    """
    return float(np.exp(relative * rng.normal()))


def draw_principal_offset(bound: float, rng: np.random.Generator) -> np.ndarray:
    """Return how far the principal point lies off the image's centre, (2,) metres on the detector.

    Uniform over the disc of radius ``bound`` (up to 16 mm on real C-arms: the gantry sags).
    """
    radius, angle = bound * np.sqrt(rng.uniform()), rng.uniform(0.0, 2.0 * np.pi)
    return radius * np.array([np.cos(angle), np.sin(angle)])
