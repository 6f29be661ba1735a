"""Offline replay: verdicts, budgets, determinism."""

import gzip
import itertools
import json
import time

import numpy as np
import pytest
import yaml

from ixgs_ros.acquisition import gate
from ixgs_ros.cli.main import main
from ixgs_ros.parameters import ParameterError
from ixgs_ros.reconstruction.memory import estimate_memory
from ixgs_ros.reconstruction.reconstructor import Reconstructor
from ixgs_ros.session.bag import BagReader
from ixgs_ros.session.budget import CpuBudget, StepBudget, UntilConverged
from ixgs_ros.session.clock import WorkClock
from ixgs_ros.session.offline import replay_offline
from ixgs_ros.session.parameters_file import load_parameters
from ixgs_ros.simulation.attenuation import attenuation
from ixgs_ros.standardization import Standardizer
from ixgs_ros.verdict import Code
from ixgs_ros.volume.files import nifti_bytes
from ixgs_ros.volume.metrics import evaluate, Truth


def replay(bag, params, budget):
    with BagReader(bag) as reader:
        return replay_offline(reader, load_parameters(params), budget(reader.images))


def test_exactly_so_many_steps_and_the_same_bytes(mcap_bag, params):
    results = [replay(mcap_bag, params, lambda images: StepBudget(25, images)) for _ in range(2)]
    files = []
    for result in results:
        assert result.report.steps == 25 and result.report.accepted == 6
        lps = load_parameters(params).lps_from_reference
        files.append(gzip.compress(nifti_bytes(result.volume, result.grid, lps), mtime=0))
    assert files[0] == files[1]


def test_the_volume_lies_where_the_truth_does(mcap_bag, params, rig):
    result = replay(mcap_bag, params, lambda images: StepBudget(40, images))
    truth = Truth(attenuation(rig.ct.hu), rig.ct.lps_from_index)
    lps = load_parameters(params).lps_from_reference
    found = evaluate(result.volume, result.grid, truth, lps, result.region)
    flipped = [evaluate(np.flip(result.volume, axis), result.grid, truth, lps, result.region)
               for axis in range(3)]
    assert found.psnr_db > 15
    assert all(found.psnr_db > other.psnr_db + 0.3 for other in flipped)


def test_each_image_gets_one_verdict_and_refusals_leave_the_rest_alone(faulty_bag, params):
    events = []
    with BagReader(faulty_bag) as reader:
        result = replay_offline(reader, load_parameters(params), StepBudget(10, reader.images),
                                events.append)
    codes = {record.id: record.code.value for record in result.report.shots}
    assert codes == {1: 'ACCEPTED', 2: 'TRANSFORM_GAP', 3: 'ACCEPTED', 4: 'UNCALIBRATED',
                     5: 'ACCEPTED', 6: 'NO_SIGNAL', 7: 'ACCEPTED', 8: 'DUPLICATE', 9: 'ACCEPTED'}
    assert sorted(event.record.id for event in events) == list(range(1, 10))
    assert len(result.report.latencies_s) == 5
    assert result.report.refused == {'DUPLICATE': 1, 'NO_SIGNAL': 1, 'TRANSFORM_GAP': 1,
                                     'UNCALIBRATED': 1}


class Unforeseen(Exception):
    pass


def failing_at(method, number):
    """The method of an object that takes a shot, failing at the end of its work on one.

    Not on one of the warm-up, which has its number for a stamp.
    """
    def failing(self, shot):
        result = method(self, shot)
        if shot.id == number != shot.stamp_ns:
            raise Unforeseen('nobody thought of this')
        return result
    return failing


def test_a_shot_that_is_failed_at_is_reported_and_the_rest_is_as_without_it(
        mcap_bag, params, monkeypatch):
    """Failed at by the acquisition, the standardizer, and the reconstruction with it in."""
    number, decode = itertools.count(1), gate.counts_to_line_integrals

    def failing(*given, **named):
        if next(number) == 1:
            raise Unforeseen('nobody thought of this')
        return decode(*given, **named)
    told = []
    monkeypatch.setattr(gate, 'counts_to_line_integrals', failing)
    monkeypatch.setattr(Standardizer, 'standardize', failing_at(Standardizer.standardize, 3))
    monkeypatch.setattr(Reconstructor, 'add_shot', failing_at(Reconstructor.add_shot, 5))
    with BagReader(mcap_bag) as reader:
        result = replay_offline(reader, load_parameters(params), StepBudget(0, reader.images),
                                on_failure=told.append)
    codes = {record.id: record.code.value for record in result.report.shots}
    assert codes == {1: 'FAILED', 2: 'ACCEPTED', 3: 'FAILED', 4: 'ACCEPTED', 5: 'FAILED',
                     6: 'ACCEPTED'}
    assert [type(error) for error in told] == 3 * [Unforeseen]
    assert all('ended with Unforeseen: nobody thought of this' in record.message
               for record in result.report.shots if record.code is Code.FAILED)
    assert result.volume is not None and len(result.report.latencies_s) == 3


