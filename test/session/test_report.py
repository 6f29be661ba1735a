"""report.json: what docs/contracts.md lists, as JSON that every reader takes."""

import json

import numpy as np
import pytest

from ixgs_ros.geometry import RigidTransform
from ixgs_ros.reconstruction.correction import Correction
from ixgs_ros.reconstruction.fit import ShotFit
from ixgs_ros.session.report import latency_statistics, Report, ShotRecord
from ixgs_ros.verdict import Code, Verdict
from ixgs_ros.volume.metrics import Metrics


def report():
    moved = RigidTransform.from_rotation_vector(np.deg2rad([0.0, 0.3, 0.4]),
                                                np.array([0.003, 0.0, 0.004]))
    fit = ShotFit(2, Verdict(Code.ACCEPTED_CORRECTED, 'moved'), 0.02, 0.05, 1.01,
                  correction=Correction(moved, pose_covariance=1e-6 * np.eye(6)))
    return Report([ShotRecord.fitted(20, fit),
                   ShotRecord.refused(3, 30, Verdict(Code.NO_SIGNAL, 'dark')),
                   ShotRecord.refused(1, 10, Verdict(Code.TRANSFORM_GAP, 'gap of 3 s'))],
                  [0.5], 12.0, 6.0, 1000, 300, 0.03,
                  Metrics(float('inf'), 0.0, 1.0, 0.076, 5, 1.0))


def test_the_keys_of_the_contract(tmp_path):
    report().write(tmp_path / 'report.json')
    text = (tmp_path / 'report.json').read_text()
    found = json.loads(text, parse_constant=lambda name: pytest.fail(f'{name} is no JSON'))
    assert found['views'] == {'received': 3, 'accepted': 1,
                              'refused': {'NO_SIGNAL': 1, 'TRANSFORM_GAP': 1}}
    assert [shot['id'] for shot in found['shots']] == [1, 2, 3]
    assert list(found['shots'][1]) == [
        'id', 'stamp', 'code', 'message', 'residual', 'exposure_offset', 'scale',
        'pose_correction_mm', 'pose_correction_deg', 'pose_covariance']
    assert found['shots'][1]['pose_correction_mm'] == pytest.approx(5.0)
    assert found['shots'][1]['pose_correction_deg'] == pytest.approx(0.5)
    assert found['shots'][1]['pose_covariance'] == (1e-6 * np.eye(6)).ravel().tolist()
    assert found['shots'][0] == {
        'id': 1, 'stamp': 10, 'code': 'TRANSFORM_GAP', 'message': 'gap of 3 s', 'residual': None,
        'exposure_offset': None, 'scale': None, 'pose_correction_mm': None,
        'pose_correction_deg': None, 'pose_covariance': None}
    assert found['latency_s'] == {'median': 0.5, 'p95': 0.5, 'worst': 0.5}
    for key in ('cpu_s', 'wall_s', 'gaussians', 'steps', 'held_out_residual'):
        assert key in found
    assert {'ixgs', 'python', 'numpy', 'numba'} <= set(found['versions'])
    assert {'cpu', 'cores', 'memory_gib', 'system'} <= set(found['machine'])
    assert found['metrics']['psnr_db'] == 'inf' and found['metrics']['rmse_hu'] == 0.0


def test_a_covariance_that_is_not_known_is_null():
    moved = Correction(RigidTransform(translation=np.array([0.001, 0.0, 0.0])))
    accepted = Verdict(Code.ACCEPTED, '')
    assert ShotRecord.fitted(0, ShotFit(1, accepted, correction=moved)).pose_covariance is None
    assert ShotRecord.fitted(0, ShotFit(1, accepted)).pose_covariance == [0.0] * 36


def test_without_truth_there_are_no_metrics():
    assert 'metrics' not in Report().to_dict()


def test_latency_statistics():
    found = latency_statistics([float(n) for n in range(1, 101)])
    assert found == {'median': 50.5, 'p95': pytest.approx(95.05), 'worst': 100.0}
    assert all(np.isnan(value) for value in latency_statistics([]).values())
