"""The whole way: a pool, a training of some steps, weights that standardize, their figures."""

from __future__ import annotations

from dataclasses import replace
import shutil

import numpy as np
import pytest

from ixgs_ros.cli.main import main
from ixgs_ros.cli.train_standardizer import joined_licences
from ixgs_ros.simulation.material_shot import MaterialShot
from ixgs_ros.simulation.pair_making import make_pairs, PairSettings
from ixgs_ros.simulation.physics import Physics
from ixgs_ros.simulation.physics.own_ranges import changed_ranges
from ixgs_ros.simulation.physics.settings import ranges
from ixgs_ros.simulation.shot_pool import read_index, ShotPool, write_index
from ixgs_ros.standardization.network.sources import from_pool

SMALL = ['--set', 'network.focal=108.8', '--set', 'network.levels=2', '--set', 'batch=2',
         '--set', 'network.channels=8', '--set', 'tile=32', '--views', '4']


@pytest.fixture(scope='module')
def pool(tmp_path_factory):
    """Two procedural bodies, two shots each."""
    folder = tmp_path_factory.mktemp('pool')
    make_pairs(folder, PairSettings(('procedural',), 2, 2, 32, 0), lambda done: None)
    return folder


def test_a_pool_becomes_weights_that_standardize(pool, tmp_path, monkeypatch, capsys):
    from ixgs_ros.standardization.network.inference import BoneNetwork
    out = tmp_path / 'bone.safetensors'
    command = ['train-standardizer', '--pool', str(pool), '--out', str(out), *SMALL]
    assert main([*command, '--steps', '3']) == 0
    assert main([*command, '--steps', '5', '--resume']) == 0
    network = BoneNetwork.load(out)
    assert network.weights.provenance['steps'] == 5
    assert network.weights.provenance['shots'] == {'procedural': 4}
    assert network.weights.licences == {'procedural': 'made by this project, Apache-2.0'}
    shot: MaterialShot = ShotPool(pool)[0]
    mask = np.ones(shot.bone.shape, dtype=bool)
    assert network.standardize(shot.bone, mask, shot.view).bone.shape == shot.bone.shape
    assert (tmp_path / 'bone_procedural.png').is_file()
    assert (tmp_path / 'bone.safetensors.checkpoint.png').is_file()
    capsys.readouterr()
    elsewhere = tmp_path / 'elsewhere'
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    before = set(tmp_path.iterdir())
    assert main(['train-standardizer', '--pool', str(pool), '--evaluate', str(out),
                 '--views', '4']) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows] == ['source', 'procedural', 'procedural']
    assert set(tmp_path.iterdir()) == before
    assert [path.name for path in elsewhere.iterdir()] == ['bone_procedural.png']


def test_another_pool_of_the_same_size_does_not_go_on(pool, tmp_path, capsys):
    """Nor does another choice of its sources; the same pool in another folder does."""
    other, moved, named = (tmp_path / name for name in ('other', 'moved', 'named'))
    make_pairs(other, PairSettings(('procedural',), 2, 2, 32, 1), lambda done: None)
    for folder in (moved, named):
        shutil.copytree(pool, folder)
    index = read_index(named)
    index['bodies'][1]['source'] = 'specimen'
    write_index(named, index)
    command = ['train-standardizer', '--out', str(tmp_path / 'bone.safetensors'), *SMALL]
    assert main([*command, '--steps', '2', '--pool', str(pool)]) == 0
    resume = [*command, '--steps', '3', '--resume', '--pool']
    assert main([*resume, str(moved)]) == 0
    capsys.readouterr()
    assert main([*resume, str(other)]) == 2
    assert 'the same pool or pairs' in capsys.readouterr().err
    assert main([*resume, str(named)]) == 2
    assert ("trained with sources = ['procedural'], expected ['procedural', 'specimen']"
            in capsys.readouterr().err)


