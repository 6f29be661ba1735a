"""The navigator as a process: a latched volume in, slices through the right voxels out."""

import time

from geometry_msgs.msg import PointStamped
import numpy as np
import pytest
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from sensor_msgs.msg import Image
from tf2_msgs.msg import TFMessage
import theatre
from visualization_msgs.msg import Marker, MarkerArray

from ixgs.msg import VoxelVolume
from ixgs_ros.geometry import RigidTransform
from ixgs_ros.ros import qos
from ixgs_ros.ros.messages import header, to_transform_stamped
from ixgs_ros.ros.volume_message import volume_to_message, VolumeInfo
from ixgs_ros.volume.grid import VoxelGrid

pytestmark = [pytest.mark.ros, pytest.mark.in_process]
# Odd sizes: the centre of the grid is the centre of voxel (12, 10, 8).
GRID = VoxelGrid(np.array([0.1, -0.02, 0.05]), np.full(3, 0.002), (25, 21, 17))
CENTER = GRID.points()[8, 10, 12]
NODE = '/carm/navigator'
TOPICS = {**{name: f'{NODE}/slice/{name}' for name in ('axial', 'coronal', 'sagittal', 'oblique')},
          **{f'{name}/data': f'{NODE}/slice/{name}/data'
             for name in ('axial', 'coronal', 'sagittal', 'oblique')},
          'rendering': f'{NODE}/rendering'}
STAMP_NS = 7_000_000_005


def pattern() -> np.ndarray:
    """A volume in which every voxel differs from its neighbours, 10 to 50 1/m."""
    return np.random.default_rng(3).uniform(10, 50, GRID.shape).astype(np.float32)


class Navigation:
    """The node, a publisher of volumes, and what the node publishes."""

    def __init__(self, stage: theatre.Theatre) -> None:
        self.stage = stage
        self.node = stage.station.node
        self.heard = stage.heard
        self.revision = 0
        self._volumes = self.node.create_publisher(VoxelVolume, '/carm/reconstructor/volume',
                                                   qos.LATCHED)
        self._points = self.node.create_publisher(PointStamped, f'{NODE}/crosshair', qos.COMMANDS)
        self._transforms = self.node.create_publisher(TFMessage, '/tf', qos.TF)
        for key, topic in TOPICS.items():
            stage.listen(Image, topic, qos.LATCHED, key)
        stage.listen(MarkerArray, f'{NODE}/planes', qos.LATCHED, 'planes')

    def show(self, volume: np.ndarray, frame: str = 'patient_reference') -> None:
        """Publish a volume; ``image`` then returns nothing older."""
        self.revision += 1
        info = VolumeInfo(STAMP_NS + self.revision, frame, revision=self.revision, views=3)
        self._volumes.publish(volume_to_message(volume, GRID, info, '32FC1'))

    def forget(self) -> None:
        """Forget what was published, after what is on its way has come."""
        time.sleep(0.3)
        for messages in self.heard.values():
            messages.clear()

    def image(self, key: str) -> np.ndarray:
        """Return the newest image of the volume shown last."""
        nanosec = 5 + self.revision
        message = self.stage.until(key, lambda message: message.header.stamp.nanosec == nanosec)
        dtype = {'mono8': np.uint8, '32FC1': '<f4'}[message.encoding]
        return np.frombuffer(message.data, dtype).reshape(message.height, message.width)

    def point(self, position: np.ndarray, frame: str = 'patient_reference') -> None:
        message = PointStamped(header=header(0, frame))
        message.point.x, message.point.y, message.point.z = (float(v) for v in position)
        self._points.publish(message)

    def track(self, tool: RigidTransform, stamp_ns: int) -> None:
        """Publish both edges of the tracker: the reference 0.5 m off, and the tool."""
        reference = RigidTransform(translation=np.array([0.0, 0.5, 0.0]))
        edges = (('patient_reference', reference), ('tool', reference @ tool))
        self._transforms.publish(TFMessage(transforms=[
            to_transform_stamped('tracker', child, stamp_ns, pose) for child, pose in edges]))

    def set(self, **values: object) -> None:
        kinds = {float: (ParameterType.PARAMETER_DOUBLE, 'double_value'),
                 str: (ParameterType.PARAMETER_STRING, 'string_value'),
                 list: (ParameterType.PARAMETER_DOUBLE_ARRAY, 'double_array_value')}
        parameters = []
        for name, value in values.items():
            kind, field = kinds[type(value)]
            parameters.append(Parameter(name=name.replace('__', '.'), value=ParameterValue(
                type=kind, **{field: value})))
        answer = self.stage.station.call(SetParameters, f'{NODE}/set_parameters',
                                         SetParameters.Request(parameters=parameters))
        assert all(result.successful for result in answer.results), answer

    def diagnosis(self, word: str) -> None:
        """Wait until the node's diagnostics hold a word."""
        self.stage.until('diagnostics', lambda message: any(
            status.name == NODE and word in status.message for status in message.status), 10)


@pytest.fixture(scope='module')
def running():
    with theatre.running(['navigator'], {}) as stage:
        yield Navigation(stage)


@pytest.fixture
def navigation(running):
    running.set(crosshair__source='point', crosshair__point=CENTER.tolist(),
                window__low=10.0, window__high=50.0)
    return running


def test_slices_hold_the_voxels_through_the_crosshair(navigation):
    volume = pattern()
    navigation.show(volume)
    # Axial: x to the right, y (posterior) down; coronal and sagittal: head (z) up.
    np.testing.assert_allclose(navigation.image('axial/data'), volume[8], rtol=1e-5)
    np.testing.assert_allclose(navigation.image('coronal/data'), volume[::-1, 10], rtol=1e-5)
    np.testing.assert_allclose(navigation.image('sagittal/data'), volume[::-1, :, 12], rtol=1e-5)
    for name in ('axial', 'coronal', 'sagittal', 'axial/data', 'rendering'):
        stamp = navigation.stage.last(name).header
        assert (stamp.stamp.sec, stamp.stamp.nanosec) == (7, 5 + navigation.revision), name
        assert stamp.frame_id == 'patient_reference'


