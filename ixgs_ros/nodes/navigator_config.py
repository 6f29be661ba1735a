"""The parameters of the navigator node. Imports no ROS."""

from __future__ import annotations

from dataclasses import dataclass, field

from ixgs_ros.parameters import setting


@dataclass(frozen=True)
class WindowConfig:
    """What mono8 images show: black at ``low`` and below, white at ``high`` and above."""

    low: float = setting(5.0, 'attenuation shown black; water has 20', unit='1/m',
                         low=-100.0, high=1000.0)
    high: float = setting(45.0, 'attenuation shown white', unit='1/m', low=-100.0, high=1000.0)


@dataclass(frozen=True)
class SliceConfig:
    """The MPR images."""

    spacing: float = setting(0.0, "distance of pixel centres; 0: the volume's", unit='m',
                             low=0.0, high=0.01)


@dataclass(frozen=True)
class CrosshairConfig:
    """The point through which the slices go."""

    source: str = setting(
        'topic', "'point': crosshair.point; 'topic': the last point on ~/crosshair, the volume's "
        "centre until the first; 'tool': the origin of crosshair.tool_frame",
        choices=('point', 'topic', 'tool'))
    point: tuple[float, float, float] = setting(
        (0.0, 0.0, 0.0), "where the slices meet if the source is 'point', in the reference frame",
        unit='m', low=-2.0, high=2.0)
    tool_frame: str = setting('tool', "TF frame of the tool's tip; oblique: its x and z axes")
    max_age: float = setting(
        0.5, "age of the tool's transform beyond which the tool counts as lost", unit='s',
        low=0.02, high=10.0)


@dataclass(frozen=True)
class RenderingConfig:
    """The rendering of the whole volume, an X-ray from a chosen side."""

    mode: str = setting('drr', "'drr': line integrals; 'mip': largest attenuation",
                        choices=('drr', 'mip'))
    azimuth_deg: float = setting(
        0.0, "direction of the rays, turned about the frame's z axis; 0: along +y", unit='deg',
        low=-360.0, high=360.0)
    elevation_deg: float = setting(
        0.0, 'then tilted towards +z', unit='deg', low=-90.0, high=90.0)
    size: int = setting(256, 'rows and columns', unit='px', low=16, high=1024)


@dataclass(frozen=True)
class NavigatorConfig:
    """All parameters of the node."""

    window: WindowConfig = field(default_factory=WindowConfig)
    slice: SliceConfig = field(default_factory=SliceConfig)
    crosshair: CrosshairConfig = field(default_factory=CrosshairConfig)
    rendering: RenderingConfig = field(default_factory=RenderingConfig)
    reference_frame: str = setting(
        'patient_reference', 'frame of the volume and of every output')
