"""Starts the nodes of the table: ``ros2 launch ixgs ixgs.launch.py params:=FILE``.

``image:=/other/image`` and ``camera_info:=/other/camera_info`` remap the inputs of a rig;
``rviz:=true`` also starts RViz, with the topics of the nodes' namespace.
"""

from pathlib import Path
import tempfile
from typing import Any

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare
import yaml

from ixgs_ros.cli.locate import shared_file
from ixgs_ros.nodes import table
from ixgs_ros.nodes.displays import in_namespace
from ixgs_ros.session.parameters_file import (
    load_parameters,
    passes_on_both,
    read_sections,
    values_of,
)

INPUTS = ('image', 'camera_info')


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments and what starts the nodes of the table."""
    default = PathJoinSubstitution([FindPackageShare('ixgs'), 'config', 'params.yaml'])
    arguments = [
        DeclareLaunchArgument('params', default_value=default, description='parameter file'),
        DeclareLaunchArgument('namespace', default_value=table.NAMESPACE,
                              description='namespace of all nodes'),
        DeclareLaunchArgument('simulate', default_value='false',
                              description='also start the simulated C-arm'),
        DeclareLaunchArgument('rviz', default_value='false',
                              description='also start RViz with the displays of the nodes'),
        *(DeclareLaunchArgument(name, default_value=name, description=f'topic of the {name}')
          for name in INPUTS),
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=actions)])


def actions(context: LaunchContext) -> list[Node]:
    """Return one action for each node, and RViz's where it is wanted.

    The parameter file says whether there are two models.

    Raises:
        ParameterError: the file names a node or a key that there is not, or holds a bad value.
    """
    file = Path(LaunchConfiguration('params').perform(context))
    load_parameters(file)
    sections = read_sections(file)
    wanted = table.names(simulated=True, both=passes_on_both(sections))
    nodes = [action(node, values_of(sections, node.name)) for node in table.in_order(wanted)]
    # As launch's conditions read it.
    shown = LaunchConfiguration('rviz').perform(context).lower() in ('true', '1')
    return [*nodes, rviz(LaunchConfiguration('namespace').perform(context))] if shown else nodes


def action(node: table.Node, values: dict[str, Any]) -> Node:
    """Return the action that starts one node; it configures and activates itself.

    Args:
        node: of the table.
        values: its parameters, by dotted name.
    """
    condition = IfCondition(LaunchConfiguration('simulate')) if node.simulated else None
    inputs = [(name, LaunchConfiguration(name)) for name in INPUTS]
    return Node(package='ixgs', executable=node.name, name=node.name,
                namespace=LaunchConfiguration('namespace'),
                remappings=[*node.remaps, *inputs],
                parameters=[parameter_file({**values, 'autostart': True})],
                condition=condition, output='screen')


def rviz(namespace: str) -> Node:
    """Return the action that starts RViz with a copy of ``config/live.rviz``; the copy stays.

    Args:
        namespace: of the nodes.
    """
    text = in_namespace(shared_file('config/live.rviz').read_text('utf-8'), namespace)
    with tempfile.NamedTemporaryFile('w', encoding='utf-8', prefix='ixgs_', suffix='.rviz',
                                     delete=False) as file:
        file.write(text)
    return Node(package='rviz2', executable='rviz2', name='rviz', arguments=['-d', file.name],
                output='screen')


def parameter_file(values: dict[str, Any]) -> str:
    """Write the parameters of one node as a file of its own, and return its path.

    The user's file itself would not do: ROS passes over a section with a node's plain name, such
    as ``standardizer:``, without a word. Like the files that launch_ros writes, it stays.
    """
    with tempfile.NamedTemporaryFile('w', prefix='ixgs_', suffix='.yaml', delete=False) as file:
        yaml.safe_dump({'/**': {'ros__parameters': values}}, file)
    return file.name
