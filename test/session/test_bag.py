"""Bags: both storages hold what the rig sent; what is missing or damaged is said by name."""

import re
import shutil

import numpy as np
import pytest
from rosbags.interfaces import QosDurability
from rosbags.rosbag2 import Reader
from rosbags.typesys import get_typestore, Stores

from ixgs_ros.acquisition import CameraModel, decode_image, ImageFrame
from ixgs_ros.session import bag_messages
from ixgs_ros.session.bag import BagError, BagReader, BagWriter, Topics
from ixgs_ros.session.bag_messages import decode, IMAGE
from ixgs_ros.session.recording import record_rig


def copy_without(source, target, dropped, renamed=None):
    """Copy a bag but for some topics; others may get new names."""
    reader = Reader(source)
    reader.open()
    with BagWriter(target) as writer:
        for connection, log_ns, data in reader.messages():
            if connection.topic not in dropped:
                topic = (renamed or {}).get(connection.topic, connection.topic)
                writer.write(topic, connection.msgtype, log_ns, bytes(data))
    reader.close()
    return target


def test_what_was_recorded_comes_back(bag, rig):
    with BagReader(bag) as reader:
        assert reader.images == 6
        messages = list(reader.messages())
    log_times = [log_ns for _, log_ns, _ in messages]
    assert log_times == sorted(log_times)
    images = [m for _, _, m in messages if isinstance(m, ImageFrame)]
    cameras = [m for _, _, m in messages if isinstance(m, CameraModel)]
    assert [image.stamp_ns for image in images] == [shot.stamp_ns for shot in rig.shots]
    assert images[2].encoding == 'mono16' and images[2].frame_id == 'carm_source_optical'
    assert np.array_equal(decode_image(images[2]), rig.expose(2))
    assert np.allclose(cameras[4].intrinsics(), rig.shots[4].view.k)
    assert [c.stamp_ns for c in cameras] == [i.stamp_ns for i in images]
    static = [item for topic, _, m in messages if topic == '/tf_static' for item in m.transforms]
    moving = [item for topic, _, m in messages if topic == '/tf' for item in m.transforms]
    expected = rig.transforms_between(rig.start_ns, rig.end_ns)
    assert [(t.parent, t.child, t.stamp_ns) for t in moving] == [
        (t.parent, t.child, t.stamp_ns) for t in expected]
    assert np.allclose(moving[77].quaternion, expected[77].quaternion, atol=1e-12)
    assert np.allclose(static[0].translation, rig.static_transforms()[0].translation)


def test_static_transforms_are_latched_and_definitions_inside(bag):
    with Reader(bag) as reader:
        for connection in reader.connections:
            durability = connection.ext.offered_qos_profiles[0].durability
            latched = connection.topic == '/tf_static'
            assert (durability == QosDurability.TRANSIENT_LOCAL) == latched
            assert connection.msgdef.data and connection.digest.startswith('RIHS01_')


@pytest.mark.parametrize('topic', ['/carm/image', '/carm/camera_info', '/tf', '/tf_static'])
def test_a_missing_topic_is_named_and_so_is_what_there_is(mcap_bag, tmp_path, topic):
    bag = copy_without(mcap_bag, tmp_path / 'bag', {topic})
    with pytest.raises(BagError) as caught, BagReader(bag):
        pass
    text = str(caught.value)
    assert f"no topic '{topic}'" in text
    for other in {'/carm/image', '/carm/camera_info', '/tf', '/tf_static'} - {topic}:
        assert other in text
    assert f'--remap {topic.rsplit("/", 1)[-1]}:=' in text


def test_no_static_topic_is_needed_where_tf_carries_all(rig, tmp_path):
    with BagWriter(tmp_path / 'whole') as writer:
        record_rig(rig, writer)
        for transform in rig.static_transforms():
            writer.write('/tf', bag_messages.TRANSFORMS, rig.start_ns,
                         bag_messages.encode_transforms([transform]))
    bag = copy_without(tmp_path / 'whole', tmp_path / 'bag', {'/tf_static'})
    with BagReader(bag) as reader:
        assert reader.images == 6


def test_other_names_are_remapped(mcap_bag, tmp_path):
    bag = copy_without(mcap_bag, tmp_path / 'bag', set(), {'/carm/image': '/xray/raw'})
    with pytest.raises(BagError, match="'/carm/image'.*/xray/raw"), BagReader(bag):
        pass
    with BagReader(bag, Topics.remapped(['image:=/xray/raw'])) as reader:
        assert reader.images == 6
        assert sum(isinstance(m, ImageFrame) for _, _, m in reader.messages()) == 6


@pytest.mark.parametrize('rule', ['image', 'image:=', 'picture:=/x'])
def test_bad_remappings_are_refused(rule):
    with pytest.raises(BagError, match='NAME:=TOPIC'):
        Topics.remapped([rule])


