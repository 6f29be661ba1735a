"""Which shot is which: exposures that come again, and numbers when acquisition is started anew."""

from __future__ import annotations

import balls
import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo, Image
from tf2_msgs.msg import TFMessage

from ixgs.msg import ShotReport
from ixgs.srv import RemoveShot
from ixgs_ros.acquisition import CameraModel
from ixgs_ros.ros import qos
from ixgs_ros.ros.image_message import to_camera_info, to_image
from ixgs_ros.ros.messages import to_ns, to_transform_stamped
from ixgs_ros.ros.processes import NodeGroup, print_line

pytestmark = pytest.mark.ros
SOURCE = 'carm_source_optical'
AIR = 50_000.0
PARAMETERS = {'/**': {'air_counts': AIR},
              'reconstructor': {**balls.PARAMETERS, 'refine.cpu_share': 0.0}}


class Rig:
    """Exposes balls to the nodes, and keeps what is reported by who reports it."""

    def __init__(self, station) -> None:
        self.station, node = station, station.node
        self.images = node.create_publisher(Image, '/carm/image', qos.FRAMES)
        self.cameras = node.create_publisher(CameraInfo, '/carm/camera_info', qos.FRAMES)
        self.transforms = node.create_publisher(TFMessage, '/tf', qos.TF)
        self.heard: dict[str, list[ShotReport]] = {'acquisition': [], 'reconstructor': []}
        for name, reports in self.heard.items():
            node.create_subscription(ShotReport, f'/carm/{name}/report', reports.append,
                                     qos.REPORTS)

    def expose(self, number: int) -> None:
        """Send image, camera info and transforms of a shot."""
        self.station.wait(lambda: all(publisher.get_subscription_count() == 1 for publisher in
                                      (self.images, self.cameras, self.transforms)), 20,
                          'listeners')
        shot = balls.shot(number)
        pose = shot.view.reference_from_source
        for at in range(-10, 11):
            stamp_ns = shot.stamp_ns + at * 20_000_000
            self.transforms.publish(TFMessage(transforms=[
                to_transform_stamped('patient_reference', SOURCE, stamp_ns, pose)]))
        counts = np.rint(AIR * np.exp(-shot.line_integrals)).astype(np.uint16)
        self.cameras.publish(to_camera_info(CameraModel(
            shot.stamp_ns, SOURCE, balls.PIXELS, balls.PIXELS, shot.view.k)))
        self.images.publish(to_image(counts, shot.stamp_ns, SOURCE))

    def report(self, node: str, nth: int) -> tuple[int, int, str]:
        """Return number, exposure (seconds after 100 s) and code of a node's nth verdict.

        A model that rests reports shots again whose fit alone has changed: no new verdict.
        """
        def found() -> list[tuple[int, int, str]]:
            return list(dict.fromkeys(
                (report.id, to_ns(report.header.stamp) // 10**9 - 100, report.code)
                for report in self.heard[node]))
        self.station.wait(lambda: len(found()) >= nth, 60, f'verdict {nth} of {node}')
        return found()[nth - 1]


def test_what_was_removed_may_come_again_and_numbers_outlive_the_acquisition(ros_domain):
    said: list[str] = []

    def listen(node: str, line: str) -> None:
        said.append(line)
        print_line(node, line)

    def await_line(front: NodeGroup, part: str) -> None:
        """Wait until acquisition says so: it hears of verdicts later than this test may."""
        rig.station.wait(lambda: any(part in line for line in said), 30, part, front.check)

    with NodeGroup(('standardizer', 'reconstructor'), PARAMETERS, ros_domain) as behind:
        behind.bring_up()
        rig = Rig(behind.station)
        with NodeGroup(('acquisition',), PARAMETERS, ros_domain, on_line=listen) as front:
            front.bring_up()
            rig.expose(1)
            assert rig.report('acquisition', 1) == (1, 1, 'ACCEPTED')
            assert rig.report('reconstructor', 1) == (1, 1, 'ACCEPTED')
            rig.expose(1)
            assert rig.report('acquisition', 2) == (2, 1, 'DUPLICATE')
            assert behind.station.call(RemoveShot, '/carm/reconstructor/remove_shot',
                                       RemoveShot.Request(id=1), 30).success
            assert rig.report('reconstructor', 2) == (1, 1, 'REMOVED')
            await_line(front, 'shot 1 is out of the model (REMOVED)')
            rig.expose(1)
            assert rig.report('acquisition', 3) == (3, 1, 'ACCEPTED')
            assert rig.report('reconstructor', 3) == (3, 1, 'ACCEPTED')
            rig.expose(1)
            assert rig.report('acquisition', 4) == (4, 1, 'DUPLICATE')
            rig.expose(2)
            assert rig.report('reconstructor', 4) == (5, 2, 'ACCEPTED')
        with NodeGroup(('acquisition',), PARAMETERS, ros_domain, on_line=listen) as front:
            front.bring_up()
            await_line(front, 'shot 5 was reported before: numbers go on after it')
            rig.expose(3)
            assert rig.report('acquisition', 6) == (6, 3, 'ACCEPTED')
            assert rig.report('reconstructor', 5) == (6, 3, 'ACCEPTED')
            # The acquisition of now does not know the exposure of before; the reconstructor does.
            rig.expose(2)
            assert rig.report('acquisition', 7) == (7, 2, 'ACCEPTED')
            assert rig.report('reconstructor', 6) == (7, 2, 'DUPLICATE')
