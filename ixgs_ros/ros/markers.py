"""What RViz draws beside the volume: C-arm frusta with verdicts, region, next view, planes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from geometry_msgs.msg import Point
import numpy as np
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from ixgs_ros.geometry import View
from ixgs_ros.ros.messages import header
from ixgs_ros.verdict import Code
from ixgs_ros.volume.grid import Region

if TYPE_CHECKING:
    from ixgs_ros.volume import Plane

# Where the distance of the detector is unknown (`sdd` = 0), a common C-arm's is drawn, and the
# markers' namespace says so.
NOMINAL_SDD = 1.0
LINE_WIDTH = 0.001

GREEN, AMBER, RED = (0.2, 0.8, 0.3), (1.0, 0.7, 0.1), (0.9, 0.2, 0.2)
BLUE = (0.3, 0.6, 1.0)
VIOLET = (0.8, 0.4, 1.0)
PLANE_COLORS = {'axial': (0.9, 0.3, 0.3), 'coronal': (0.3, 0.9, 0.3), 'sagittal': (0.4, 0.5, 1.0),
                'oblique': (0.9, 0.8, 0.2)}
EDGE_PAIRS = ((0, 1), (1, 2), (2, 3), (3, 0))


@dataclass(frozen=True)
class DrawnShot:
    """A shot to draw: its number, view, verdict and exposure stamp (ns)."""

    id: int
    view: View
    code: Code
    stamp_ns: int


def verdict_color(code: Code) -> tuple[float, float, float]:
    """Green for what is used as it came, amber for corrected or quarantined, red for refused."""
    if code is Code.ACCEPTED:
        return GREEN
    return AMBER if code in (Code.ACCEPTED_CORRECTED, Code.QUARANTINED) else RED


def frustum_lines(view: View, sdd: float) -> np.ndarray:
    """Return the edges of a view's cone as segments (8, 2, 3) in the reference frame, metres.

    Four edges run from the focal spot to the outer corners of the detector's corner pixels, four
    around the detector, ``sdd`` metres from the focal spot along the principal ray.
    """
    right, bottom = view.width - 0.5, view.height - 0.5
    pixels = np.array([[-0.5, -0.5], [right, -0.5], [right, bottom], [-0.5, bottom]])
    local = np.ones((4, 3))
    local[:, :2] = (pixels - view.k[:2, 2]) / np.diag(view.k)[:2]
    corners = view.reference_from_source.apply(local * sdd)
    spokes = [(view.source, corner) for corner in corners]
    rim = [(corners[a], corners[b]) for a, b in EDGE_PAIRS]
    return np.array(spokes + rim)


def box_lines(region: Region) -> np.ndarray:
    """Return the twelve edges of a box as segments (12, 2, 3), metres."""
    x0, y0, z0 = region.lower
    x1, y1, z1 = region.upper
    rims = [np.array([[x0, y0, z], [x1, y0, z], [x1, y1, z], [x0, y1, z]]) for z in (z0, z1)]
    edges = [(rim[a], rim[b]) for rim in rims for a, b in EDGE_PAIRS]
    edges += [(rims[0][corner], rims[1][corner]) for corner in range(4)]
    return np.array(edges)


def plane_lines(plane: Plane) -> np.ndarray:
    """Return the outline of a plane's pixels as segments (4, 2, 3), metres."""
    right, bottom = plane.width - 0.5, plane.height - 0.5
    pixels = np.array([[-0.5, -0.5], [right, -0.5], [right, bottom], [-0.5, bottom]])
    offsets = plane.spacing * pixels
    corners = plane.origin + offsets[:, :1] * plane.u + offsets[:, 1:] * plane.v
    return np.array([(corners[a], corners[b]) for a, b in EDGE_PAIRS])


def line_marker(lines: np.ndarray, color: tuple[float, float, float], namespace: str, number: int,
                stamp_ns: int, frame: str) -> Marker:
    """Return segments (n, 2, 3) as one LINE_LIST that stays until it is replaced."""
    red, green, blue = color
    points = [Point(x=float(x), y=float(y), z=float(z)) for x, y, z in lines.reshape(-1, 3)]
    marker = Marker(header=header(stamp_ns, frame), ns=namespace, id=number, type=Marker.LINE_LIST,
                    action=Marker.ADD, color=ColorRGBA(r=red, g=green, b=blue, a=0.9),
                    points=points)
    marker.scale.x = LINE_WIDTH
    marker.pose.orientation.w = 1.0
    return marker


def scene_markers(shots: Iterable[DrawnShot], region: Region | None, sdd: float, stamp_ns: int,
                  frame: str, proposed: View | None = None) -> MarkerArray:
    """Return the whole scene: an order to delete what is drawn, then region and frusta.

    Because each message is complete, the latched one is all that a late RViz needs.

    Args:
        shots: all shots to draw; their markers' ids are the shots' order.
        region: the reconstructed box, or None while it is not known.
        sdd: distance from focal spot to detector in metres; 0 = unknown, drawn ``NOMINAL_SDD``
            long in a namespace that says so.
        stamp_ns: stamp of the region's marker and of the order to delete.
        frame: the patient reference frame.
        proposed: where to take the next shot, drawn in violet in the namespace ``next view``.
    """
    clear = Marker(header=header(stamp_ns, frame), action=Marker.DELETEALL)
    markers = [clear]
    if region is not None:
        markers.append(line_marker(box_lines(region), BLUE, 'region', 0, stamp_ns, frame))
    namespace = 'carm' if sdd > 0 else 'carm (nominal length)'
    length = sdd if sdd > 0 else NOMINAL_SDD
    if proposed is not None:
        markers.append(line_marker(frustum_lines(proposed, length), VIOLET, 'next view', 0,
                                   stamp_ns, frame))
    for number, shot in enumerate(shots):
        lines = frustum_lines(shot.view, length)
        markers.append(line_marker(lines, verdict_color(shot.code), namespace, number,
                                   shot.stamp_ns, frame))
    return MarkerArray(markers=markers)


def plane_markers(planes: dict[str, Plane], stamp_ns: int, frame: str) -> MarkerArray:
    """Return the outlines of the named planes; a plane that is no longer named disappears."""
    clear = Marker(header=header(stamp_ns, frame), action=Marker.DELETEALL)
    outlines = [line_marker(plane_lines(plane), PLANE_COLORS[name], name, 0, stamp_ns, frame)
                for name, plane in planes.items()]
    return MarkerArray(markers=[clear, *outlines])
