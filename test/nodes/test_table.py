"""The table of nodes, and what must not drift from it: executables, launch and parameter file."""

from __future__ import annotations

import importlib.util
from pathlib import Path
import re
import subprocess
import sys
import tempfile
import types

import pytest
import yaml

from ixgs_ros.nodes import default_parameters, table
from ixgs_ros.parameters import ParameterError, parameters_of
from ixgs_ros.session.parameters_file import load_parameters

ROOT = Path(__file__).resolve().parents[2]
SHARED = ['air_counts', 'reference_frame', 'region.center', 'region.size', 'volume.spacing', 'sdd',
          'lps_from_reference.translation', 'lps_from_reference.rotation', 'already_log',
          'inverted', 'tf.max_gap', 'tf.timeout', 'tf.time_offset', 'quantity',
          'model.max_gaussians', 'refine.cpu_share', 'seed']


def test_the_contracts_parameters_are_known_and_one_name_has_one_type():
    assert set(SHARED) <= table.known_parameters()
    types_of: dict[str, set[type]] = {}
    for node in table.NODES:
        for name, parameter in parameters_of(node.load_config()).items():
            types_of.setdefault(name, set()).add(type(parameter.default))
    assert {name: kinds for name, kinds in types_of.items() if len(kinds) > 1} == {}


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(ParameterError, match="'air_count'; did you mean 'air_counts'"):
        table.check_values({'air_count': 1.0})
    with pytest.raises(ParameterError, match='seed: expected'):
        table.check_values({'seed': -1})
    with pytest.raises(KeyError, match='expected one of navigator'):
        table.find('navigater')


def test_every_entry_can_be_loaded_and_its_node_reads_that_configuration():
    for node in table.NODES:
        assert node.load_class().__name__.lower() == f'{node.like or node.name}node'
        assert parameters_of(node.load_config())


def test_the_parameters_are_read_without_ros():
    code = ('import sys; from ixgs_ros.nodes import table; table.known_parameters(); '
            'assert "rclpy" not in sys.modules')
    subprocess.run([sys.executable, '-c', code], check=True)


def test_cmake_installs_an_executable_for_every_node():
    found = re.search(r'foreach\(NODE ([^)]*)\)', (ROOT / 'CMakeLists.txt').read_text())
    assert set(found.group(1).split()) == set(table.all_names())


def test_the_default_parameter_file_says_what_the_configurations_say(tmp_path):
    path = ROOT / 'config' / 'params.yaml'
    assert path.read_text() == default_parameters.text(), \
        'run: python -m ixgs_ros.nodes.default_parameters > config/params.yaml'
    load_parameters(path)
    values = yaml.safe_load(path.read_text())
    assert values['/carm/acquisition']['ros__parameters']['tf.max_gap'] == 0.1


class _Recorded:
    """Stands for the classes of launch, which no wheel has: remembers how it was made."""

    def __init__(self, *arguments, **named):
        self.arguments, self.named = arguments, named

    def perform(self, context):
        """Return the value of a launch argument."""
        return context[self.arguments[0]]


def _launch_modules(monkeypatch):
    names = {'launch': ['LaunchContext', 'LaunchDescription'],
             'launch.actions': ['DeclareLaunchArgument', 'OpaqueFunction'],
             'launch.conditions': ['IfCondition'],
             'launch.substitutions': ['LaunchConfiguration', 'PathJoinSubstitution'],
             'launch_ros': [], 'launch_ros.actions': ['Node'],
             'launch_ros.substitutions': ['FindPackageShare']}
    for name, classes in names.items():
        module = types.ModuleType(name)
        for one in classes:
            setattr(module, one, _Recorded)
        monkeypatch.setitem(sys.modules, name, module)


