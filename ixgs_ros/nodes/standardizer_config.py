"""The parameters of the standardizer node. Imports no ROS."""

from __future__ import annotations

from dataclasses import dataclass

from ixgs_ros.parameters import setting
from ixgs_ros.standardization import config


@dataclass(frozen=True)
class StandardizerConfig(config.StandardizerConfig):
    """Parameters of the standardizer node."""

    inbox: int = setting(
        16, 'shots that may wait to be taken up; more are refused (OVERLOAD)', low=1, high=1000)
