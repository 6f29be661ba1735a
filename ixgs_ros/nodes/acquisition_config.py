"""The parameters of the acquisition node: those of the gate and of its inputs. Imports no ROS."""

from __future__ import annotations

from dataclasses import dataclass

from ixgs_ros.acquisition.config import AcquisitionConfig
from ixgs_ros.parameters import setting


@dataclass(frozen=True)
class AcquisitionNodeConfig(AcquisitionConfig):
    """Parameters of the acquisition node."""

    image_reliability: str = setting(
        'reliable', 'how to subscribe to image and camera_info; a best-effort publisher is heard '
        'by best_effort only', choices=('reliable', 'best_effort'))
    compressed: bool = setting(
        False, 'whether the image topic carries sensor_msgs/CompressedImage')
    inbox: int = setting(
        16, 'images that may wait to be taken up; more are refused (OVERLOAD)', low=1, high=1000)
