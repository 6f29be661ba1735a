"""A CT becomes the shots of a virtual tracked C-arm; no code is shared with what fits them."""

from ixgs_ros.simulation.attenuation import attenuation
from ixgs_ros.simulation.ct import Ct, CtError
from ixgs_ros.simulation.faults import Fault
from ixgs_ros.simulation.ray_caster import RayCaster
from ixgs_ros.simulation.rig import PlannedShot, RigCamera, RigConfig, VirtualRig
from ixgs_ros.simulation.sources import load_ct
from ixgs_ros.simulation.tracker import StampedTransform

__all__ = ['Ct', 'CtError', 'Fault', 'PlannedShot', 'RayCaster', 'RigCamera', 'RigConfig',
           'StampedTransform', 'VirtualRig', 'attenuation', 'load_ct']
