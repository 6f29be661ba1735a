"""IXGS for ROS 2: tracked X-ray shots to a volume, refined as they arrive. Research use only."""

__version__ = '0.1.0'
