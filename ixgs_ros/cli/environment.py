"""Defaults of the environment for this process and those it starts; what the user set stays."""

from __future__ import annotations

from collections.abc import MutableMapping

from ixgs_ros.cli.locate import shared_file


def apply_defaults(environment: MutableMapping[str, str]) -> None:
    """Add what is missing; call it before rclpy and numba are imported.

    - ROS_AUTOMATIC_DISCOVERY_RANGE: this host only. Nothing of a patient leaves it unasked.
    - FASTDDS_DEFAULT_PROFILES_FILE: shared memory large enough for images and volumes.
    - NUMBA_THREADING_LAYER: the one layer that is always there; all machines compute alike.
    """
    environment.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    environment.setdefault('FASTDDS_DEFAULT_PROFILES_FILE',
                           str(shared_file('config/fastdds_large.xml')))
    environment.setdefault('NUMBA_THREADING_LAYER', 'workqueue')
