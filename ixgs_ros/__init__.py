"""IXGS for ROS 2: tracked X-ray shots to a 3-D volume, refined as shots arrive. Research use only."""

__version__ = '0.1.0'
