"""The work that `ixgs bench kernels` holds the kernels' times against."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ixgs_ros.gaussians import reference
from ixgs_ros.gaussians.cpu import CpuSplatter, grid_frame, plane_frame

CUT = 3.0


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2] / 'bench'))
    import _kernels_scene
    import _roofline
    return _kernels_scene, _roofline


def within(parameters, points):
    """Return how many pairs of a Gaussian and a point lie within the cut, in float64."""
    means, log_scales, quaternions, _ = parameters
    offsets = torch.tensor(points).reshape(-1, 1, 3) - means
    whitened = torch.einsum('pni,nij->pnj', offsets, reference.rotations(quaternions))
    return int(((whitened / log_scales.exp()).square().sum(-1) <= CUT**2).sum())


def test_pairs_are_counted_as_the_reference_counts_them(bench):
    scenes, roofline = bench
    model, view = scenes.scene(100), scenes.view_of(64)
    parameters = reference.parameters_of(model)
    seen = reference.footprints(parameters, reference.camera_of(view, torch.device('cpu')))
    v, u = np.indices((64, 64), dtype=np.float64)
    pixels = np.stack([u, v], -1).reshape(-1, 1, 2)
    offsets = torch.tensor(pixels) - seen.centers
    squared = torch.einsum('pni,nij,pnj->pn', offsets, torch.linalg.inv(seen.covariance), offsets)
    assert roofline.pairs_in_view(CpuSplatter().project(model, view), CUT) == int(
        (squared <= CUT**2).sum())
    grid, plane = scenes.grid_of(24), scenes.plane_of(64)
    assert roofline.pairs_in_box(model, grid_frame(grid), grid.shape, CUT) == within(
        parameters, grid.points())
    assert roofline.pairs_in_box(model, plane_frame(plane), (1, 64, 64), CUT) == within(
        parameters, plane.points())
