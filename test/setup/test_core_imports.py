"""The core knows no ROS: importing a package of it brings in neither ROS nor torch."""

import subprocess
import sys

CORE = ('geometry', 'volume', 'gaussians', 'standardization', 'reconstruction', 'simulation',
        'acquisition', 'session', 'evaluation')

# Prints for each package which of the forbidden modules are loaded once all of its modules are,
# but for the float64 reference, the CUDA back end and the standardizer's network, which are what
# torch is for. Each is imported in a fork that has other people's libraries, which take most of
# the time, and nothing of ours yet.
IMPORT_EACH = """
import importlib, os, pkgutil, sys
import cv2, matplotlib.pyplot, nibabel, numba, pydicom, rosbags.highlevel
import scipy.interpolate, scipy.ndimage, scipy.optimize, scipy.spatial.transform
forbidden = ('rclpy', 'ixgs', 'torch', 'triton', 'gsplat', 'sensor_msgs', 'geometry_msgs',
             'std_msgs', 'tf2_ros')
torch = ('.reference.', '.cuda.', '.network.')
for name in sys.argv[1:]:
    child = os.fork()
    if child == 0:
        assert not any(module.startswith('ixgs_ros') for module in sys.modules)
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, name + '.'):
            if not any(part in module.name + '.' for part in torch):
                importlib.import_module(module.name)
        print(name, *(found for found in forbidden if found in sys.modules), flush=True)
        os._exit(0)
    if os.waitpid(child, 0)[1] != 0:
        sys.exit(f'{name} cannot be imported')
"""


def loaded_by(*packages):
    """Return which forbidden modules each package loads."""
    done = subprocess.run([sys.executable, '-P', '-c', IMPORT_EACH, *packages],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    return {package: forbidden for package, *forbidden in lines}


def test_no_core_package_imports_ros_or_torch():
    packages = [f'ixgs_ros.{name}' for name in CORE]
    assert loaded_by(*packages) == {name: [] for name in packages}


def test_the_check_sees_ros_where_it_is_imported():
    assert 'rclpy' in loaded_by('ixgs_ros.ros')['ixgs_ros.ros']


def test_the_table_of_nodes_is_read_without_ros():
    code = 'import sys, ixgs_ros.nodes.table as t; t.names(); print("rclpy" in sys.modules)'
    done = subprocess.run([sys.executable, '-P', '-c', code], capture_output=True, text=True,
                          check=True)
    assert done.stdout.strip() == 'False'
