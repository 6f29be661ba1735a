"""For ``pip install .``; all is in pyproject.toml. colcon reads package.xml and CMakeLists.txt."""

from setuptools import setup

setup()
