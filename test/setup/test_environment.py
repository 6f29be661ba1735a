"""The set-up of ``./ixgs``: what it makes, when it makes it again, what it says when it cannot.

Python, pip and the compiler are stand-ins that write down how they were called, in a folder that
is all of PATH; the script under test is the real one.
"""

from pathlib import Path
import shutil
import subprocess

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ('awk', 'bash', 'cat', 'cut', 'df', 'dirname', 'flock', 'grep', 'ln', 'mkdir', 'readlink',
         'rm', 'sha256sum', 'sleep', 'tail', 'touch', 'uname', 'chmod')

PYTHON = """#!/bin/bash
case "$*" in
  *version_info*) exit $(cat FAKES/version_is_wrong 2>/dev/null || echo 0) ;;
  *ensurepip*) exit $(cat FAKES/venv_is_missing 2>/dev/null || echo 0) ;;
  *Python.h*) exit $(cat FAKES/header_is_missing 2>/dev/null || echo 0) ;;
  --version) echo 'Python 3.9.2' ;;
  '-m venv --clear '*)
    echo venv >>FAKES/calls
    rm -rf "$4"; mkdir -p "$4/bin" "$4/lib"; touch "$4/pyvenv.cfg"
    for name in python pip; do ln -s "FAKES/venv_$name" "$4/bin/$name"; done ;;
esac
"""

VENV_PYTHON = """#!/bin/bash
case "$*" in
  *purelib*) echo "$(dirname "$(dirname "$0")")/lib" ;;
  *build_interfaces*) echo messages >>FAKES/calls ;;
  *bytecode*) echo "$PYTHONPYCACHEPREFIX, ${PYTHONDONTWRITEBYTECODE-unset}" ;;
  *) echo "ran $*" ;;
esac
"""

# FAKES/pip_fails holds what pip prints when it fails; FAKES/pip_is_killed kills the caller too.
PIP = """#!/bin/bash
for last; do :; done
name=${last##*/}
[ "$name" = constraints.txt ] && exit 0
echo "pip $name" >>FAKES/calls
if [ -f FAKES/pip_is_killed ]; then rm FAKES/pip_is_killed; kill -9 $PPID; exit 1; fi
if [ -f FAKES/pip_fails ]; then cat FAKES/pip_fails; exit 1; fi
[ -f FAKES/pip_is_slow ] && sleep 0.5
exit 0
"""