def test_ranges_of_ones_own_are_in_the_weights_and_a_training_goes_on_with_them_only(
        pool, tmp_path, capsys):
    from ixgs_ros.standardization.network.weights import load_weights
    out, file = tmp_path / 'bone.safetensors', tmp_path / 'physics.yaml'
    file.write_text('kvp: [70, 100]\nscatter: [0.5, 1]\n')
    command = ['train-standardizer', '--pool', str(pool), '--out', str(out), *SMALL]
    physics = ['--physics', str(file), '--set', 'physics.kvp=70,90']
    assert main([*command, *physics, '--steps', '2']) == 0
    assert main([*command, *physics, '--steps', '3', '--resume']) == 0
    held = load_weights(out).provenance['physics']
    assert (held['kvp'], held['scatter']) == ([70.0, 90.0], [0.5, 1.0])
    assert held['glare'] == [0.0, 0.1] and set(held) == set(ranges())
    capsys.readouterr()
    assert main([*command, '--physics', str(file), '--steps', '4', '--resume']) == 2
    assert ('trained with physics.kvp = [70.0, 90.0], expected [70.0, 100.0] as now'
            in capsys.readouterr().err)


def test_the_shots_of_a_training_are_exposed_within_its_ranges(pool):
    """As a voltage tells: hard beams meet less than soft ones, all else being neutral."""
    still = {name: [getattr(Physics(), name)] * 2 for name, entry in ranges().items()
             if entry.least <= getattr(Physics(), name) <= entry.most}
    means = []
    for kvp in (60, 120):
        within = changed_ranges({**still, 'kvp': [kvp, kvp]})
        example = from_pool(pool, [], {}, within).training.example(0, np.random.default_rng(0))
        means.append(float(example.line_integrals[example.mask].mean()))
    assert means[1] < 0.85 * means[0]


def test_a_training_goes_on_from_weights(pool, tmp_path, capsys):
    """With their network, whatever the default is, and with their licences."""
    from ixgs_ros.standardization.network.weights import load_weights, save_weights
    first, second = tmp_path / 'first.safetensors', tmp_path / 'second.safetensors'
    command = ['train-standardizer', '--pool', str(pool), '--steps', '2', '--views', '4']
    assert main([*command, *SMALL, '--out', str(first), '--licence', 'procedural=mine']) == 0
    save_weights(first, replace(load_weights(first), licences={'specimen': 'CC BY 4.0'}))
    going_on = [*command, '--start-from', str(first), '--out', str(second), '--set', 'batch=2',
                '--set', 'tile=32']
    assert main(going_on) == 0
    start, weights = load_weights(first), load_weights(second)
    assert weights.generator.config == start.generator.config
    assert weights.provenance['started_from'] == start.provenance
    assert weights.licences == {'specimen': 'CC BY 4.0',
                                'procedural': 'made by this project, Apache-2.0'}
    capsys.readouterr()
    assert main([*going_on, '--set', 'network.levels=3']) == 2
    assert 'no setting of the network beside --start-from' in capsys.readouterr().err
    assert main(['train-standardizer', '--pool', str(pool), '--evaluate', str(first),
                 '--start-from', str(first)]) == 2
    assert 'expected --out FILE beside it' in capsys.readouterr().err
    assert main([*command, '--start-from', str(tmp_path / 'none'), '--out', str(second)]) == 2
    assert 'no such file' in capsys.readouterr().err


