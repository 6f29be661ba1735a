"""Starts the nodes of the table: ``ros2 launch ixgs ixgs.launch.py params:=FILE``."""

from pathlib import Path
from typing import Any

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from ixgs_ros.nodes import table
from ixgs_ros.session.parameters_file import passes_on_both, read_sections, values_of


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments and what starts the nodes of the table."""
    default = PathJoinSubstitution([FindPackageShare('ixgs'), 'config', 'params.yaml'])
    arguments = [
        DeclareLaunchArgument('params', default_value=default, description='parameter file'),
        DeclareLaunchArgument('namespace', default_value=table.NAMESPACE,
                              description='namespace of all nodes'),
        DeclareLaunchArgument('simulate', default_value='false',
                              description='also start the simulated C-arm'),
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=actions)])


def actions(context: LaunchContext) -> list[Node]:
    """Return one action for each node; the parameter file says whether there are two models."""
    sections = read_sections(Path(LaunchConfiguration('params').perform(context)))
    wanted = table.names(simulated=True, both=passes_on_both(sections))
    return [action(node, values_of(sections, node.name) if node.like else None)
            for node in table.in_order(wanted)]


def action(node: table.Node, values: dict[str, Any] | None) -> Node:
    """Return the action that starts one node; it configures and activates itself.

    Args:
        node: of the table.
        values: its parameters; None for those that the file has under the node's name.
    """
    condition = IfCondition(LaunchConfiguration('simulate')) if node.simulated else None
    parameters = LaunchConfiguration('params') if values is None else values
    return Node(package='ixgs', executable=node.name, name=node.name,
                namespace=LaunchConfiguration('namespace'), remappings=list(node.remaps),
                parameters=[parameters, {'autostart': True}],
                condition=condition, output='screen')