def _launched(monkeypatch, folder, params, **given):
    """Return how the launch file makes the nodes for arguments; it writes into folder."""
    _launch_modules(monkeypatch)
    monkeypatch.setattr(tempfile, 'tempdir', str(folder))
    spec = importlib.util.spec_from_file_location('ixgs_launch', ROOT / 'launch/ixgs.launch.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    *declared, start = module.generate_launch_description().arguments[0]
    context = {one.arguments[0]: one.named['default_value'] for one in declared}
    assert set(given) <= set(context)
    context.update(params=str(params), **given)
    return [node.named for node in start.named['function'](context)]


def _parameters(entry):
    """Return what the file that a node is started with gives it."""
    file, = entry['parameters']
    return yaml.safe_load(Path(file).read_text())['/**']['ros__parameters']


def test_the_launch_file_starts_the_table(monkeypatch, tmp_path):
    nodes = _launched(monkeypatch, tmp_path, ROOT / 'config' / 'params.yaml')
    assert [entry['executable'] for entry in nodes] == list(table.names(simulated=True))
    for entry in nodes:
        node = table.find(entry['name'])
        assert entry['remappings'][:-2] == list(node.remaps)
        assert [name for name, _ in entry['remappings'][-2:]] == ['image', 'camera_info']
        assert (entry['condition'] is not None) == node.simulated
        assert _parameters(entry)['autostart'] is True


def test_the_launch_file_starts_a_second_reconstructor_for_both(monkeypatch, tmp_path):
    params = tmp_path / 'both.yaml'
    params.write_text('/carm/standardizer: {ros__parameters: {mode: both}}\n'
                      '/carm/reconstructor: {ros__parameters: {max_shots: 30, quantity: bone}}\n')
    nodes = {entry['name']: entry for entry in _launched(monkeypatch, tmp_path, params)}
    assert list(nodes) == list(table.all_names())
    second = nodes['reconstructor_attenuation']
    assert _parameters(second) == {'max_shots': 30, 'autostart': True}
    assert second['remappings'][0] == ('shots', 'standardizer/attenuation/shots')


def _shown(entry) -> str:
    """Return the RViz configuration that RViz is started with."""
    option, file = entry['arguments']
    assert option == '-d'
    return Path(file).read_text()


def test_the_launch_file_starts_rviz_for_the_nodes_namespace(monkeypatch, tmp_path):
    params, live = ROOT / 'config' / 'params.yaml', (ROOT / 'config' / 'live.rviz').read_text()
    *nodes, rviz = _launched(monkeypatch, tmp_path, params, rviz='true')
    assert [entry['executable'] for entry in nodes] == list(table.names(simulated=True))
    assert rviz['package'] == rviz['executable'] == 'rviz2'
    assert _shown(rviz) == live
    *_, rviz = _launched(monkeypatch, tmp_path, params, rviz='true', namespace='theatre/left')
    assert _topics(_shown(rviz)) == ['/theatre/left' + topic.removeprefix('/carm')
                                     for topic in _topics(live)]
    *_, rviz = _launched(monkeypatch, tmp_path, params, rviz='true', namespace='/')
    assert _topics(_shown(rviz)) == [topic.removeprefix('/carm') for topic in _topics(live)]


def _topics(text: str) -> list[str]:
    """Return the topics of an RViz configuration: its displays' and its tools'."""
    manager = yaml.safe_load(text)['Visualization Manager']
    return [part['Topic']['Value'] for part in [*manager['Displays'], *manager['Tools']]
            if 'Topic' in part]


def test_the_launch_file_takes_the_names_that_the_command_takes(monkeypatch, tmp_path):
    """ROS itself would pass over a section with a plain name, and the node start with defaults."""
    params = tmp_path / 'plain.yaml'
    params.write_text('standardizer: {ros__parameters: {metal: mask}}\n'
                      '/**: {ros__parameters: {air_counts: 5e4}}\n')
    nodes = {entry['name']: entry for entry in _launched(monkeypatch, tmp_path, params)}
    assert _parameters(nodes['standardizer']) == {'metal': 'mask', 'air_counts': 5e4,
                                                  'autostart': True}
    assert _parameters(nodes['navigator']) == {'air_counts': 5e4, 'autostart': True}


def test_the_launch_file_refuses_what_no_node_knows(monkeypatch, tmp_path):
    params = tmp_path / 'wrong.yaml'
    params.write_text('/carm/standardiser: {ros__parameters: {metal: mask}}\n')
    with pytest.raises(ParameterError, match="did you mean 'standardizer'"):
        _launched(monkeypatch, tmp_path, params)
