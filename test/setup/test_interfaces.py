"""Messages and services: documented, listed, built as written, and those that peers know."""

import importlib
import json
from pathlib import Path
import re

import pytest
from rosbags.typesys import get_types_from_msg, get_typestore, Stores

from ixgs.msg import ReconstructionStatus, Shot, ShotReport, VoxelVolume
from ixgs.srv import GetVolume, RemoveShot, SaveVolume, SetRegion

ROOT = Path(__file__).resolve().parents[2]
MESSAGES = (Shot, ShotReport, VoxelVolume, ReconstructionStatus)
FILES = sorted([*ROOT.glob('msg/*.msg'), *ROOT.glob('srv/*.srv')])


@pytest.mark.parametrize('path', FILES, ids=lambda path: path.name)
def test_every_group_of_fields_is_described(path):
    for part in path.read_text().split('---'):
        blocks = [block for block in re.split(r'\n\s*\n', part.strip()) if block]
        fields = [block for block in blocks if not all(line.startswith('#')
                                                       for line in block.splitlines())]
        # A lone success flag says all there is to say.
        undescribed = [block for block in fields
                       if not block.startswith('#') and block != 'bool success']
        assert not undescribed


@pytest.mark.parametrize('path', FILES, ids=lambda path: path.name)
def test_every_interface_is_built(path):
    assert f'  {path.parent.name}/{path.name}\n' in (ROOT / 'CMakeLists.txt').read_text()


@pytest.mark.parametrize('message', MESSAGES, ids=lambda message: message.__name__)
def test_the_built_message_is_the_one_written_here(message):
    """Names and order: a stale build would talk past recordings and peers."""
    name = message.__name__
    written = re.findall(r'^([A-Za-z_0-9/]+(?:\[\d*\])?) ([a-z_0-9]+)$',
                         (ROOT / 'msg' / f'{name}.msg').read_text(), re.MULTILINE)
    assert [field for _, field in written] == list(message.get_fields_and_field_types())


def test_recordings_agree_with_the_wire_on_our_types():
    """rosbags, which writes our bags, derives the type hash that ROS gave the built message."""
    store = get_typestore(Stores.ROS2_JAZZY)
    definitions = {}
    for message in MESSAGES:
        name = f'ixgs/msg/{message.__name__}'
        definitions |= get_types_from_msg((ROOT / 'msg' / f'{message.__name__}.msg').read_text(),
                                          name)
    store.register(definitions)
    for message in MESSAGES:
        name = f'ixgs/msg/{message.__name__}'
        assert store.hash_rihs01(name) == built_hash('ixgs', name)


def test_the_stand_in_for_tf_has_the_type_hash_of_the_real_one():
    name = 'tf2_msgs/msg/TFMessage'
    assert built_hash('tf2_msgs', name) == get_typestore(Stores.ROS2_JAZZY).hash_rihs01(name)


def test_large_arrays_are_bytes():
    """uint8[] serialises three times faster in Python than the same bytes as float32[]."""
    assert Shot.get_fields_and_field_types()['line_integrals'] == 'sequence<uint8>'
    assert Shot.get_fields_and_field_types()['weights'] == 'sequence<uint8>'
    assert VoxelVolume.get_fields_and_field_types()['data'] == 'sequence<uint8>'


@pytest.mark.parametrize('service', [SaveVolume, GetVolume, SetRegion, RemoveShot])
def test_services_answer_with_success_and_a_sentence(service):
    answer = service.Response.get_fields_and_field_types()
    assert (answer['success'], answer['message']) == ('boolean', 'string')


def built_hash(package, name):
    """Return the type hash that rosidl recorded beside the module that it built."""
    kind, message = name.split('/')[1:]
    recorded = Path('share', package, kind, f'{message}.json')
    module = Path(importlib.import_module(package).__file__)
    path = next(folder / recorded for folder in module.parents if (folder / recorded).is_file())
    hashes = json.loads(path.read_text())['type_hashes']
    return next(entry['hash_string'] for entry in hashes if entry['type_name'] == name)
