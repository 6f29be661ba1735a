"""The parameters of the nodes: those of the core and what only a node needs. Imports no ROS."""

from __future__ import annotations

from dataclasses import dataclass

from ixgs_ros.acquisition.config import AcquisitionConfig
from ixgs_ros.nodes.navigator_config import NavigatorConfig
from ixgs_ros.nodes.reconstructor_config import ReconstructorConfig
from ixgs_ros.parameters import setting
from ixgs_ros.simulation.rig import RigConfig
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
class SimulatorConfig(RigConfig):
    """Parameters of the simulator node: those of the virtual rig, and how it is run."""

    ct: str = setting(
        'phantom', "the patient: 'phantom', 'lidc', a folder of DICOM files, a NIfTI or NRRD file")
    mode: str = setting(
        'timed', 'take the shots one after the other, or each on a request to ~/expose',
        choices=('timed', 'request'))
    speed: float = setting(
        1.0, 'how many times faster than real time the rig works', low=0.1, high=50.0)
    wait_for_listeners: bool = setting(
        True, 'take the first shot only when somebody listens to image, camera_info and /tf')
    faults: str = setting(
        '', "what goes wrong, as index:fault from 0, such as '3:tf_gap, 5:black'")


__all__ = ['AcquisitionNodeConfig', 'NavigatorConfig', 'ReconstructorConfig', 'SimulatorConfig',
           'StandardizerConfig']