class Machine:
    """A machine with a fresh checkout and stand-ins for what is outside it."""

    def __init__(self, folder):
        self.root, self.fakes, self.bin = folder / 'project', folder / 'fakes', folder / 'bin'
        for path in (self.fakes, self.bin):
            path.mkdir()
        ignored = shutil.ignore_patterns('__pycache__')
        for name in ('tools', 'msg', 'srv'):
            shutil.copytree(ROOT / name, self.root / name, ignore=ignored)
        for name in ('ixgs', 'CMakeLists.txt', 'package.xml'):
            shutil.copy(ROOT / name, self.root / name)
        for name in TOOLS:
            (self.bin / name).symlink_to(shutil.which(name))
        self.program(self.bin / 'python3.11', PYTHON)
        self.program(self.bin / 'g++', '#!/bin/bash\n')
        self.program(self.fakes / 'venv_python', VENV_PYTHON)
        self.program(self.fakes / 'venv_pip', PIP)

    def program(self, path, text):
        path.unlink(missing_ok=True)
        path.write_text(text.replace('FAKES', str(self.fakes)))
        path.chmod(0o755)

    def begin(self, *words, **variables):
        return subprocess.Popen([str(self.root / 'ixgs'), *words], text=True, cwd='/',
                                env={'HOME': '/', 'PATH': str(self.bin), **variables},
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def start(self, *words, **variables):
        process = self.begin(*words, **variables)
        out, error = process.communicate(timeout=30)
        return process.returncode, out, error

    def calls(self):
        """Return what was done since the last time this was asked."""
        path = self.fakes / 'calls'
        done = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return done


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


FIRST_TIME = ['venv', 'pip run.txt', 'messages']
RAN = 'ran -P -m ixgs_ros.cli.main demo --headless\n'


def test_the_first_start_makes_all_and_the_second_nothing(machine):
    code, out, _ = machine.start('demo', '--headless')
    assert (code, out) == (0, RAN)
    assert machine.calls() == FIRST_TIME
    link = machine.root / '.venv' / 'lib' / 'ixgs_ros'
    assert link.readlink() == machine.root / 'ixgs_ros'
    code, out, error = machine.start('demo', '--headless')
    assert (code, out, error) == (0, RAN, '')
    assert machine.calls() == []


def test_byte_code_is_kept_with_the_environment_also_where_none_is_to_be_written(machine):
    machine.start('demo')
    prefix = machine.root / '.venv' / 'pycache'
    _, out, _ = machine.start('bytecode', PYTHONDONTWRITEBYTECODE='1')
    assert out == f'{prefix}, unset\n'
    _, out, _ = machine.start('bytecode', PYTHONPYCACHEPREFIX='/mine')
    assert out == '/mine, unset\n'


@pytest.mark.parametrize('name', ['test', 'bench'])
def test_a_subcommand_with_more_needs_installs_them_on_its_first_use(machine, name):
    machine.start('demo')
    machine.calls()
    machine.start(name)
    assert machine.calls() == [f'pip {name}.txt']
    machine.start(name)
    assert machine.calls() == []


@pytest.mark.parametrize('changed', ['msg/Shot.msg', 'srv/GetVolume.srv', 'CMakeLists.txt',
                                     'tools/requirements/run.txt',
                                     'tools/wheels/tf2_msgs/msg/TFMessage.msg'])
def test_what_changed_is_mended_in_place(machine, changed):
    machine.start('demo')
    machine.calls()
    with (machine.root / changed).open('a') as file:
        file.write('\n# changed\n')
    assert machine.start('demo')[0] == 0
    assert machine.calls() == ['pip run.txt', 'messages']


def test_other_changes_make_nothing_anew(machine):
    machine.start('demo')
    machine.calls()
    (machine.root / 'ixgs_ros').mkdir()
    (machine.root / 'tools' / 'requirements' / 'test.txt').write_text('pytest\n')
    machine.start('demo')
    assert machine.calls() == []


def test_a_moved_checkout_is_set_up_anew(machine, tmp_path):
    machine.start('demo')
    machine.calls()
    machine.root = machine.root.rename(tmp_path / 'elsewhere')
    machine.start('demo')
    assert 'messages' in machine.calls()


def test_a_set_up_that_was_killed_is_made_anew(machine):
    (machine.fakes / 'pip_is_killed').touch()
    assert machine.start('demo')[0] != 0
    assert machine.calls() == ['venv', 'pip run.txt']
    assert machine.start('demo')[0] == 0
    assert machine.calls() == FIRST_TIME


def test_a_python_that_went_away_is_replaced(machine):
    machine.start('demo')
    machine.calls()
    (machine.root / '.venv' / 'bin' / 'python').unlink()
    assert machine.start('demo')[0] == 0
    assert machine.calls() == FIRST_TIME


def test_two_first_starts_at_once_make_one_environment(machine):
    (machine.fakes / 'pip_is_slow').touch()
    both = [machine.begin('demo', '--headless') for _ in range(2)]
    assert [process.communicate(timeout=30)[0] for process in both] == [RAN, RAN]
    assert machine.calls() == FIRST_TIME


@pytest.mark.parametrize(('says', 'words'), [
    ('Failed to establish a new connection: [Errno -3] Temporary failure in name resolution',
     'registry cannot be reached'),
    ('OSError: [Errno 28] No space left on device', 'disk is full'),
    ('ERROR: No matching distribution found for ros-rclpy', 'pip could not install'),
])
def test_a_failure_of_pip_is_said_in_plain_words(machine, says, words):
    (machine.fakes / 'pip_fails').write_text(says + '\n')
    code, _, error = machine.start('demo')
    assert code == 2
    assert words in error.splitlines()[-1]
    assert says in error
    (machine.fakes / 'pip_fails').unlink()
    assert machine.start('demo', '--headless')[:2] == (0, RAN)


def test_without_a_network_nothing_that_is_there_is_thrown_away(machine):
    machine.start('demo')
    machine.calls()
    (machine.fakes / 'pip_fails').write_text('Network is unreachable\n')
    machine.start('test')
    (machine.fakes / 'pip_fails').unlink()
    machine.start('test')
    assert machine.calls() == ['pip test.txt', 'pip test.txt']


@pytest.mark.parametrize(('flag', 'words'), [
    ('version_is_wrong', ['3.11, 3.12 or 3.13', 'IXGS_PYTHON=']),
    ('venv_is_missing', ['venv', 'apt install python3-venv']),
    ('header_is_missing', ['Python.h', 'apt install python3-dev']),
])
def test_a_python_that_will_not_do_is_said_in_plain_words(machine, flag, words):
    (machine.fakes / flag).write_text('1')
    code, _, error = machine.start('demo')
    assert code == 2
    assert all(word in error for word in words)
    assert error.count('\n') == 1
    assert machine.calls() == []


@pytest.mark.parametrize(('tool', 'text', 'words'), [
    ('g++', None, ['g++', 'apt install g++']),
    ('uname', '#!/bin/bash\n[ "$1" = -m ] && echo aarch64 || echo Linux\n', ['aarch64', 'x86_64']),
    ('df', '#!/bin/bash\nprintf "h\\n/dev/x 9000 8000 120 98%% /\\n"\n', ['3000 MB', '120 MB']),
])
def test_a_machine_that_will_not_do_is_said_in_plain_words(machine, tool, text, words):
    if text is None:
        (machine.bin / tool).unlink()
    else:
        machine.program(machine.bin / tool, text)
    code, _, error = machine.start('demo')
    assert code == 2
    assert all(word in error for word in words)
    assert error.count('\n') == 1
    assert machine.calls() == []


def test_a_folder_that_is_no_environment_is_left_alone(machine):
    precious = machine.root / '.venv' / 'thesis.txt'
    precious.parent.mkdir()
    precious.write_text('all of it')
    code, _, error = machine.start('demo')
    assert code == 2
    assert 'no virtual environment' in error
    assert precious.read_text() == 'all of it'
