"""A recording played through the real nodes ends in a volume, with every shot accounted for."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ixgs_ros.geometry.orbits import CArm
from ixgs_ros.ros.online import replay_online
from ixgs_ros.ros.volume_message import message_to_volume
from ixgs_ros.session.bag import BagReader, BagWriter
from ixgs_ros.session.bag_messages import COMPRESSED_IMAGE, STORE
from ixgs_ros.session.recording import parameters_of_rig, record_rig
from ixgs_ros.simulation import Fault, load_ct, RigConfig, VirtualRig
from ixgs_ros.simulation.trajectories import TimingConfig
from ixgs_ros.verdict import Code


@pytest.fixture(scope='module')
def recording(tmp_path_factory, small_ct):
    config = RigConfig(views=5, carm=CArm(height=64, width=64, pixel_pitch=0.0048),
                       timing=TimingConfig(interval=4.0))
    rig = VirtualRig(load_ct(small_ct), config, faults={2: Fault.TF_GAP})
    path = tmp_path_factory.mktemp('bags') / 'bag'
    with BagWriter(path) as writer:
        record_rig(rig, writer)
    return rig, path


def test_shots_go_through_the_nodes_into_a_volume(recording):
    rig, path = recording
    parameters = {**parameters_of_rig(rig), 'volume.spacing': 0.005, 'model.max_gaussians': 2000,
                  'poses.least_views': 3}
    events, lines = [], []
    with BagReader(path) as bag:
        result = replay_online(bag, parameters={'/**': parameters}, rate=4.0, settle_s=10.0,
                               verdict_s=120.0, on_event=events.append,
                               on_line=lambda node, line: lines.append((node, line)))
    codes = {outcome.id: outcome.verdict.code for outcome in result.outcomes}
    assert result.received == 5 and sorted(codes) == [1, 2, 3, 4, 5]
    assert codes.pop(3) is Code.TRANSFORM_GAP
    assert all(code.accepted for code in codes.values()), codes
    # The first shot came when there was no model to fit it to; it is reported as it is in the end.
    for outcome in result.outcomes:
        assert np.isfinite(outcome.fit.residual) == (outcome.id != 3)
        assert outcome.fit.pose_covariance.any() == (outcome.id != 3)
    latencies = [outcome.latency_s for outcome in result.outcomes if outcome.id in (2, 4, 5)]
    assert all(0 < latency < 60 for latency in latencies)
    assert result.status is not None and result.status.views == 4
    assert result.cpu_s > 0 and result.wall_s > 3.0
    assert {event.node for event in events} >= {'acquisition', 'reconstructor'}
    assert {node for node, _ in lines} >= {'acquisition'}
    volume, grid = message_to_volume(result.volume)
    inside = np.linalg.norm(grid.points()[..., :2], axis=-1) < 0.03
    assert result.deviation is None  # the body is wider than the field
    assert np.median(volume[inside]) == pytest.approx(20.0, abs=12.0)  # water is 20 1/m


def compressed(path, out):
    """Write a recording again with its images as PNG files."""
    with BagReader(path) as bag, BagWriter(out) as writer:
        for topic, msgtype, log_ns, data in bag.raw_messages():
            if topic == bag.topics.image:
                image = STORE.deserialize_cdr(data, msgtype)
                counts = image.data.view('<u2').reshape(image.height, image.width)
                packed = cv2.imencode('.png', counts)[1].ravel()
                kind = STORE.types[COMPRESSED_IMAGE]
                msgtype = COMPRESSED_IMAGE
                data = bytes(STORE.serialize_cdr(
                    kind(header=image.header, format='mono16; png compressed', data=packed),
                    COMPRESSED_IMAGE))
            writer.write(topic, msgtype, log_ns, data, latched=topic == bag.topics.tf_static)
    return out


def test_a_recording_of_compressed_images_needs_no_parameter(recording, tmp_path):
    rig, path = recording
    parameters = {**parameters_of_rig(rig), 'volume.spacing': 0.005, 'model.max_gaussians': 1000}
    with BagReader(compressed(path, tmp_path / 'bag')) as bag:
        result = replay_online(bag, parameters={'/**': parameters}, rate=4.0, settle_s=0.0,
                               verdict_s=120.0)
    assert [outcome.verdict.accepted for outcome in result.outcomes] == [1, 1, 0, 1, 1]


def test_both_models_are_made_side_by_side(recording, half_network):
    """The network takes half of all for bone."""
    rig, path = recording
    parameters = {'/**': {**parameters_of_rig(rig), 'volume.spacing': 0.005,
                          'model.max_gaussians': 1000},
                  'standardizer': {'mode': 'both', 'weights': str(half_network)}}
    with BagReader(path) as bag:
        result = replay_online(bag, parameters=parameters, rate=4.0, settle_s=10.0,
                               verdict_s=120.0, both=True)
    second = result.attenuation
    assert [outcome.id for outcome in second.outcomes] == [1, 2, 3, 4, 5]
    assert result.status.views == second.status.views == 4
    assert (result.volume.quantity, second.volume.quantity) == ('bone', 'attenuation')
    bone, attenuation = (message_to_volume(one.volume)[0] for one in (result, second))
    assert 1.5 < attenuation.sum() / bone.sum() < 2.5
    assert {outcome.node for outcome in second.outcomes if outcome.id != 3} == {
        'reconstructor_attenuation'}
