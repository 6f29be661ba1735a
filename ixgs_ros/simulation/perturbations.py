"""What makes a rig differ from its drawing: tracker jitter, exposure error, a wandering focal point."""

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


def draw_jitter(config: JitterConfig, rng: np.random.Generator) -> RigidTransform:
    """Return a small motion: rotation vector and translation, isotropic and normal."""
    per_component = np.sqrt(1.0 / 3.0)
    vector = rng.normal(0.0, np.deg2rad(config.rotation_deg) * per_component, 3)
    translation = rng.normal(0.0, config.translation * per_component, 3)
    return RigidTransform.from_rotation_vector(vector, translation)


def turned_about(motion: RigidTransform, pivot: np.ndarray) -> RigidTransform:
    """Return the motion that turns about ``pivot`` (3,) and then shifts: ``R (p - c) + c + t``."""
    return RigidTransform(motion.rotation, pivot - motion.rotation @ pivot + motion.translation)


def share_of(motion: RigidTransform, share: float) -> RigidTransform:
    """Return a part of a small motion, 0 = none of it, 1 = all of it."""
    vector = Rotation.from_matrix(motion.rotation).as_rotvec()
    return RigidTransform.from_rotation_vector(share * vector, share * motion.translation)


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
