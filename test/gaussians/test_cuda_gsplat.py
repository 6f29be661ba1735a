"""Against gsplat's own kernels: needs a GPU and a gsplat whose kernels are compiled."""

from device_scenes import DEVICE, tensor
from gaussian_scenes import random_model, random_view
import numpy as np
import pytest
import torch

from ixgs_ros.gaussians.cuda.binning import bin_boxes, bin_with, gsplat_intersection
from ixgs_ros.gaussians.cuda.model import DeviceModel
from ixgs_ros.gaussians.cuda.splatter import CudaSplatter

pytestmark = pytest.mark.skipif(gsplat_intersection() is None,
                                reason='needs a GPU and a compiled gsplat')


def test_projection_equals_that_of_gsplat():
    """Centres and conics, without its low-pass; its pixels count from corners.

    Only where both see a Gaussian: it ends at 3.33σ and leaves what it culls uninitialised. All
    lie well inside, for it bends the affine map of what lies further out.
    """
    from gsplat import fully_fused_projection
    model, view = random_model(0, 200, 0.03), random_view(0, 64, 64, 300.0)
    on_device = DeviceModel.from_host(model, DEVICE)
    footprints = CudaSplatter(3.0, DEVICE).project(on_device, view)
    k = view.k + np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
    matrix = np.eye(4)
    matrix[:3, :3] = view.source_from_reference.rotation
    matrix[:3, 3] = view.source_from_reference.translation
    radii, centers, _, conics, _ = fully_fused_projection(
        on_device.means, None, on_device.quaternions, on_device.log_scales.exp(),
        tensor(matrix)[None], tensor(k)[None], 64, 64, eps2d=0.0)
    both = footprints.seen & (radii[0] > 0).all(dim=1)
    assert both.sum() > 100
    _, _, a, slope, c = footprints.table[both, :5].unbind(1)
    # Σ⁻¹ = Wᵀ W of the whitening W = ((a, 0), (-slope c, c)).
    expected = torch.stack([a * a + (slope * c) ** 2, -slope * c * c, c * c], dim=1)
    torch.testing.assert_close(centers[0][both] - 0.5, footprints.centers[both], rtol=1e-4,
                               atol=1e-3)
    torch.testing.assert_close(conics[0][both], expected, rtol=1e-3, atol=1e-4)


def test_tiles_of_gsplat_hold_all_that_ours_hold():
    rng = np.random.default_rng(1)
    centers, halves = tensor(rng.uniform(-20, 120, (500, 2))), tensor(rng.exponential(6, (500, 2)))
    halves[::5] = -1
    theirs = bin_with(gsplat_intersection(), centers, halves, (100, 90), 16)
    ours = bin_boxes(centers, halves, (100, 90), (16, 16))
    for k in range(len(ours.offsets) - 1):
        found, needed = (bins.members[bins.offsets[k]:bins.offsets[k + 1]].tolist()
                         for bins in (theirs, ours))
        assert set(needed) <= set(found) and found == sorted(found)