def test_relative_targets_and_long_names():
    assert Topics.remapped(['/carm/image:=raw', 'tf:=/rig/tf']) == Topics(
        image='/carm/raw', tf='/rig/tf')


def test_a_topic_of_another_type_is_refused(mcap_bag, tmp_path):
    bag = copy_without(mcap_bag, tmp_path / 'bag', {'/carm/image'},
                       {'/carm/camera_info': '/carm/image'})
    with pytest.raises(BagError, match='holds sensor_msgs/msg/CameraInfo; expected'):
        BagReader(bag).__enter__()


def test_a_truncated_bag_is_an_error_not_a_shorter_one(bag, tmp_path):
    damaged = tmp_path / 'bag'
    shutil.copytree(bag, damaged)
    storage = next(path for path in damaged.iterdir() if path.suffix in ('.mcap', '.db3'))
    content = storage.read_bytes()
    storage.write_bytes(content[:len(content) // 2])
    with pytest.raises(BagError, match=str(damaged)) as caught, BagReader(damaged) as reader:
        list(reader.messages())
    words = {'.mcap': f"'mcap recover {storage} -o .*ros2 bag reindex {damaged}'",
             '.db3': 'copy the .db3 file again'}[storage.suffix]
    assert re.search(words, str(caught.value))


@pytest.mark.parametrize('kept', [20, 0.3, 0.9999])
def test_an_mcap_file_without_its_end_says_so_and_what_mends_it(mcap_bag, tmp_path, kept):
    """Cut in the header, among the messages, or in the last bytes; alone or in a folder."""
    content = (mcap_bag / 'rig.mcap').read_bytes()
    content = content[:kept if kept > 1 else int(kept * len(content))]
    (tmp_path / 'bag').mkdir()
    file = tmp_path / 'bag' / 'rig.mcap'
    file.write_bytes(content)
    for given in (file, file.parent):  # the folder without metadata.yaml, as a cut recording's is
        with pytest.raises(BagError, match=f'cut off after {len(content)} bytes') as caught, \
                BagReader(given):
            pass
        assert f"'mcap recover {file} -o" in str(caught.value)
        assert ('reindex' in str(caught.value)) == given.is_dir()


def test_a_tail_of_zeros_is_no_end_either(mcap_bag, tmp_path):
    """So file systems leave what was not written when the power failed."""
    content = (mcap_bag / 'rig.mcap').read_bytes()
    (tmp_path / 'rig.mcap').write_bytes(content[:-4096] + bytes(4096))
    with pytest.raises(BagError, match='cut off'), BagReader(tmp_path / 'rig.mcap'):
        pass


def test_a_whole_file_without_its_metadata_can_be_given_itself(mcap_bag, tmp_path):
    shutil.copy(mcap_bag / 'rig.mcap', tmp_path)
    with pytest.raises(BagError, match=f"reindex {tmp_path}' writes one, or give rig.mcap"), \
            BagReader(tmp_path):
        pass
    with BagReader(tmp_path / 'rig.mcap') as reader:
        assert reader.images == 6


def test_garbage_and_absence(tmp_path):
    with pytest.raises(BagError, match='no such bag'), BagReader(tmp_path / 'none'):
        pass
    (tmp_path / 'folder').mkdir()
    with pytest.raises(BagError, match='no metadata.yaml .nor any .mcap'), \
            BagReader(tmp_path / 'folder'):
        pass
    (tmp_path / 'file.mcap').write_bytes(b'garbage')
    with pytest.raises(BagError, match='cannot be read'), BagReader(tmp_path / 'file.mcap'):
        pass


def test_a_bare_storage_file_reads_too(mcap_bag):
    with BagReader(mcap_bag / 'rig.mcap') as reader:
        assert reader.images == 6


def test_a_bag_appears_whole_or_not_at_all(tmp_path):
    with pytest.raises(RuntimeError), BagWriter(tmp_path / 'bag') as writer:
        writer.write('/x', IMAGE, 0, b'')
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    (tmp_path / 'bag').mkdir()
    with pytest.raises(BagError, match='exists already'):
        BagWriter(tmp_path / 'bag')
    with pytest.raises(BagError, match='does not exist'):
        BagWriter(tmp_path / 'no' / 'bag')
    with pytest.raises(BagError, match="got 'zip'"):
        BagWriter(tmp_path / 'other', 'zip')


def test_compressed_images_are_understood():
    store = get_typestore(Stores.ROS2_HUMBLE)
    time = store.types['builtin_interfaces/msg/Time'](sec=3, nanosec=7)
    header = store.types['std_msgs/msg/Header'](stamp=time, frame_id='f')
    name = 'sensor_msgs/msg/CompressedImage'
    message = store.types[name](header=header, format='png', data=np.arange(5, dtype=np.uint8))
    frame = decode(name, bytes(store.serialize_cdr(message, name)))
    assert (frame.stamp_ns, frame.format, bytes(frame.data)) == (3_000_000_007, 'png',
                                                                 bytes(range(5)))
