"""The experiment from shots to table, on a coarse phantom and with shots by the ray caster."""

from dataclasses import replace

import numpy as np
import pytest

from ixgs_ros.cli import main as command
from ixgs_ros.cli.evaluate import seen_in_training
from ixgs_ros.evaluation import simulators
from ixgs_ros.evaluation.arms import make_arm
from ixgs_ros.evaluation.experiment import Experiment, Series
from ixgs_ros.evaluation.patient import GRID, Patient
from ixgs_ros.evaluation.shot_cache import ShotCache
from ixgs_ros.evaluation.simulators import Ours
from ixgs_ros.evaluation.table import markdown, Rows
from ixgs_ros.simulation.phantom import lumbar_phantom
from ixgs_ros.simulation.ray_caster import RayCaster
from ixgs_ros.standardization.network import SHIPPED

SECONDS = 0.2


class Caster:
    """Takes shots without any physics, and counts them."""

    def __init__(self, patient):
        self._caster = RayCaster.from_affine(patient.per_m, patient.reference_from_index)
        self.taken = 0

    def line_integrals(self, view, number):
        self.taken += 1
        return self._caster.project(view)


@pytest.fixture(scope='module')
def patient():
    return Patient.of(lumbar_phantom(spacing=0.003))


@pytest.fixture(scope='module')
def series():
    return Series('small', 'gecatsim', 'arbitrary', 0, 48)


@pytest.fixture(scope='module')
def rows(patient, series, tmp_path_factory):
    folder = tmp_path_factory.mktemp('evaluation')
    experiment = Experiment(series, patient, folder / 'shots', Caster(patient))
    rows = Rows(folder / 'evaluation.csv')
    for arm in ('raw', 'ideal'):
        rows.add(experiment.answer(series.question(arm, '', 6, SECONDS), make_arm(arm)))
    return rows


def test_the_bone_of_the_ct_is_better_than_all_of_it(rows):
    raw, ideal = rows.rows
    assert ideal.psnr_db > raw.psnr_db + 2 and ideal.dice > raw.dice
    assert ideal.surface_mm < raw.surface_mm and ideal.view_psnr_db > raw.view_psnr_db + 2
    assert ideal.dice > 0.7 and ideal.relative_l1 == 0.0
    assert np.isnan(raw.relative_l1)


def test_what_an_arm_leaves_open_counts_as_said(patient, series, tmp_path):
    def half_blind(shot, bone):
        told = np.ones_like(bone)
        told[:, bone.shape[1] // 2:] = 0
        return replace(shot, line_integrals=told * bone, weights=told, quantity='bone',
                       exposure_offset=0.0)
    experiment = Experiment(series, patient, tmp_path / 'shots', Caster(patient))
    row = experiment.answer(series.question('ideal', '', 6, SECONDS), half_blind)
    assert row.relative_l1 > 0.2 and row.lost > 0.2


def test_rows_are_kept_and_known_again(rows, series, tmp_path):
    path = tmp_path / 'evaluation.csv'
    Rows(path).add(rows.rows[0])
    again = Rows(path)
    assert again.has(series.question('raw', '', 6, SECONDS))
    assert not again.has(series.question('ideal', '', 6, SECONDS))
    assert again.rows[0].psnr_db == pytest.approx(rows.rows[0].psnr_db, abs=1e-4)


def test_the_table_says_what_is_left_of_the_gap(rows):
    lines = markdown(rows.rows).splitlines()
    assert len(lines) == 4 and all(line.count('|') == lines[0].count('|') for line in lines)
    assert '| raw |' in lines[2] and lines[2].endswith('| 100 % | 100 % | 100 % |')
    assert '| ideal |' in lines[3] and lines[3].endswith('| 0 % | 0 % | 0 % |')


def test_shots_are_taken_once(patient, series, tmp_path):
    caster = Caster(patient)
    views = series.views
    first = ShotCache(tmp_path, caster).shot(views[0], 0)
    assert np.array_equal(ShotCache(tmp_path, caster).shot(views[0], 0), first)
    assert caster.taken == 1
    other = Series('small', 'gecatsim', 'arbitrary', 0, 32).views
    with pytest.raises(ValueError, match='expected an image of 32'):
        ShotCache(tmp_path, caster).shot(other[0], 0)


def test_shots_and_rows_of_before_are_not_taken_for_those_of_now(patient, rows, series, tmp_path,
                                                                 monkeypatch):
    """A simulator that makes other shots has another number, and with it another name."""
    question = series.question('raw', '', 6, SECONDS)
    assert rows.has(question)
    first, second = Caster(patient), Caster(patient)
    Experiment(series, patient, tmp_path, first).take([0], lambda done: None)
    monkeypatch.setitem(simulators.VERSIONS, 'gecatsim', 99)
    Experiment(series, patient, tmp_path, second).take([0], lambda done: None)
    assert (first.taken, second.taken) == (1, 1)
    assert not rows.has(series.question('raw', '', 6, SECONDS))
    # Those of the time when contrast medium was bone-like had no number.
    assert question.simulator != 'gecatsim'


def test_the_truth_is_bone_about_the_spinal_canal(patient):
    truth = patient.truth()
    near = np.linalg.norm(GRID.points(), axis=-1) < 0.03
    assert truth[near].max() > 30.0 and 0.1 < (truth[near] > 15.0).mean() < 0.9
    # In front of the spine, which is where y falls, there is no bone.
    assert truth[:, 2].max() == 0.0


@pytest.mark.parametrize(('arguments', 'said'), [
    (['--views', '31'], '--views 31: expected 2 to 30'),
    (['--seconds', '0'], '--seconds 0: expected more than 0'),
    (['--arms', 'best'], '--arms best: expected some of raw, physics_bone, network, ideal'),
    (['--weights', '/none.safetensors'], '--weights /none.safetensors: there is no such file'),
    (['--ct', '/none.nii'], '--ct: /none.nii: there is no such file'),
    (['--seed', '0', '-1'], '--seed -1: expected at least 0'),
    (['--detector', '8'], '--detector 8: expected at least 32 pixels')])
def test_a_call_that_cannot_be_is_one_line(arguments, said, tmp_path, capsys):
    assert command.main(['evaluate', '--ct', 'phantom', '--out', str(tmp_path), *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count('\n') == 1


def test_patients_that_the_weights_were_trained_on_are_named():
    said = seen_in_training(['lidc', 'folder/abdomen_2mm.npz', 'folder/patient.nii.gz'], SHIPPED)
    assert 'bone.safetensors was trained on abdomen_2mm, lidc:' in said
    assert seen_in_training(['phantom', 'folder/patient.nii.gz'], SHIPPED) == ''


def test_a_table_that_is_another_is_named(tmp_path, capsys):
    (tmp_path / 'evaluation.csv').write_text('colour,size\nred,2\n')
    assert command.main(['evaluate', '--ct', 'phantom', '--out', str(tmp_path), '--arms',
                         'raw']) == 2
    error = capsys.readouterr().err
    assert 'evaluation.csv: expected a column ct' in error and error.count('\n') == 1


def test_our_simulator_shoots_the_same_body_from_the_same_place(patient, series):
    view = series.views[1]
    image = Ours(patient, 0).line_integrals(view, 1)
    wanted = Caster(patient).line_integrals(view, 1)
    usable = np.isfinite(image)
    assert usable.mean() > 0.2
    assert np.corrcoef(image[usable], wanted[usable])[0, 1] > 0.9
    assert np.corrcoef(image[usable], wanted[::-1][usable])[0, 1] < 0.9
