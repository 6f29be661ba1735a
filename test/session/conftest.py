"""A small rig: a ball of water with bones in it, six shots of 48 pixels."""

import numpy as np
import pytest

from ixgs_ros.parameters import build
from ixgs_ros.session.bag import BagWriter
from ixgs_ros.session.recording import record_rig, write_parameters
from ixgs_ros.simulation.ct import Ct
from ixgs_ros.simulation.faults import Fault
from ixgs_ros.simulation.rig import RigConfig, VirtualRig

RIG = {'views': 6, 'region_size': 0.08, 'carm.height': 48, 'carm.width': 48,
       'carm.pixel_pitch': 0.0036, 'timing.interval': 1.0, 'jitter.rotation_deg': 0.0,
       'jitter.translation': 0.0, 'exposure_error': 0.0}
# Few Gaussians and coarse voxels: what is tested here is the way, not the quality.
SMALL = 'model.max_gaussians: 1500, volume.spacing: 0.004'


def small_ct():
    spacing, size = 0.004, 41
    axis = spacing * (np.arange(size) - size // 2)
    z, y, x = np.meshgrid(axis, axis, axis, indexing='ij')
    hu = np.full((size, size, size), -1000.0, np.float32)
    hu[x**2 + y**2 + z**2 < 0.06**2] = 0.0
    hu[(x - 0.015)**2 + (y + 0.01)**2 + (z - 0.02)**2 < 0.012**2] = 800.0
    hu[(x + 0.02)**2 + y**2 < 0.008**2] = 500.0
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = axis[0]
    return Ct(hu, affine, 'small')


def small_rig(faults=None, **values):
    return VirtualRig(small_ct(), build(RigConfig, {**RIG, **values}), faults=faults)


def record(folder, rig, storage='mcap'):
    with BagWriter(folder, storage) as writer:
        record_rig(rig, writer)
        write_parameters(writer.folder / 'params.yaml', rig)
    return folder


@pytest.fixture(scope='session')
def rig():
    return small_rig()


@pytest.fixture(scope='session', params=['mcap', 'sqlite3'])
def bag(request, tmp_path_factory):
    return record(tmp_path_factory.mktemp('bags') / f'rig_{request.param}', small_rig(),
                  request.param)


@pytest.fixture(scope='session')
def mcap_bag(tmp_path_factory):
    return record(tmp_path_factory.mktemp('bags') / 'rig', small_rig())


@pytest.fixture(scope='session')
def faulty_bag(tmp_path_factory):
    faults = {1: Fault.TF_GAP, 3: Fault.UNCALIBRATED, 5: Fault.BLACK, 7: Fault.DUPLICATE}
    rig = small_rig(faults, views=9, **{'timing.interval': 4.0})
    return record(tmp_path_factory.mktemp('bags') / 'faulty', rig)


@pytest.fixture(scope='session')
def params(mcap_bag, tmp_path_factory):
    text = (mcap_bag / 'params.yaml').read_text()
    path = tmp_path_factory.mktemp('params') / 'small.yaml'
    path.write_text(text + '\n/carm/reconstructor:\n  ros__parameters: {' + SMALL + '}\n')
    return path
