"""The default region: at the spine, whichever way the voxels run."""

from dataclasses import replace

import numpy as np
import pytest

from ixgs_ros.simulation.ct import Ct
from ixgs_ros.simulation.phantom import lumbar_phantom
from ixgs_ros.simulation.rig import RigConfig, VirtualRig
from ixgs_ros.simulation.target import spine_target

PHANTOM = replace(lumbar_phantom(spacing=0.002), target=None)


def test_it_lies_between_body_and_canal():
    # The canal of L3 is 27 mm behind the middle of its body, which is at y = -8 mm.
    assert spine_target(PHANTOM) == pytest.approx([0.0, 0.012, 0.0], abs=0.012)
    rig = VirtualRig(PHANTOM, RigConfig(views=2))
    assert rig.lps_from_reference.translation == pytest.approx(spine_target(PHANTOM))


def test_it_does_not_depend_on_the_order_of_the_voxels():
    """The same patient with axes swapped and turned round, and moved."""
    moved = PHANTOM.lps_from_index.copy()
    moved[:3, 3] += [0.4, -0.3, 0.2]
    i, j, k = moved[:3, :3].T
    nz = PHANTOM.hu.shape[0]
    swapped = np.eye(4)
    swapped[:3, :3] = np.stack([j, i, -k], axis=1)
    swapped[:3, 3] = moved[:3, 3] + (nz - 1) * k
    turned = Ct(PHANTOM.hu[::-1].transpose(0, 2, 1), swapped)
    assert spine_target(turned) == pytest.approx(spine_target(PHANTOM) + [0.4, -0.3, 0.2])


@pytest.mark.parametrize('hu', [0.0, -1000.0])
def test_without_bone_it_is_the_middle(hu):
    ct = Ct(np.full((20, 30, 40), hu), np.diag([0.004, 0.004, 0.004, 1.0]))
    assert spine_target(ct) == pytest.approx(ct.center)
