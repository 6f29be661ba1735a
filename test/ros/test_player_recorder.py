"""What is recorded from the air is what was played into it."""

from __future__ import annotations

import errno

import numpy as np
import pytest
from sensor_msgs.msg import Image

from ixgs_ros.geometry.orbits import CArm
from ixgs_ros.ros import qos
from ixgs_ros.ros.player import Player
from ixgs_ros.ros.recorder import Recorder
from ixgs_ros.ros.station import NoAnswer, Station
from ixgs_ros.session.bag import BagReader, BagWriter
from ixgs_ros.session.recording import record_rig
from ixgs_ros.simulation import load_ct, RigConfig, VirtualRig
from ixgs_ros.simulation.trajectories import TimingConfig


@pytest.fixture
def bag(tmp_path, small_ct):
    rig = VirtualRig(load_ct(small_ct), RigConfig(views=3, carm=CArm(height=32, width=32),
                                                  timing=TimingConfig(interval=0.7)))
    with BagWriter(tmp_path / 'bag') as writer:
        record_rig(rig, writer)
    with BagReader(tmp_path / 'bag') as reader:
        yield reader


def test_a_played_bag_is_recorded_byte_for_byte_and_in_rhythm(bag, tmp_path, ros_domain):
    with Station(ros_domain, 'player') as sender, Station(ros_domain, 'recorder') as receiver:
        player = Player(sender, bag, rate=2.0)
        with Recorder(receiver, tmp_path / 'again') as recorder:
            player.wait_for_listeners()
            player.play()
            receiver.wait(lambda: recorder.counts == bag.counts(), 5.0, 'all messages')
    with BagReader(tmp_path / 'again') as again:
        def of(reader, topic):
            return [data for name, _, _, data in reader.raw_messages() if name == topic]
        for topic in bag.counts():
            assert of(again, topic) == of(bag, topic)
        stamps = {name: np.array([log for topic, _, log, _ in reader.raw_messages()
                                  if topic == '/tf'])
                  for name, reader in (('first', bag), ('again', again))}
        delays = stamps['again'] - stamps['again'][0]
        delays = delays - (stamps['first'] - stamps['first'][0]) / 2.0
        # Against each other: where the machine stalls, the first may be as late as any.
        assert np.median(np.abs(delays - np.median(delays))) < 0.1e9


def test_a_full_disk_ends_the_recording_and_not_the_listening(bag, tmp_path, ros_domain,
                                                              monkeypatch):
    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, 'No space left on device')
    heard = []
    with Station(ros_domain, 'player') as sender, Station(ros_domain, 'recorder') as receiver:
        player = Player(sender, bag, rate=10.0)
        receiver.node.create_subscription(Image, '/carm/image', heard.append, qos.PLAYBACK)
        monkeypatch.setattr(BagWriter, 'write', full)
        with pytest.raises(OSError, match='No space left'), \
                Recorder(receiver, tmp_path / 'again') as recorder:
            player.wait_for_listeners()
            player.play()
            receiver.wait(lambda: len(heard) == bag.images, 5.0, 'all images')
        assert not any(recorder.counts.values())
    assert [path.name for path in tmp_path.iterdir() if 'again' in path.name] == []


def test_nobody_listening_is_told_with_the_topic(bag, ros_domain):
    with Station(ros_domain) as station, pytest.raises(NoAnswer, match='a listener to /tf_static'):
        Player(station, bag).wait_for_listeners(timeout=0.3)
