"""The joint refinement: one step fits one view with all parameters of the Gaussians.

The loss of a step is ``½ mean(w r²) + tv_weight · h^1.5 · mean |Dσ|`` with the residual r of one
view in line-integral units, the weights w of its photons and of what is no outlier (``robust``),
the RMS h of the held-out residuals, and the differences D between neighbours of a coarse
voxelization of the region. Smoothing changes slowly, so its gradient is taken anew every tenth
step only. The shell has nothing but its densities to fit, by the majoriser steps of the
density sweeps.

Adam's steps are as long whatever is left to be explained. So they are up to twice as long where a
view leaves much that the body could explain, which is what neighbouring pixels have in common:
noise is not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ixgs_ros.gaussians.model import Gradients
from ixgs_ros.gaussians.optimizer import Adam
from ixgs_ros.gaussians.tv import total_variation
from ixgs_ros.reconstruction.body import Body, Projector
from ixgs_ros.reconstruction.coarse import grid_of
from ixgs_ros.reconstruction.config import RefineConfig
from ixgs_ros.reconstruction.density import Majorisers, relax
from ixgs_ros.reconstruction.exposure import Exposures
from ixgs_ros.reconstruction.held_out import weighted_rms
from ixgs_ros.reconstruction.measurement import Measurement
from ixgs_ros.reconstruction.robust import trusted
from ixgs_ros.volume.grid import Region

TV_VOXELS = 64
TV_PERIOD = 10
# Were all that is unexplained noise, the weight of a prior would grow with its square; but in a
# truncated body (h of 0.2, not 0.01) it is the outside, and there that smooths too much.
TV_POWER = 1.5
# Differences below this are noise of the model itself, 1/m (15 HU).
TV_EPSILON = 0.3
# λ of the shell's density steps: one view among many moves it only so far.
SHELL_RATE = 0.2
WARM_UP = 30
# Steps are as long as the rates say where neighbours have this much or less in common, line
# integrals, and grow with it up to so many times. (A start on 24 shots leaves 0.013 to 0.019,
# reported poses 0.5° and 1.5 mm off 0.04 to 0.05.)
LITTLE = 0.0125
LONGEST = 2.0


@dataclass(frozen=True)
class StepResult:
    """What one step saw of its view, before it moved the model.

    Args:
        residual: weighted RMS over the fitted pixels.
        held_out: the same over the held-out pixels.
    """

    residual: float
    held_out: float


def shared(residual: np.ndarray, weights: np.ndarray) -> float:
    """Return the RMS of what residuals have in common with their neighbours', line integrals.

    It is the root of their covariance along the rows, 0 where that is negative: noise that is
    independent from pixel to pixel adds nothing.

    Args:
        residual: (h, w) measured minus model, line integrals.
        weights: (h, w).
    """
    roots = np.sqrt(weights)
    values = roots * residual
    total = np.vdot(roots[:, 1:], roots[:, :-1])
    covariance = np.vdot(values[:, 1:], values[:, :-1]) / total if total > 0 else 0.0
    return float(np.sqrt(max(0.0, covariance)))


class Refiner:
    """Moves a body; owns the optimiser's state, the last gradient of the smoothing and work space.

    Args:
        projector: renders.
        body: what is moved.
        region: what is smoothed.
        config: weights and rates.
    """

    def __init__(self, projector: Projector, body: Body, region: Region,
                 config: RefineConfig) -> None:
        self._projector = projector
        self._body = body
        self._config = config
        self._grid = grid_of(region, TV_VOXELS)
        self.adam = Adam(len(body.fine), config.adam)
        self._steps = 0
        self._smoothing: Gradients | None = None
        self._gradients = Gradients.zeros(len(body.fine))
        self._volume = np.empty(self._grid.shape, np.float32)
        self._variation = np.empty((2, *self._grid.shape), np.float32)

    def step(self, m: Measurement, view: int, exposures: Exposures,
             curvature: Majorisers, number: int, unexplained: float) -> StepResult:
        """Fit one view.

        Args:
            m: its measurement.
            view: its index.
            exposures: of all views.
            curvature: the shell's majorisers of all views.
            number: of the step, by which the rates have fallen; also tells when to smooth anew.
            unexplained: weighted RMS of the held-out residuals: what cannot be explained acts as
                noise, and asks for as much more smoothing.
        """
        body = self._body
        image = self._projector.render(body, m)
        residual = exposures.residual(view, m, image)
        trust = trusted(residual, m.weights + m.held_out, self._config.outliers)
        fitted = m.weights * trust
        weighted = fitted * residual
        factor = np.float32(-exposures.scales[view] / residual.size)
        gradients = self._projector.fine.gradient(self._projector.footprints, weighted * factor,
                                                  self._gradients)
        if self._config.tv_weight > 0:
            if self._smoothing is None or number % TV_PERIOD == 0:
                self._smoothing = self._smooth(unexplained)
            gradients.add(self._smoothing)
        shell_gradient = self._projector.backproject_shell(weighted)
        self.adam.step(body.fine, gradients,
                       self.rate(number) * self._boldness(residual, fitted))
        relax(body.shell.densities, shell_gradient, curvature.of(view),
              SHELL_RATE * self.rate(number))
        self._steps += 1
        return StepResult(weighted_rms(residual, fitted),
                          weighted_rms(residual, m.held_out * trust))

    def _boldness(self, residual: np.ndarray, weights: np.ndarray) -> float:
        """Return how many times as long a view's step is as the rates say."""
        # What is left of a truncated body is what lies beyond, which these Gaussians cannot fit.
        if len(self._body.shell):
            return 1.0
        return min(max(1.0, shared(residual, weights) / LITTLE), LONGEST)

    def rate(self, number: int) -> float:
        """Return the share of the full rates at a step.

        It rises for a few steps, for Adam's first ones are full-sized whatever the gradient, also
        after a checkpoint, where ``number`` is not the first; then it falls as
        1 / (1 + n / decay_steps).
        """
        warm_up = min(1.0, (min(number, self._steps) + 1) / WARM_UP)
        return warm_up / (1.0 + number / self._config.decay_steps)

    def _smooth(self, unexplained: float) -> Gradients:
        splatter = self._projector.fine
        volume = splatter.voxelize(self._body.fine, self._grid, self._volume)
        _, d_volume = total_variation(volume, TV_EPSILON, self._variation)
        d_volume *= np.float32(self._config.tv_weight * unexplained**TV_POWER / volume.size)
        return splatter.voxelize_gradient(self._body.fine, self._grid, d_volume, self._smoothing)