def test_the_command_goes_on_after_a_failure_and_says_where_it_was(mcap_bag, params, tmp_path,
                                                                   monkeypatch, capfd):
    monkeypatch.setattr(Reconstructor, 'add_shot', failing_at(Reconstructor.add_shot, 2))
    assert main(['replay', str(mcap_bag), '--params', str(params), '--out', str(tmp_path),
                 '--offline', '--steps', '1']) == 0
    out, err = capfd.readouterr()
    assert '5 of 6 shots accepted; refused: 1 FAILED' in out + err
    assert 'Unforeseen: nobody thought of this' in err and 'in failing' in err
    report = json.loads((tmp_path / 'report.json').read_text())
    assert report['views']['refused'] == {'FAILED': 1}
    assert (tmp_path / 'volume.nii.gz').exists()


def test_a_model_of_bone_refuses_shots_of_everything(mcap_bag, params, tmp_path):
    bone = tmp_path / 'bone.yaml'
    content = yaml.safe_load(params.read_text())
    content['/**']['ros__parameters']['quantity'] = 'bone'
    bone.write_text(yaml.safe_dump(content))
    result = replay(mcap_bag, bone, lambda images: StepBudget(1, images))
    assert set(result.report.refused) == {'INCONSISTENT'} and result.volume is None
    assert "shows 'attenuation', expected 'bone'" in result.report.shots[0].message


def test_a_cpu_budget_is_kept(mcap_bag, params):
    free = replay(mcap_bag, params, lambda images: StepBudget(0, images)).report.cpu_s
    # What cannot be left out takes up to a third longer on a busy machine.
    budget = 1.5 * free
    report = replay(mcap_bag, params, lambda images: CpuBudget(budget, images)).report
    assert report.steps > 0
    assert report.cpu_s < budget + 0.5


def test_held_out_pixels_end_a_run_without_a_budget(mcap_bag, params):
    report = replay(mcap_bag, params, lambda images: UntilConverged()).report
    assert 48 <= report.steps < 5000
    assert 0 < report.held_out_residual < 0.5


def test_budgets_that_are_none():
    with pytest.raises(ValueError, match='got -1'):
        StepBudget(-1, 3)
    with pytest.raises(ValueError, match='got 0'):
        CpuBudget(0.0, 3)


def test_the_clock_counts_work_only():
    clock, start = WorkClock(), time.process_time()
    with clock:
        end = time.process_time() + 0.05
        while time.process_time() < end:
            pass
    worked, most = clock.cpu_s, time.process_time() - start + 0.02
    end = time.process_time() + 0.05
    while time.process_time() < end:
        pass
    assert clock.cpu_s == worked and 0.045 < worked < most
    with clock, pytest.raises(RuntimeError, match='stands still'):
        clock.__enter__()


def test_what_memory_cannot_hold_is_refused_before_a_shot_is_read(bag, tmp_path, two_gigabytes):
    """1000³ voxels are 4 GB."""
    path = tmp_path / 'large.yaml'
    path.write_text('/**: {ros__parameters: {region.size: [0.3, 0.3, 0.3], '
                    'volume.spacing: 0.0003}}')
    seen = []
    with BagReader(bag) as reader, pytest.raises(ParameterError, match=r'volume.spacing 0.0003 m'):
        replay_offline(reader, load_parameters(path), StepBudget(1, reader.images),
                       seen.append, seen.append)
    assert not seen


def test_what_it_takes_is_said_once(bag, params):
    said = []
    with BagReader(bag) as reader:
        replay_offline(reader, load_parameters(params), StepBudget(1, reader.images),
                       on_memory=said.append)
    assert said == [estimate_memory(load_parameters(params).reconstructor)]