def test_the_check_of_polarity_can_be_trained_alone_and_is_handed_on(pool, tmp_path_factory,
                                                                     tmp_path, capsys):
    from ixgs_ros.standardization.network.weights import load_weights
    many = tmp_path_factory.mktemp('many')
    make_pairs(many, PairSettings(('procedural',), 2, 120, 32, 0), lambda done: None)
    first, second, third = (tmp_path / f'{name}.safetensors' for name in ('a', 'b', 'c'))
    assert main(['train-standardizer', '--pool', str(pool), '--out', str(first), '--steps', '2',
                 *SMALL]) == 0
    alone = ['train-standardizer', '--pool', str(many), '--start-from', str(first), '--out',
             str(second), '--only-polarity', '--views', '4', '--set', 'tile=32']
    assert main(alone) == 2
    assert '--only-polarity: expected --start-from FILE and --set polarity_steps=N' \
        in capsys.readouterr().err
    assert main([*alone, '--set', 'polarity_steps=4']) == 0
    assert 'of negatives are refused' in capsys.readouterr().out
    before, after = load_weights(first), load_weights(second)
    assert before.polarity is None and after.polarity is not None
    for name, tensor in before.generator.state_dict().items():
        assert (after.generator.state_dict()[name] == tensor).all()
    assert (after.gate, after.domain) == (before.gate, before.domain)
    assert after.provenance['polarity']['steps'] == 4 and after.provenance['steps'] == 2
    assert main(['train-standardizer', '--pool', str(pool), '--start-from', str(second), '--out',
                 str(third), '--steps', '1', '--set', 'batch=2', '--set', 'tile=32',
                 '--views', '4']) == 0
    handed_on = load_weights(third)
    assert handed_on.negative_below == after.negative_below
    for name, tensor in after.polarity.state_dict().items():
        assert (handed_on.polarity.state_dict()[name] == tensor).all()
    assert main(['train-standardizer', '--pool', str(pool), '--start-from', str(first), '--out',
                 str(third), '--only-polarity', '--set', 'polarity_steps=4', '--set',
                 'tile=32']) == 2
    assert 'at least 225 shots' in capsys.readouterr().err
    assert main([*alone, '--set', 'polarity_steps=4', '--out', str(tmp_path / 'no/x.st')]) == 2
    assert 'there is no folder' in capsys.readouterr().err
    # Said before a training, not after it.
    fourth = tmp_path / 'd.safetensors'
    assert main(['train-standardizer', '--pool', str(pool), '--out', str(fourth), '--steps', '2',
                 *SMALL, '--set', 'polarity_steps=4']) == 2
    assert 'at least 225 shots' in capsys.readouterr().err
    assert not fourth.exists() and not (tmp_path / 'd.safetensors.checkpoint').exists()


def test_a_licence_that_was_known_is_not_forgotten():
    found = joined_licences({'a': 'CC BY 3.0', 'b': 'old'}, {'a': 'unknown', 'b': 'new',
                                                             'c': 'unknown'})
    assert found == {'a': 'CC BY 3.0', 'b': 'new', 'c': 'unknown'}


@pytest.mark.parametrize(('arguments', 'words'), [
    (['--out', 'x.safetensors'], 'either a number of steps or a time'),
    (['--out', 'x.safetensors', '--steps', '2', '--exclude-source', 'moon'], "got 'moon'"),
    (['--out', 'x.safetensors', '--steps', '2', '--resume'], 'cannot be read'),
    (['--evaluate', 'none.safetensors'], 'no such file'),
    (['--out', 'x.safetensors', '--steps', '-2', '--minutes', '1'], 'got -2 steps and 60.0 s'),
    (['--out', 'x.safetensors', '--steps', '2', '--views', '0'], '--views 0: expected at least 1'),
    (['--out', 'x.safetensors', '--steps', '2', '--seed', '-1'], '--seed -1: expected at least 0'),
    (['--out', 'x.safetensors', '--steps', '2', '--set', 'physics.kvp=90,70'],
     'physics.kvp: expected the lower number first, got 90 and 70'),
    (['--out', 'x.safetensors', '--steps', '2', '--set', 'physics.kvq=70,90'],
     "unknown parameter 'physics.kvq'; did you mean 'physics.kvp'"),
    (['--out', 'x.safetensors', '--steps', '2', '--physics', 'none.yaml'],
     'none.yaml: expected a YAML file of ranges'),
    (['--steps', '2'], 'either --out FILE to train or --evaluate FILE'),
])
def test_what_cannot_be_done_is_one_line(pool, tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    assert main(['train-standardizer', '--pool', str(pool), *arguments]) == 2
    assert words in capsys.readouterr().err


def test_pairs_are_as_they_were_exposed(tmp_path, capsys):
    assert main(['train-standardizer', '--pairs', str(tmp_path), '--steps', '1', '--out',
                 str(tmp_path / 'x.safetensors'), '--set', 'physics.kvp=70,90']) == 2
    assert 'expected --pool beside ranges of the physics' in capsys.readouterr().err


def test_a_folder_that_is_no_pool_is_named(tmp_path, capsys):
    assert main(['train-standardizer', '--pool', str(tmp_path), '--steps', '1', '--out',
                 str(tmp_path / 'x.safetensors')]) == 2
    assert 'not a pool of shots' in capsys.readouterr().err
