"""The commands simulate and replay as a user calls them: exit codes, files, one-line errors."""

import json
from pathlib import Path
import signal
import subprocess
import sys
import time

import nibabel
import numpy as np
import pytest
import yaml

from ixgs_ros.cli.main import main
from ixgs_ros.session.bag import BagReader

RIG = ['--views', '5', '--detector', '40', '--region', '80', '--jitter', '0', '--set',
       'timing.interval=1.0']


@pytest.fixture(scope='module')
def ct(tmp_path_factory):
    """A CT as a NIfTI file: water with an off-axis bone."""
    spacing, size = 4.0, 41
    axis = spacing * (np.arange(size) - size // 2)
    x, y, z = np.meshgrid(axis, axis, axis, indexing='ij')
    hu = np.full((size, size, size), -1000.0, np.float32)
    hu[x**2 + y**2 + z**2 < 60**2] = 0.0
    hu[(x - 15)**2 + (y + 10)**2 + (z - 20)**2 < 12**2] = 800.0
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = axis[0]
    image = nibabel.Nifti1Image(hu, affine)
    image.set_sform(affine, code=1)
    path = tmp_path_factory.mktemp('ct') / 'ct.nii.gz'
    nibabel.save(image, path)
    return str(path)


@pytest.fixture(scope='module')
def bag(ct, tmp_path_factory):
    folder = tmp_path_factory.mktemp('bags') / 'rig'
    assert main(['simulate', '--ct', ct, '--out', str(folder), *RIG]) == 0
    params = yaml.safe_load((folder / 'params.yaml').read_text())
    params['/carm/reconstructor'] = {'ros__parameters': {'model.max_gaussians': 1500,
                                                         'volume.spacing': 0.004}}
    (folder / 'params.yaml').write_text(yaml.safe_dump(params))
    return folder


@pytest.fixture
def replay(bag, tmp_path, capsys):
    """Call replay --offline on the bag; return exit code, output folder, stdout and stderr."""
    def call(*arguments, bag=bag, params=bag / 'params.yaml', out=tmp_path / 'out'):
        code = main(['replay', str(bag), '--params', str(params), '--out', str(out), '--offline',
                     *arguments])
        said = capsys.readouterr()
        return code, Path(out), said.out, said.err
    return call


def one_line(text):
    return text.startswith('ixgs: ') and text.count('\n') == 1


def test_what_simulate_writes_and_says(ct, tmp_path, capsys):
    folder = tmp_path / 'bag'
    assert main(['simulate', '--ct', ct, '--out', str(folder), *RIG, '--storage', 'sqlite3',
                 '--noise', '0', '--seed', '3']) == 0
    said = capsys.readouterr()
    assert 'taking shots: 5 of 5' in said.err
    last = said.out.strip().splitlines()[-1]
    assert 'ixgs replay ' in last and '--truth-unit hu' in last
    assert (folder / 'bag.db3').exists()
    with BagReader(folder) as reader:
        assert reader.images == 5
    assert [path.name for path in tmp_path.iterdir()] == ['bag']


def test_the_same_seed_gives_the_same_shots_and_another_one_others(ct, tmp_path):
    def frames(name, *arguments):
        assert main(['simulate', '--ct', ct, '--out', str(tmp_path / name), *RIG,
                     *arguments]) == 0
        with BagReader(tmp_path / name) as reader:
            return [bytes(data) for topic, _, _, data in reader.raw_messages()
                    if topic == '/carm/image']
    first = frames('a', '--seed', '1')
    assert frames('b', '--seed', '1') == first
    assert all(one != two for one, two in zip(frames('c', '--seed', '2'), first))


@pytest.mark.parametrize('arguments, words', [
    (['--ct', '/nowhere.nii'], 'there is no such file'),
    (['--views', '0'], 'views: expected a value in'),
    (['--jitter', '1,2,3'], '--jitter 1,2,3: expected 2 numbers'),
    (['--center', '1,2'], '--center 1,2: expected 3 numbers'),
    (['--fault', '1:flood'], 'tf_gap'),
    (['--fault', '9:black'], 'expected faults on shots 0 to 4'),
    (['--noise', '-5'], 'detector.photons'),
    (['--set', 'detector.photon=1.0'], "did you mean 'detector.photons'"),
    (['--set', 'detector.photons=['], '--set detector.photons=[: expected a number'),
    (['--fault', '1:black', '--fault', '1:late'], 'one fault a shot'),
    (['--center', '5000,0,0'], 'centre inside the CT'),
    (['--storage', 'zip'], 'see ixgs simulate --help'),
    (['--out', '/nowhere/bag'], 'does not exist'),
])
def test_bad_calls_of_simulate(ct, tmp_path, capsys, arguments, words):
    call = ['simulate', '--ct', ct, '--out', str(tmp_path / 'bag'), *RIG, *arguments]
    assert main(call) == 2
    said = capsys.readouterr().err
    assert words in said and one_line(said)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_bag_is_not_touched(ct, bag, capsys):
    before = (bag / 'metadata.yaml').read_bytes()
    assert main(['simulate', '--ct', ct, '--out', str(bag), *RIG]) == 2
    assert 'exists already' in capsys.readouterr().err
    assert (bag / 'metadata.yaml').read_bytes() == before


def test_replay_writes_the_files_of_the_contract_twice_the_same(replay, ct, tmp_path):
    code, out, said, _ = replay('--steps', '12', '--truth', ct)
    assert code == 0 and 'PSNR' in said and 'Research use only' in said
    # The body is about as much wider than the field as a deviation can be told for.
    names = {path.name for path in out.iterdir()} - {'deviation.nii.gz'}
    assert names == {'report.json', 'volume.nii.gz', 'volume.nrrd'}
    report = json.loads((out / 'report.json').read_text())
    assert report['views'] == {'received': 5, 'accepted': 5, 'refused': {}}
    assert report['steps'] == 12
    # 23.4 dB: 20.7 were a finer lattice put where voxels of few shots pile up, 22.8 were the
    # Gaussians matched to them.
    assert report['metrics']['psnr_db'] > 23.0
    image = nibabel.load(out / 'volume.nii.gz')
    assert image.shape == (20, 20, 20) and int(image.header['sform_code']) == 1
    again = replay('--steps', '12', out=tmp_path / 'again')[1]
    for name in ('volume.nii.gz', 'volume.nrrd'):
        assert (again / name).read_bytes() == (out / name).read_bytes()


def test_no_shot_accepted_is_code_3_and_leaves_no_old_volume(replay, ct, tmp_path):
    black = tmp_path / 'black'
    faults = [word for shot in range(5) for word in ('--fault', f'{shot}:black')]
    assert main(['simulate', '--ct', ct, '--out', str(black), *RIG, *faults]) == 0
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out' / 'volume.nrrd').write_text('of an earlier run')
    code, out, said, _ = replay('--steps', '1', bag=black)
    assert code == 3 and '5 NO_SIGNAL' in said
    assert [path.name for path in out.iterdir()] == ['report.json']
    report = json.loads((out / 'report.json').read_text())
    assert report['views']['refused'] == {'NO_SIGNAL': 5}
    assert all(shot['message'] for shot in report['shots'])


def test_wrong_truths(replay, ct, tmp_path):
    assert_bad(replay('--steps', '1', '--truth', '/nowhere.nii'), 'no such file')
    assert_bad(replay('--steps', '1', '--truth', ct, '--truth-unit', 'per_m'), 'is the unit hu')
    image = nibabel.load(ct)
    shifted = image.affine.copy()
    shifted[0, 3] += 5000.0
    elsewhere = nibabel.Nifti1Image(np.asarray(image.dataobj), shifted)
    nibabel.save(elsewhere, tmp_path / 'elsewhere.nii')
    result = replay('--steps', '1', '--truth', str(tmp_path / 'elsewhere.nii'))
    assert_bad(result, 'expected lps_from_reference')
    # The reconstruction took its time and is right: it is not thrown away.
    assert (result[1] / 'volume.nii.gz').exists()
    assert 'metrics' not in json.loads((result[1] / 'report.json').read_text())


def test_bad_inputs_of_replay_before_anything_starts(replay, bag, tmp_path):
    bad = tmp_path / 'bad.yaml'
    bad.write_text('/**: {ros__parameters: {air_count: 1.0}}')
    cut = tmp_path / 'cut.mcap'
    cut.write_bytes((bag / 'rig.mcap').read_bytes()[:-100])
    for result, words in (
            (replay(params=bad), "did you mean 'air_counts'"),
            (replay(params=tmp_path / 'none.yaml'), 'No such file'),
            (replay(bag=tmp_path / 'none'), 'no such bag'),
            (replay(bag=cut), f"'mcap recover {cut} -o"),
            (replay('--remap', 'image:=/xray'), "no topic '/xray'"),
            (replay('--steps', '1', '--budget', '2'), 'exclude each other'),
            (replay('--steps', '-1'), '--steps -1'),
            (replay('--budget', '0'), 'more than 0 CPU seconds'),
            (replay('--rate', '2'), '--rate is for the nodes'),
            (replay(out=bag / 'params.yaml'), 'expected a folder')):
        assert_bad(result, words)
    assert not (tmp_path / 'out').exists()


def test_ten_minutes_can_be_stopped(bag, tmp_path):
    """Ctrl-C ends a long budget within seconds, with the shell's exit code and no traceback."""
    command = [sys.executable, '-P', '-m', 'ixgs_ros.cli.main', 'replay', str(bag), '--params',
               str(bag / 'params.yaml'), '--out', str(tmp_path / 'out'), '--offline',
               '--budget', '600']
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True) as process:
        said = []
        for line in process.stdout:
            said.append(line)
            if line.startswith('shot 1'):
                break
        time.sleep(1.0)
        assert process.poll() is None, said
        process.send_signal(signal.SIGINT)
        started = time.monotonic()
        said.append(process.communicate(timeout=30)[0])
        assert time.monotonic() - started < 10
    assert process.returncode == 130, said
    assert 'Traceback' not in ''.join(said)


def test_budget_and_steps_are_for_offline(bag, tmp_path, capsys):
    assert main(['replay', str(bag), '--out', str(tmp_path), '--steps', '3']) == 2
    assert '--steps is for --offline' in capsys.readouterr().err


def assert_bad(result, words):
    code, _, _, error = result
    assert code == 2, (code, error)
    assert words in error and one_line(error), error


@pytest.mark.parametrize('name', ['simulate', 'replay'])
def test_help_is_plain(name, capsys):
    with pytest.raises(SystemExit) as ended:
        main([name, '--help'])
    assert ended.value.code == 0
    assert f'ixgs {name}' in capsys.readouterr().out
