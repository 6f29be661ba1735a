"""What ``ixgs run`` and ``ixgs bench`` say to a wrong call: exit code 2 and one line."""

import pytest

from ixgs_ros.cli.main import main
from ixgs_ros.cli.settings import parse_setting


@pytest.mark.parametrize('arguments, words', [
    (['--nodes', ''], "--nodes '': expected one or more of"),
    (['--nodes', 'acquisition,gate'], "no node 'gate'"),
    (['--set', 'seed'], '--set seed: expected NAME=VALUE'),
    (['--set', 'region.size=[0.1'], '--set region.size=[0.1: expected a number'),
    (['--set', 'seeds=1'], "did you mean 'seed'"),
    (['--remap', 'image'], '--remap image: expected FROM:=TO'),
    (['--simulate', '/nowhere.nii'], '--simulate: /nowhere.nii: there is no such file'),
    (['--params', '/nowhere.yaml'], '/nowhere.yaml: No such file'),
])
def test_bad_calls_of_run_start_no_node(capsys, arguments, words):
    assert main(['run', *arguments]) == 2
    said = capsys.readouterr()
    assert words in said.err and said.err.startswith('ixgs: ') and said.err.count('\n') == 1


@pytest.mark.parametrize('arguments, words', [
    ([], 'the following arguments are required: name;'), (['rkt'], "no benchmark 'rkt'")])
def test_bad_calls_of_bench(capsys, arguments, words):
    assert main(['bench', *arguments]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize('text, value', [
    ('a=1e4', 1e4), ('a=3', 3), ('a=true', True), ('a=one', 'one'), ('a=[0.1, 2.0]', [0.1, 2.0])])
def test_a_setting_is_read_as_yaml(text, value):
    assert parse_setting(text) == ('a', value)
