"""Two models of one recording, of bone and of attenuation, offline."""

import json
import time

import nibabel
import numpy as np
import pytest
import yaml

from ixgs_ros.cli.main import main
from ixgs_ros.session.clock import PartClock, WorkClock


@pytest.fixture(scope='module')
def both(params, half_network, tmp_path_factory):
    """The parameter file of the small rig, with a network that takes half of all for bone."""
    content = yaml.safe_load(params.read_text())
    content['/carm/standardizer'] = {'ros__parameters': {'mode': 'both',
                                                         'weights': str(half_network)}}
    path = tmp_path_factory.mktemp('params') / 'both.yaml'
    path.write_text(yaml.safe_dump(content))
    return path


def test_each_model_is_of_its_own_shots_and_they_share_the_budget(faulty_bag, both, tmp_path):
    """A shot that the stages before refuse is in neither."""
    assert main(['replay', str(faulty_bag), '--params', str(both), '--out', str(tmp_path),
                 '--offline', '--steps', '41']) == 0
    bone, attenuation = (nibabel.load(tmp_path / f'{name}.nii.gz')
                         for name in ('volume', 'attenuation'))
    np.testing.assert_array_equal(bone.affine, attenuation.affine)
    share = bone.get_fdata().sum() / attenuation.get_fdata().sum()
    assert share == pytest.approx(0.5, rel=0.2)
    report = json.loads((tmp_path / 'report.json').read_text())
    second = report['attenuation']
    assert (report['steps'], second['steps']) == (21, 20)
    assert second['views'] == report['views'] == {'received': 9, 'accepted': 5, 'refused': {
        'DUPLICATE': 1, 'NO_SIGNAL': 1, 'TRANSFORM_GAP': 1, 'UNCALIBRATED': 1}}
    used = [shot['id'] for shot in second['shots'] if shot['code'].startswith('ACCEPTED')]
    assert used == [1, 3, 5, 7, 9]


def test_what_is_shared_is_counted_once():
    """Of 0.1 s for both, each of two models pays half beside its own 0.05 s."""
    common, own = WorkClock(), WorkClock()
    for clock, seconds in ((common, 0.1), (own, 0.05)):
        with clock:
            end = time.process_time() + seconds
            while time.process_time() < end:
                pass
    part = PartClock(own, common, 2)
    assert part.cpu_s == own.cpu_s + common.cpu_s / 2
    assert 0.1 < part.cpu_s < 0.2
