"""The reconstructor's parameters: those of the reconstruction and of the node. Imports no ROS."""

from __future__ import annotations

from dataclasses import dataclass, field

from ixgs_ros.nodes.lps_config import LpsConfig
from ixgs_ros.parameters import setting
from ixgs_ros.reconstruction.config import ReconstructionConfig, RefineConfig
from ixgs_ros.reconstruction.next_view import NextViewConfig


@dataclass(frozen=True)
class NodeRefineConfig(RefineConfig):
    """The refinement, and how much of the machine it may use."""

    cpu_share: float = setting(
        1.0, 'share of the time between shots that the compute thread refines; 0: never, so the '
        'volume stays as the shot left it', low=0.0, high=1.0)


@dataclass(frozen=True)
class PublishConfig:
    """What is published, and how often."""

    period: float = setting(
        1.0, 'least time between two volumes while the model is refined', unit='s',
        low=0.05, high=60.0)
    first_refinement: float = setting(
        0.2, 'time that a new shot is refined before the first volume that contains it', unit='s',
        low=0.0, high=10.0)
    max_points: int = setting(
        60_000, 'Gaussians sent as points, those that attenuate most', low=0, high=1_000_000)


@dataclass(frozen=True)
class ReconstructorConfig(ReconstructionConfig):
    """All parameters of the node; it is itself the reconstruction's configuration."""

    refine: NodeRefineConfig = field(default_factory=NodeRefineConfig)
    publish: PublishConfig = field(default_factory=PublishConfig)
    next_view: NextViewConfig = field(default_factory=NextViewConfig)
    lps_from_reference: LpsConfig = field(default_factory=LpsConfig)
    reference_frame: str = setting(
        'patient_reference', 'frame of the model and of every output')
    inbox: int = setting(
        16, 'shots that may wait for the compute thread; more are refused (OVERLOAD)',
        low=1, high=1000)
    sdd: float = setting(
        0.0, 'distance from focal spot to detector, for drawing only; 0: unknown', unit='m',
        low=0.0, high=5.0)
