"""Starts the nodes of the table: ``ros2 launch ixgs ixgs.launch.py params:=FILE``."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from ixgs_ros.nodes import table


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments and one action for each node of the table."""
    default = PathJoinSubstitution([FindPackageShare('ixgs'), 'config', 'params.yaml'])
    arguments = [
        DeclareLaunchArgument('params', default_value=default, description='parameter file'),
        DeclareLaunchArgument('namespace', default_value=table.NAMESPACE,
                              description='namespace of all nodes'),
        DeclareLaunchArgument('simulate', default_value='false',
                              description='also start the simulated C-arm'),
    ]
    return LaunchDescription([*arguments, *(action(node) for node in table.NODES)])


def action(node: table.Node) -> Node:
    """Return the action that starts one node; it configures and activates itself."""
    condition = IfCondition(LaunchConfiguration('simulate')) if node.simulated else None
    return Node(package='ixgs', executable=node.name, name=node.name,
                namespace=LaunchConfiguration('namespace'), remappings=list(node.remaps),
                parameters=[LaunchConfiguration('params'), {'autostart': True}],
                condition=condition, output='screen')
