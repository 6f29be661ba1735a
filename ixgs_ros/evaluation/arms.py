"""The arms of the experiment: what the reconstruction is fed with.

- raw: the line integrals of attenuation as the physics standardizer passes them on;
- physics_bone: bone line integrals without learning, the baseline of the network;
- network: bone line integrals by the network;
- ideal: bone line integrals cast from the CT, without noise, which no standardizer can beat.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
import hashlib
from pathlib import Path

import numpy as np

from ixgs_ros.parameters import build
from ixgs_ros.shot import Shot
from ixgs_ros.standardization.config import StandardizerConfig
from ixgs_ros.standardization.physics_bone import physics_bone
from ixgs_ros.standardization.standardizer import Standardizer

ARMS = ('raw', 'physics_bone', 'network', 'ideal')
# Takes a shot of attenuation and its bone image (H, W); may raise a Refusal.
Arm = Callable[[Shot, np.ndarray], Shot]


def make_arm(name: str, weights: str = '') -> Arm:
    """Return an arm.

    Args:
        name: of :data:`ARMS`.
        weights: of the network; empty: the shipped ones.

    Raises:
        ParameterError: the network is wanted and cannot be loaded.
    """
    if name == 'ideal':
        return _ideal
    mode = 'network' if name == 'network' else 'physics'
    standardizer = Standardizer(build(StandardizerConfig, {'mode': mode, 'weights': weights}
                                      if mode == 'network' else {}))
    if name == 'physics_bone':
        return lambda shot, bone: _physics_bone(standardizer.standardize(shot))
    return lambda shot, bone: standardizer.standardize(shot)


def version_of(name: str, weights: Path) -> str:
    """Return what tells one network from another: the digest of its file; else nothing."""
    return hashlib.sha256(weights.read_bytes()).hexdigest()[:8] if name == 'network' else ''


def _ideal(shot: Shot, bone: np.ndarray) -> Shot:
    return replace(shot, line_integrals=bone, weights=np.ones_like(bone), quantity='bone',
                   exposure_offset=0.0)


def _physics_bone(shot: Shot) -> Shot:
    bone = physics_bone(shot.line_integrals, shot.weights > 0)
    return replace(shot, line_integrals=bone, quantity='bone', exposure_offset=0.0)
