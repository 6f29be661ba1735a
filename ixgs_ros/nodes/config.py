"""The parameters of the nodes: those of the core and what only a node needs. Imports no ROS."""

from __future__ import annotations

from dataclasses import dataclass

from ixgs_ros.acquisition.config import AcquisitionConfig
from ixgs_ros.parameters import setting
from ixgs_ros.reconstruction.config import ReconstructionConfig
from ixgs_ros.standardization.config import StandardizerConfig as CoreStandardizerConfig


@dataclass(frozen=True)
class AcquisitionNodeConfig(AcquisitionConfig):
    """Parameters of the acquisition node."""

    image_reliability: str = setting(
        'reliable', 'how to subscribe to image and camera_info; a publisher that is best effort is '
        'heard by best_effort only', choices=('reliable', 'best_effort'))
    compressed: bool = setting(
        False, 'whether the image topic carries sensor_msgs/CompressedImage')
    inbox: int = setting(
        16, 'images that may wait to be taken up; more are refused (OVERLOAD)', low=1, high=1000)


@dataclass(frozen=True)
class StandardizerConfig(CoreStandardizerConfig):
    """Parameters of the standardizer node."""

    inbox: int = setting(
        16, 'shots that may wait to be taken up; more are refused (OVERLOAD)', low=1, high=1000)


@dataclass(frozen=True)
class ReconstructorConfig(ReconstructionConfig):
    """Parameters of the reconstructor node."""


@dataclass(frozen=True)
class NavigatorConfig:
    """Parameters of the navigator node."""


@dataclass(frozen=True)
class SimulatorConfig:
    """Parameters of the simulator node."""
