"""The learned half of the standardization: line integrals of bone alone, with a confidence.

The network needs torch, which only the modes 'network' and 'both' load.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ixgs_ros.geometry import RigidTransform, View
from ixgs_ros.parameters import ParameterError
from ixgs_ros.shot import Shot
from ixgs_ros.standardization.network import SHIPPED
from ixgs_ros.standardization.weights import photon_weights
from ixgs_ros.verdict import Code, Refusal

WARM_UP_PIXELS = 128
# If the network can tell something of less than this share of the pixels, the shot says nothing.
LEAST_TOLD = 0.02


class BoneStandardizer:
    """A trained network, loaded and verified.

    Args:
        weights: file of the network; empty for the one that comes with the package.

    Raises:
        ParameterError: there is no such file, it holds no such network, or torch is not there.
    """

    def __init__(self, weights: str = '') -> None:
        try:
            from ixgs_ros.standardization.network.inference import BoneNetwork
        except ImportError as error:
            raise ParameterError('mode: the network needs torch and safetensors; expected them '
                                 f'installed, or the mode physics: {error}') from error
        try:
            self._network = BoneNetwork.load(weights or SHIPPED)
        except ValueError as error:
            raise ParameterError(f'weights: {error}') from error

    def warm_up(self) -> None:
        """Standardize an empty image, so that the first shot is quick."""
        size, middle = WARM_UP_PIXELS, (WARM_UP_PIXELS - 1) / 2
        k = np.array([[4.0 * size, 0, middle], [0, 4.0 * size, middle], [0, 0, 1]])
        view = View(k, RigidTransform(np.eye(3), np.array([0.0, 0.0, -0.6])), size, size)
        self._network.standardize(np.ones((size, size), np.float32),
                                  np.ones((size, size), dtype=bool), view)

    def standardize(self, shot: Shot, usable: np.ndarray) -> Shot:
        """Return the shot's bone, weighted with the photons and the network's confidence.

        Pixels of which the network can tell nothing take no part: their weight is 0. The
        exposure is the network's matter, so what it adds to the bone is known: nothing.

        Args:
            shot: of attenuation; its line integrals as the physics gives them.
            usable: (H, W) bool, the pixels that take part.

        Raises:
            Refusal: OUT_OF_DOMAIN if the image is unlike all that the network was trained with,
                or if it can tell next to nothing of it.
        """
        found = self._network.standardize(shot.line_integrals, usable, shot.view)
        if found.reason:
            raise Refusal(Code.OUT_OF_DOMAIN, found.reason)
        weights = photon_weights(shot.line_integrals, usable) * found.confidence
        told = float((weights > 0).mean())
        if told < LEAST_TOLD:
            raise Refusal(Code.OUT_OF_DOMAIN, f'of {told:.1%} of the pixels the network can tell '
                          f'whether they show bone, expected at least {LEAST_TOLD:.0%}')
        return replace(shot, line_integrals=found.bone, weights=weights, quantity='bone',
                       exposure_offset=0.0)
