"""Reconstruction from a stream of shots; see docs/architecture.md."""

from ixgs_ros.reconstruction.config import ReconstructionConfig
from ixgs_ros.reconstruction.fit import Progress, ShotFit
from ixgs_ros.reconstruction.reconstructor import Reconstructor

__all__ = ['Progress', 'ReconstructionConfig', 'Reconstructor', 'ShotFit']