def test_what_is_looked_at_is_the_data_in_the_window(navigation):
    navigation.show(pattern())
    data, grey = navigation.image('axial/data'), navigation.image('axial')
    np.testing.assert_array_equal(grey, np.rint((data - 10.0) * (255 / 40)).astype(np.uint8))
    navigation.set(window__low=0.0, window__high=25.0)
    navigation.forget()
    navigation.show(pattern())
    grey = navigation.image('axial')
    np.testing.assert_array_equal(grey, np.rint(np.minimum(255, data * (255 / 25))))
    assert grey.max() == 255


def test_a_point_on_the_topic_moves_the_slices(navigation):
    volume = pattern()
    navigation.set(crosshair__source='topic')
    navigation.show(volume)
    navigation.forget()
    navigation.point(GRID.points()[2, 5, 20])
    np.testing.assert_allclose(navigation.image('axial/data'), volume[2], rtol=1e-5)
    np.testing.assert_allclose(navigation.image('sagittal/data'), volume[::-1, :, 20], rtol=1e-5)
    navigation.forget()
    navigation.point(CENTER, frame='somewhere')
    navigation.diagnosis("'somewhere'")
    assert not navigation.heard['axial/data']


def test_outside_the_volume_is_black_not_a_hole(navigation):
    navigation.show(pattern())
    navigation.set(crosshair__point=[1.0, 1.0, 1.0])
    navigation.show(pattern())
    assert navigation.image('axial').max() == 0
    assert np.isfinite(navigation.image('axial/data')).all()


def test_planes_are_drawn_where_the_slices_are(navigation):
    navigation.show(pattern())
    nanosec = 5 + navigation.revision
    scene = navigation.stage.until('planes', lambda scene: all(
        marker.header.stamp.nanosec == nanosec for marker in scene.markers)).markers
    assert scene[0].action == Marker.DELETEALL
    outlines = {marker.ns: np.array([[p.x, p.y, p.z] for p in marker.points])
                for marker in scene[1:]}
    assert set(outlines) == {'axial', 'coronal', 'sagittal'}
    for name, axis in (('sagittal', 0), ('coronal', 1), ('axial', 2)):
        np.testing.assert_allclose(outlines[name][:, axis], CENTER[axis], atol=1e-9)
        for other in {0, 1, 2} - {axis}:
            assert outlines[name][:, other].min() == pytest.approx(GRID.region.lower[other])
            assert outlines[name][:, other].max() == pytest.approx(GRID.region.upper[other])


def test_a_rendering_shows_the_line_integrals_from_the_chosen_side(navigation):
    volume = np.zeros(GRID.shape, np.float32)
    volume[4:13, 8:13, 2:7] = 50.0  # towards small x: the patient's right
    navigation.show(volume)
    front = navigation.image('rendering')
    rows, columns = np.nonzero(front)
    assert columns.mean() < front.shape[1] / 2  # seen from the front, right is on the left
    assert front.max() == pytest.approx(50.0 * 5 * 0.002 * 255 / 5.0, abs=6)
    navigation.set(rendering__azimuth_deg=180.0)
    navigation.show(volume)
    columns = np.nonzero(navigation.image('rendering'))[1]
    assert columns.mean() > front.shape[1] / 2
    navigation.set(rendering__azimuth_deg=0.0)


def test_a_tool_cuts_the_volume_and_a_lost_tool_shows_nothing(navigation):
    volume = pattern()
    # The tool's x along the volume's y, its z along the volume's x, its tip in voxel (20, 5, 8).
    tool = RigidTransform(np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]]), GRID.points()[8, 5, 20])
    navigation.show(volume)
    navigation.set(crosshair__source='tool')
    navigation.diagnosis('no slices are shown')
    navigation.forget()
    for number in range(40):
        navigation.track(tool, 50_000_000_000 + number * 20_000_000)
        time.sleep(0.02)
    np.testing.assert_allclose(navigation.image('oblique/data'), volume[8].T, rtol=1e-4)
    np.testing.assert_allclose(navigation.image('sagittal/data'), volume[::-1, :, 20], rtol=1e-4)
    assert {marker.ns for marker in navigation.stage.last('planes').markers} >= {'oblique'}
    assert navigation.stage.last('oblique').header.stamp.sec == 7  # the volume's, not the tool's

    navigation.diagnosis('s old, expected at most 0.5 s')
    navigation.stage.until('planes', lambda scene: len(scene.markers) == 1)
    navigation.forget()
    time.sleep(0.5)
    assert not navigation.heard['oblique'] and not navigation.heard['axial']


def test_a_volume_of_another_frame_is_refused(navigation):
    navigation.show(pattern(), frame='tracker')
    navigation.diagnosis("'tracker', expected 'patient_reference'")
    assert not any(image.header.frame_id == 'tracker' for image in navigation.heard['axial'])
    navigation.show(pattern())
    assert navigation.image('axial').shape == (21, 25)


def test_an_empty_window_is_refused_and_the_last_one_stays(navigation):
    navigation.show(pattern())
    before = navigation.image('axial').copy()
    navigation.set(window__low=60.0)
    navigation.diagnosis('window.low, window.high: expected low < high, got 60.0 and 50.0')
    navigation.show(pattern())
    np.testing.assert_array_equal(navigation.image('axial'), before)
