"""From image, camera info and transforms to shots: pairing, waiting, refusing. No ROS."""

from ixgs_ros.acquisition.camera import CameraModel, RegionOfInterest
from ixgs_ros.acquisition.config import AcquisitionConfig
from ixgs_ros.acquisition.frame_graph import (
                                              FutureLookup,
                                              InvalidSample,
                                              NotConnected,
                                              PastLookup,
                                              TransformError,
                                              TransformGap,
                                              UnknownFrame,
)
from ixgs_ros.acquisition.gate import Acquisition
from ixgs_ros.acquisition.images import CompressedFrame, decode, decode_image, Frame, ImageFrame
from ixgs_ros.acquisition.outcome import AcquiredShot, Outcome, RefusedShot
from ixgs_ros.acquisition.transform_buffer import TransformBuffer, TransformSource

__all__ = ['AcquiredShot', 'Acquisition', 'AcquisitionConfig', 'CameraModel', 'CompressedFrame',
           'Frame', 'FutureLookup', 'ImageFrame', 'InvalidSample', 'NotConnected', 'Outcome',
           'PastLookup', 'RefusedShot', 'RegionOfInterest', 'TransformBuffer', 'TransformError',
           'TransformGap', 'TransformSource', 'UnknownFrame', 'decode', 'decode_image']
