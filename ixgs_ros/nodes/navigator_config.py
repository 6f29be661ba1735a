"""The parameters of the navigator node. Imports no ROS."""

from __future__ import annotations

from dataclasses import dataclass, field

from ixgs_ros.nodes.lps_config import LpsConfig
from ixgs_ros.parameters import setting

# Those of ixgs_ros.volume.rendering, which is not imported here because it compiles.
MODES = ('integral', 'maximum', 'surface')


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
    tool_frame: str = setting(
        'tool', "TF frame of the tool's tip; the oblique slice holds its x axis (to the right) "
        'and its z axis (down)')
    max_age: float = setting(
        0.5, "age of the tool's transform beyond which the tool counts as lost", unit='s',
        low=0.02, high=10.0)


@dataclass(frozen=True)
class RenderingConfig:
    """The picture of the whole volume from a chosen side."""

    mode: str = setting(
        'integral', "'integral': like a radiograph, black at 0 and white at integral_high; "
        "'maximum': largest attenuation in the window; 'surface': lit surface at level",
        choices=MODES)
    azimuth_deg: float = setting(
        0.0, "turn of the observer about the patient's long axis; 0: from the front, 90: from "
        "the patient's left", unit='deg', low=-360.0, high=360.0)
    elevation_deg: float = setting(
        0.0, 'turn of the observer towards the head', unit='deg', low=-90.0, high=90.0)
    size: int = setting(256, 'rows and columns', unit='px', low=16, high=1024)
    integral_high: float = setting(5.0, 'line integral shown white', low=0.01, high=100.0)
    level: float = setting(26.0, 'attenuation of the surface; 26 is 300 HU', unit='1/m',
                           low=0.1, high=1000.0)


@dataclass(frozen=True)
class NavigatorConfig:
    """All parameters of the node."""

    window: WindowConfig = field(default_factory=WindowConfig)
    slice: SliceConfig = field(default_factory=SliceConfig)
    crosshair: CrosshairConfig = field(default_factory=CrosshairConfig)
    rendering: RenderingConfig = field(default_factory=RenderingConfig)
    lps_from_reference: LpsConfig = field(default_factory=LpsConfig)
    reference_frame: str = setting(
        'patient_reference', 'frame of the volume and of every output')
