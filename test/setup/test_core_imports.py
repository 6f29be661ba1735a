"""The core knows no ROS: importing it, in its own process, brings in neither ROS nor torch."""

import subprocess
import sys

import pytest

CORE = ('geometry', 'volume', 'gaussians', 'standardization', 'reconstruction', 'simulation',
        'acquisition', 'session', 'evaluation')

# Prints which of the forbidden modules are loaded once all modules of a package are, but for the
# float64 reference, the CUDA back end and the standardizer's network, which are what torch is for.
IMPORT_ALL = """
import importlib, pkgutil, sys
package = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):
    if not any(part in module.name + '.' for part in ('.reference.', '.cuda.', '.network.')):
        importlib.import_module(module.name)
forbidden = ('rclpy', 'ixgs', 'torch', 'triton', 'gsplat', 'sensor_msgs', 'geometry_msgs',
             'std_msgs', 'tf2_ros')
print(' '.join(name for name in forbidden if name in sys.modules))
"""


def loaded_by(package):
    done = subprocess.run([sys.executable, '-P', '-c', IMPORT_ALL, package], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize('package', CORE)
def test_a_core_package_imports_neither_ros_nor_torch(package):
    assert loaded_by(f'ixgs_ros.{package}') == []


def test_the_check_sees_ros_where_it_is_imported():
    assert 'rclpy' in loaded_by('ixgs_ros.ros')


def test_the_table_of_nodes_is_read_without_ros():
    code = 'import sys, ixgs_ros.nodes.table as t; t.names(); print("rclpy" in sys.modules)'
    done = subprocess.run([sys.executable, '-P', '-c', code], capture_output=True, text=True,
                          check=True)
    assert done.stdout.strip() == 'False'
