"""What RViz draws stands where the C-arm, the region and the planes are."""

import numpy as np
import pytest
from visualization_msgs.msg import Marker

from ixgs_ros.geometry import RigidTransform, View
from ixgs_ros.ros import images_out
from ixgs_ros.ros.markers import (
    DrawnShot,
    frustum_lines,
    NOMINAL_SDD,
    scene_markers,
    verdict_color,
)
from ixgs_ros.verdict import Code
from ixgs_ros.volume.grid import Region

# Principal point off the image's centre; the source 0.6 m before the origin, looking along +y.
VIEW = View([[1000.0, 0, 20.0], [0, 900.0, 30.0], [0, 0, 1]],
            RigidTransform([[1, 0, 0], [0, 0, 1], [0, -1, 0]], [0, -0.6, 0]), height=48, width=64)
REGION = Region([0.0, 0.01, 0.0], [0.1, 0.2, 0.3])


def points_of(marker: Marker) -> np.ndarray:
    return np.array([[p.x, p.y, p.z] for p in marker.points])


def test_the_frustum_starts_at_the_focal_spot_and_ends_on_the_detectors_corners():
    lines = frustum_lines(VIEW, sdd=1.1)
    np.testing.assert_allclose(lines[:4, 0], np.tile(VIEW.source, (4, 1)))
    pixels, depth = VIEW.project(lines[:4, 1])
    np.testing.assert_allclose(depth, 1.1)
    np.testing.assert_allclose(pixels, [[-0.5, -0.5], [63.5, -0.5], [63.5, 47.5], [-0.5, 47.5]],
                               atol=1e-9)


def test_the_scene_replaces_what_was_drawn_and_colours_verdicts():
    shots = [DrawnShot(3, VIEW, Code.ACCEPTED, 5), DrawnShot(4, VIEW, Code.INCONSISTENT, 6),
             DrawnShot(5, VIEW, Code.ACCEPTED_CORRECTED, 7)]
    scene = scene_markers(shots, REGION, 1.0, 9, 'patient_reference').markers
    assert scene[0].action == Marker.DELETEALL
    assert [marker.ns for marker in scene[1:]] == ['region', 'carm', 'carm', 'carm']
    assert len({(marker.ns, marker.id) for marker in scene[1:]}) == 4
    assert {marker.header.frame_id for marker in scene} == {'patient_reference'}
    colors = [(marker.color.r, marker.color.g, marker.color.b) for marker in scene[2:]]
    assert colors == [verdict_color(shot.code) for shot in shots]
    assert len(set(colors)) == 3
    assert [marker.header.stamp.nanosec for marker in scene[2:]] == [5, 6, 7]


def test_the_box_is_the_regions():
    region = scene_markers([], REGION, 1.0, 0, 'f').markers[1]
    points = points_of(region)
    assert len(points) == 24
    np.testing.assert_allclose(points.min(axis=0), REGION.lower)
    np.testing.assert_allclose(points.max(axis=0), REGION.upper)
    edges = np.abs(np.diff(points.reshape(12, 2, 3), axis=1))[:, 0]
    assert ((edges > 0).sum(axis=1) == 1).all()  # along one axis each, no diagonal


def test_an_unknown_detector_distance_is_drawn_nominally_and_says_so():
    shots = [DrawnShot(1, VIEW, Code.ACCEPTED, 0)]
    known, unknown = (scene_markers(shots, None, sdd, 0, 'f').markers[1] for sdd in (1.2, 0.0))
    assert known.ns == 'carm'
    assert 'nominal' in unknown.ns
    _, depth = VIEW.project(points_of(unknown)[1])
    assert depth == pytest.approx(NOMINAL_SDD)


def test_without_a_region_only_shots_are_drawn():
    assert len(scene_markers([], None, 1.0, 0, 'f').markers) == 1


@pytest.mark.parametrize(('dtype', 'encoding', 'width'), [('uint8', 'mono8', 1),
                                                          ('float32', '32FC1', 4)])
def test_images_keep_their_rows(dtype, encoding, width):
    pixels = np.arange(6, dtype=dtype).reshape(2, 3)[:, ::-1]
    message = images_out.image_message(pixels, 4, 'f')
    assert (message.height, message.width, message.step) == (2, 3, 3 * width)
    assert message.encoding == encoding
    np.testing.assert_array_equal(np.frombuffer(message.data, dtype).reshape(2, 3), pixels)
    with pytest.raises(ValueError, match='int64'):
        images_out.image_message(pixels.astype(np.int64), 4, 'f')
