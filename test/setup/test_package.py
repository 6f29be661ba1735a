"""What is said twice is said alike: versions, requirements, nodes, dependencies."""

from importlib.metadata import version
from pathlib import Path
import re
import xml.etree.ElementTree as ElementTree

import pytest

from ixgs_ros import __version__
from ixgs_ros.nodes import table

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / 'tools' / 'requirements'
PACKAGE = ElementTree.parse(ROOT / 'package.xml').getroot()


def normalized(name):
    return re.sub(r'[-_.]+', '-', name).lower()


def lines(path):
    return [line for line in path.read_text().splitlines() if line and not line.startswith('#')]


def pins():
    return {normalized(name): pin for name, pin in
            (line.split('==') for line in lines(REQUIREMENTS / 'constraints.txt'))}


def names(set_):
    return [normalized(line.split('[')[0]) for line in lines(REQUIREMENTS / f'{set_}.txt')]


@pytest.mark.parametrize('set_', ['run', 'test', 'colcon', 'bench', 'cuda'])
def test_every_requirement_is_pinned(set_):
    assert [name for name in names(set_) if name not in pins()] == []


@pytest.mark.parametrize('name', names('run') + names('test'))
def test_the_pinned_version_is_the_one_that_is_tested(name):
    # A local part such as torch's +cpu says how it was built, not what it is.
    assert version(name).split('+')[0] == pins()[name]


def test_the_version_is_said_alike():
    assert PACKAGE.findtext('version') == __version__


def test_colcon_installs_an_executable_for_each_node():
    listed = re.search(r'foreach\(NODE ([a-z_ ]+)\)', (ROOT / 'CMakeLists.txt').read_text())
    assert set(listed.group(1).split()) == set(table.all_names())


def test_every_ros_package_that_the_code_imports_is_a_dependency():
    declared = {entry.text for kind in ('depend', 'exec_depend')
                for entry in PACKAGE.findall(kind)}
    found = {name for path in (ROOT / 'ixgs_ros').rglob('*.py')
             for name in re.findall(r'^ *from (\w+)\.(?:msg|srv) import', path.read_text(), re.M)}
    assert {'sensor_msgs', 'rcl_interfaces'} <= found
    assert found - declared == {'ixgs'}


@pytest.mark.parametrize('dependency', ['rclpy', 'tf2_ros', 'cv_bridge', 'tf_transformations',
                                        'launch', 'launch_ros', 'python3-numpy', 'python3-opencv',
                                        'python3-torch'])
def test_ros_users_get_what_the_nodes_prefer(dependency):
    assert dependency in {entry.text for entry in PACKAGE.findall('exec_depend')}
