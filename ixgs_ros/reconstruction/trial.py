"""Trials of a suspect view: do coarse voxels explain the others better without it?

Voxels are filled twice, with and without the suspect, in the same order of views: so the two
differ by nothing but what that view says, and a right one changes the others' residuals by next
to nothing. From starts in different orders, they differ by a tenth or more by chance.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from ixgs_ros.reconstruction import coarse
from ixgs_ros.reconstruction.config import ReconstructionConfig
from ixgs_ros.reconstruction.exposure import fit_exposure
from ixgs_ros.reconstruction.measurement import Measurement
from ixgs_ros.reconstruction.outliers import photon_residual
from ixgs_ros.reconstruction.start import empty_layers
from ixgs_ros.reconstruction.work import Pieces
from ixgs_ros.volume.grid import Region


def residuals(measurements: list[Measurement], offsets: np.ndarray, used: np.ndarray,
              region: Region, config: ReconstructionConfig) -> Pieces[np.ndarray]:
    """Return the residuals (views,) that coarse voxels from the used views leave in all views.

    Args:
        measurements: of all views, at their poses as known by now.
        offsets: (views,) their exposure offsets as known by now.
        used: (views,) bool, which fill the voxels.
        region: of the volume.
        config: extent and seed.
    """
    # Blind views stay in the list, so that the order of the others is the same without them.
    seeing = [m if taken else blind(m) for m, taken in zip(measurements, used, strict=True)]
    layers = coarse.occupied((yield from empty_layers(seeing, offsets, region, config)))
    yield from coarse.solve(layers, seeing, offsets, config.seed, coarse.TRIAL)
    volumes = [layer.volume for layer in layers]
    found = []
    for m in measurements:
        m = coarse.binned(m, layers[0].grid)
        image = coarse.project(layers, volumes, m)
        offset, scale = fit_exposure(m.values, image, m.weights, m.known_offset)
        found.append(photon_residual(m, m.values - np.float32(offset) - np.float32(scale) * image))
        yield
    return np.array(found)


def blind(m: Measurement) -> Measurement:
    """Return a measurement of the same view that says nothing."""
    nothing = np.zeros_like(m.weights)
    return dataclasses.replace(m, weights=nothing, held_out=nothing)
