"""The parameters of the simulator node. Imports no ROS."""

from __future__ import annotations

from dataclasses import dataclass

from ixgs_ros.parameters import setting
from ixgs_ros.simulation.rig import RigConfig


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
