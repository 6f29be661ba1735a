"""``./ixgs`` as a user starts it: from any folder, through a link, with a bare environment."""

import os
from pathlib import Path
import subprocess
import time

import pytest

from ixgs_ros import __version__

ROOT = Path(__file__).resolve().parents[2]
BARE = {'HOME': os.environ.get('HOME', '/'), 'PATH': os.environ['PATH']}

pytestmark = pytest.mark.skipif('IXGS_TESTED_PREFIX' in os.environ,
                                reason='./ixgs belongs to the checkout, not to an installation')


def start(*words, program=ROOT / 'ixgs', folder='/', environment=BARE):
    return subprocess.run([str(program), *words], cwd=folder, env=environment, text=True,
                          capture_output=True, check=False)


def test_starts_from_any_folder_with_a_bare_environment(tmp_path):
    done = start('--version', folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, f'ixgs {__version__}\n'), done.stderr


def test_starts_through_a_link(tmp_path):
    (tmp_path / 'link').symlink_to(ROOT / 'ixgs')
    assert start('--version', program=tmp_path / 'link').stdout == f'ixgs {__version__}\n'


def test_a_module_in_the_users_folder_is_not_taken_for_ours(tmp_path):
    (tmp_path / 'argparse.py').write_text('raise SystemExit("wrong argparse")')
    (tmp_path / 'ixgs_ros').mkdir()
    assert start('--version', folder=tmp_path).returncode == 0


def test_a_sourced_workspace_does_not_mix_in(tmp_path):
    (tmp_path / 'rclpy').mkdir()
    (tmp_path / 'rclpy' / '__init__.py').write_text('raise SystemExit("wrong rclpy")')
    sourced = BARE | {'PYTHONPATH': str(tmp_path), 'AMENT_PREFIX_PATH': str(tmp_path),
                      'LD_LIBRARY_PATH': str(tmp_path), '_ROS_WHEELS_BOOTSTRAP_COMPLETE': '1'}
    assert start('run', '--help', environment=sourced).returncode == 0


def test_a_mistyped_subcommand_ends_with_2_and_one_line():
    done = start('dmeo')
    assert done.returncode == 2
    assert done.stderr == "ixgs: unknown subcommand 'dmeo'; did you mean 'demo'?\n"


def test_a_start_adds_less_than_0_3_s_to_python_itself():
    def fastest(command):
        def once():
            begin = time.perf_counter()
            subprocess.run(command, env=BARE, check=True, capture_output=True)
            return time.perf_counter() - begin
        return min(once() for _ in range(5))
    python = [str(ROOT / '.venv/bin/python'), '-P', '-m', 'ixgs_ros.cli.main', '--version']
    assert fastest([str(ROOT / 'ixgs'), '--version']) - fastest(python) < 0.3
