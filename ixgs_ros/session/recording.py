"""Records a virtual rig as a bag, with the parameters that belong to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import yaml

from ixgs_ros.acquisition import ImageFrame
from ixgs_ros.session import bag_messages
from ixgs_ros.session.bag import BagWriter, Topics
from ixgs_ros.session.bag_messages import CAMERA_INFO, IMAGE, TRANSFORMS
from ixgs_ros.simulation.rig import VirtualRig
from ixgs_ros.simulation.tracker import REFERENCE_FRAME, StampedTransform

PARAMETERS = 'params.yaml'
CONTRACT = Topics()


def record_rig(rig: VirtualRig, writer: BagWriter,
               progress: Callable[[int], None] = lambda done: None,
               topics: Topics = CONTRACT) -> None:
    """Write what the rig publishes, in the order in which it would arrive.

    Args:
        rig: the virtual rig.
        writer: an open bag.
        progress: called with the number of shots taken so far.
        topics: the names.
    """
    writer.write(topics.tf_static, TRANSFORMS, rig.start_ns,
                 bag_messages.encode_transforms(rig.static_transforms()), latched=True)
    now = rig.start_ns
    for done, shot in enumerate(sorted(rig.shots, key=lambda s: (s.sent_ns, s.index)), start=1):
        _write_transforms(rig, writer, topics.tf, now, shot.sent_ns)
        now = max(now, shot.sent_ns)
        camera = rig.camera(shot.index)
        if camera is not None:
            writer.write(topics.camera_info, CAMERA_INFO, shot.sent_ns,
                         bag_messages.encode_camera_info(camera.stamp_ns, camera.frame_id,
                                                         camera.height, camera.width, camera.k))
        frame = _frame(shot.stamp_ns, shot.frame_id, shot.encoding, rig.expose(shot.index))
        writer.write(topics.image, IMAGE, shot.sent_ns, bag_messages.encode_image(frame))
        progress(done)
    _write_transforms(rig, writer, topics.tf, now, rig.end_ns)


def _frame(stamp_ns: int, frame_id: str, encoding: str, counts: np.ndarray) -> ImageFrame:
    """Wrap counts (H, W) uint16, little endian."""
    return ImageFrame(stamp_ns, frame_id, counts.shape[0], counts.shape[1], encoding, False,
                      2 * counts.shape[1], counts.astype('<u2').tobytes())


def _write_transforms(rig: VirtualRig, writer: BagWriter, topic: str, start_ns: int,
                      end_ns: int) -> None:
    """Write one TFMessage for each moment of the tracker in [start, end)."""
    moments: dict[int, list[StampedTransform]] = {}
    for transform in rig.transforms_between(start_ns, end_ns):
        moments.setdefault(transform.stamp_ns, []).append(transform)
    for stamp_ns, transforms in moments.items():
        writer.write(topic, TRANSFORMS, stamp_ns, bag_messages.encode_transforms(transforms))


def parameters_of_rig(rig: VirtualRig) -> dict[str, object]:
    """Return what a receiver has to know of the rig, by parameter name (docs/contracts.md)."""
    return {
        'reference_frame': REFERENCE_FRAME,
        'air_counts': float(rig.config.detector.air_counts),
        'sdd': float(rig.config.carm.sdd),
        'region.center': _numbers(rig.region.center),
        'region.size': _numbers(rig.region.size),
        'lps_from_reference.translation': _numbers(rig.lps_from_reference.translation),
        'lps_from_reference.rotation': _numbers(rig.lps_from_reference.quaternion()),
    }


def write_parameters(path: Path, rig: VirtualRig) -> None:
    """Write the rig's parameters as a ROS parameter file for all nodes."""
    values = {'/**': {'ros__parameters': parameters_of_rig(rig)}}
    head = (f'# Of a simulated rig: {rig.ct.name}, {rig.config.views} shots, '
            f'seed {rig.config.seed}.\n')
    path.write_text(head + yaml.safe_dump(values, sort_keys=False, default_flow_style=None),
                    'utf-8')


def _numbers(vector: np.ndarray) -> list[float]:
    # + 0.0 makes -0.0 plain; floats throughout, for rcl takes [0, 0] for whole numbers.
    return [float(value) + 0.0 for value in vector]
