"""The command: subcommands, one-line errors and exit codes."""

import sys
from types import SimpleNamespace

import pytest

from ixgs_ros.cli import main as command
from ixgs_ros.cli.environment import apply_defaults
from ixgs_ros.cli.errors import CliError, ExitCode
from ixgs_ros.parameters import ParameterError


@pytest.fixture
def subcommand(monkeypatch):
    """Install a subcommand 'probe' that raises or returns what the test says."""
    def install(outcome, **extra):
        def run(args):
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome(args) if callable(outcome) else outcome
        module = SimpleNamespace(add_arguments=lambda parser: parser.add_argument('--n', type=int),
                                 run=run, __doc__='Probe.', **extra)
        monkeypatch.setitem(command.SUBCOMMANDS, 'probe', 'for a test')
        monkeypatch.setitem(sys.modules, 'ixgs_ros.cli.probe', module)
    return install


@pytest.mark.parametrize('name', list(command.SUBCOMMANDS))
def test_each_subcommand_has_help(name, capsys):
    with pytest.raises(SystemExit) as done:
        command.main([name, '--help'])
    assert done.value.code == 0
    assert f'usage: ixgs {name}' in capsys.readouterr().out


def test_help_lists_every_subcommand(capsys):
    with pytest.raises(SystemExit) as done:
        command.main(['--help'])
    assert done.value.code == 0
    shown = capsys.readouterr().out
    assert all(f'\n  {name} ' in shown for name in command.SUBCOMMANDS)


def test_an_unknown_subcommand_is_one_line_with_the_nearest_name(capsys):
    assert command.main(['replya']) == ExitCode.BAD_INPUT
    assert capsys.readouterr().err == ("ixgs: unknown subcommand 'replya'; "
                                       "did you mean 'replay'?\n")


@pytest.mark.parametrize('arguments', [['probe', '--m', '1'], ['probe', '--n', 'many'],
                                       ['--wrong', 'probe']])
def test_a_wrong_call_is_one_line(arguments, subcommand, capsys):
    subcommand(0)
    assert command.main(arguments) == ExitCode.BAD_INPUT
    error = capsys.readouterr().err
    assert error.count('\n') == 1
    assert arguments[1].lstrip('-') in error or arguments[0] in error
    assert '--help' in error


@pytest.mark.parametrize(('outcome', 'code', 'text'), [
    (0, 0, ''),
    (3, ExitCode.NO_SHOT_ACCEPTED, ''),
    (CliError('no bag at /x'), ExitCode.BAD_INPUT, 'ixgs: no bag at /x\n'),
    (CliError('none of 24', ExitCode.NO_SHOT_ACCEPTED), ExitCode.NO_SHOT_ACCEPTED,
     'ixgs: none of 24\n'),
    (ParameterError('seed: expected int, got 1.5'), ExitCode.BAD_INPUT,
     'ixgs: seed: expected int, got 1.5\n'),
    (KeyboardInterrupt(), 130, 'ixgs: interrupted\n'),
])
def test_outcomes_become_exit_codes(outcome, code, text, subcommand, capsys):
    subcommand(outcome)
    assert command.main(['probe']) == code
    assert capsys.readouterr().err == text


def test_an_unexpected_error_is_our_fault_and_shows_where(subcommand, capsys):
    subcommand(ZeroDivisionError('density'))
    assert command.main(['probe']) == ExitCode.OUR_FAULT
    error = capsys.readouterr().err
    assert 'ZeroDivisionError: density' in error
    assert 'our fault' in error


def test_only_a_subcommand_that_asks_for_it_gets_unknown_arguments(subcommand):
    seen = []
    subcommand(lambda args: seen.extend(args.rest) or 0, PASSES_ON=True)
    assert command.main(['probe', '-k', 'rigid', '--n', '1', '-x']) == 0
    assert seen == ['-k', 'rigid', '-x']


def test_defaults_leave_what_the_user_set(tmp_path):
    chosen = {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'SUBNET', 'NUMBA_THREADING_LAYER': 'omp',
              'FASTDDS_DEFAULT_PROFILES_FILE': '/mine.xml', 'NUMBA_CACHE_DIR': '/mine'}
    environment = dict(chosen)
    apply_defaults(environment, tmp_path)
    assert environment == chosen


def test_defaults_keep_dds_on_this_host():
    environment = {}
    apply_defaults(environment)
    assert environment['ROS_AUTOMATIC_DISCOVERY_RANGE'] == 'LOCALHOST'
    assert environment['NUMBA_THREADING_LAYER'] == 'workqueue'


@pytest.mark.parametrize(('free', 'set_'), [(64 * 2**20, False), (2**32, True)])
def test_the_large_profile_is_used_only_where_shared_memory_has_room(free, set_, monkeypatch,
                                                                     tmp_path):
    monkeypatch.setattr('shutil.disk_usage', lambda path: SimpleNamespace(free=free))
    environment = {}
    apply_defaults(environment, tmp_path)
    assert ('FASTDDS_DEFAULT_PROFILES_FILE' in environment) is set_
