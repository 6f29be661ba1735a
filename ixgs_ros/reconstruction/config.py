"""The configuration of the reconstruction; its names are ROS parameters (docs/contracts.md)."""

from __future__ import annotations

from dataclasses import dataclass, field

from ixgs_ros.gaussians.optimizer import AdamConfig
from ixgs_ros.parameters import setting


@dataclass(frozen=True)
class RegionConfig:
    """Where the volume is."""

    center: tuple[float, float, float] = setting(
        (0.0, 0.0, 0.0), 'centre of the volume in the reference frame; used where size is given',
        unit='m', low=-2.0, high=2.0)
    size: tuple[float, float, float] = setting(
        (0.0, 0.0, 0.0), 'edge lengths of the volume along x, y, z; all zero: automatic, where '
        'the principal rays of the first shots meet', unit='m', low=0.0, high=0.6)


@dataclass(frozen=True)
class VolumeConfig:
    """The voxel volume that is published; it also sets the resolution of the work."""

    spacing: float = setting(0.00125, 'distance of voxel centres', unit='m', low=0.0003, high=0.01)


@dataclass(frozen=True)
class ModelConfig:
    """The Gaussian model."""

    max_gaussians: int = setting(
        50_000, 'hard cap on the number of Gaussians, shell included', low=500, high=1_000_000)
    shell_share: float = setting(
        0.3, 'share of max_gaussians for the body beyond the region; 0: nothing lies beyond it',
        low=0.0, high=0.5)
    shell_extent: float = setting(
        0.25, 'how far beyond the region the body may reach', unit='m', low=0.01, high=1.0)


@dataclass(frozen=True)
class RefineConfig:
    """The joint refinement of all parameters of the Gaussians."""

    tv_weight: float = setting(
        0.03, 'weight of the total variation of the volume, times the held-out residual to the '
        'power of 1.5, against the squared residuals of the line integrals', unit='m', low=0.0,
        high=10.0)
    weight_power: float = setting(
        0.7, 'exponent of the weights (photons relative to air): 1 trusts the statistics, 0 '
        'trusts all pixels alike; where the body reaches beyond the region, of new starts and '
        'held-out pixels only: there fitted pixels are weighted by the residuals', low=0.0,
        high=2.0)
    outliers: float = setting(
        6.0, "a pixel whose residual is so many deviations of its view's counts half, one farther "
        'off less; 0: all pixels count in full, whatever they show', low=0.0, high=1000.0)
    decay_steps: float = setting(
        300.0, 'steps after which the Adam steps have fallen to a half since the last change',
        low=1.0, high=1e6)
    adam: AdamConfig = field(default_factory=AdamConfig)
    held_out: float = setting(
        0.06, 'share of the pixels that are never fitted, in blocks', low=0.01, high=0.5)


@dataclass(frozen=True)
class PoseConfig:
    """How far reported views may be off where the tracker's covariance does not say (all zero)."""

    rotation_sd: float = setting(
        0.0087, 'RMS angle by which a reported pose is turned about the region; 0: exact',
        unit='rad', low=0.0, high=0.1)
    position_sd: float = setting(
        0.0015, 'RMS length by which it is shifted there; 0: exact', unit='m', low=0.0, high=0.05)
    focal_sd: float = setting(
        0.0, 'relative deviation of the focal lengths of K; 0: exact', low=0.0, high=0.1)
    principal_sd: float = setting(
        0.0, 'deviation of the principal point along each axis; 0: exact', unit='px', low=0.0,
        high=100.0)
    least_views: int = setting(
        5, 'poses are refined from so many views on', unit='shots', low=3, high=1000)


@dataclass(frozen=True)
class ReconstructionConfig:
    """Everything that may be set of a reconstruction."""

    region: RegionConfig = field(default_factory=RegionConfig)
    volume: VolumeConfig = field(default_factory=VolumeConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    refine: RefineConfig = field(default_factory=RefineConfig)
    poses: PoseConfig = field(default_factory=PoseConfig)
    max_shots: int = setting(
        60, 'shots that are kept; more are refused (OVERLOAD)', unit='shots', low=2, high=1000)
    seed: int = setting(0, 'seed of every random choice', low=0, high=2**31 - 1)
    quantity: str = setting(
        'auto', 'what the volume holds; shots of anything else are refused (INCONSISTENT); auto: '
        'what the first shot shows', choices=('auto', 'attenuation', 'bone'))
