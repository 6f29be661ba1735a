"""Recordings of a rig: rosbag2 folders, MCAP or SQLite3, read and written without ROS."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
import shutil
import tempfile
from types import TracebackType

from rosbags.interfaces import (
    Connection,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import Reader, StoragePlugin, Writer

from ixgs_ros.acquisition import CompressedFrame, ImageFrame
from ixgs_ros.session import bag_messages
from ixgs_ros.session.bag_damage import cut_recording, remedy, unindexed_folder
from ixgs_ros.session.bag_messages import (
    CAMERA_INFO,
    COMPRESSED_IMAGE,
    IMAGE,
    Message,
    STORE,
    TRANSFORMS,
    Transforms,
)

STORAGES = {'mcap': StoragePlugin.MCAP, 'sqlite3': StoragePlugin.SQLITE3}


class BagError(ValueError):
    """A bag cannot be used; the message says what it holds and what was expected."""


@dataclass(frozen=True)
class Topics:
    """Where a recording holds what; the defaults are docs/contracts.md's."""

    image: str = '/carm/image'
    camera_info: str = '/carm/camera_info'
    tf: str = '/tf'
    tf_static: str = '/tf_static'

    @staticmethod
    def remapped(rules: list[str]) -> Topics:
        """Return the topics after ROS remapping rules such as ``image:=/other/image``.

        Raises:
            BagError: a rule has another form, or its left side is none of the inputs.
        """
        names = [field.name for field in fields(Topics)]
        chosen: dict[str, str] = {}
        for rule in rules:
            name, separator, target = rule.partition(':=')
            plain = name.removeprefix('/carm/').removeprefix('/')
            if not separator or not target or plain not in names:
                raise BagError(f'expected a remapping NAME:=TOPIC with NAME one of '
                               f'{", ".join(names)}, got {rule!r}')
            chosen[plain] = target if target.startswith('/') else f'/carm/{target}'
        return Topics(**chosen)

    def types(self) -> dict[str, tuple[str, ...]]:
        """Return the message types allowed on each topic."""
        return {self.image: (IMAGE, COMPRESSED_IMAGE), self.camera_info: (CAMERA_INFO,),
                self.tf: (TRANSFORMS,), self.tf_static: (TRANSFORMS,)}


class BagReader:
    """Reads a rig's recording; a context manager.

    Args:
        path: the bag's folder, or a bare ``.mcap`` or ``.db3`` file.
        topics: where it holds what; as docs/contracts.md says if None.

    Raises:
        BagError: on entering: it is no bag, is damaged, or lacks a topic that is needed.
    """

    def __init__(self, path: str | Path, topics: Topics | None = None) -> None:
        """Remember; nothing is opened yet."""
        self.path = Path(path)
        self.topics = Topics() if topics is None else topics

    def __enter__(self) -> BagReader:
        """Open and check the bag."""
        if not self.path.exists():
            raise BagError(f'{self.path}: there is no such bag')
        try:
            interrupted = cut_recording(self.path) or unindexed_folder(self.path)
        except OSError as error:
            raise BagError(f'{self.path}: cannot be read: {error.strerror}') from error
        if interrupted:
            raise BagError(interrupted)
        try:
            self._reader = Reader(self.path)
            self._reader.open()
        # rosbags lets many kinds of error through when a file is damaged (struct, sqlite, index).
        except Exception as error:
            raise BagError(f'{self.path}: expected a rosbag2 folder, an MCAP or a SQLite3 '
                           f'file; the bag cannot be read: {_words(error)}'
                           f'{remedy(self.path)}') from error
        try:
            self._check_topics()
        except BaseException:
            self._reader.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """Close the bag."""
        self._reader.close()

    @property
    def images(self) -> int:
        """The number of image messages."""
        return self.counts().get(self.topics.image, 0)

    def counts(self) -> dict[str, int]:
        """Return the number of messages of each topic."""
        counts: dict[str, int] = {}
        for connection in self._reader.connections:
            counts[connection.topic] = counts.get(connection.topic, 0) + connection.msgcount
        return counts

    def types(self) -> dict[str, str]:
        """Return the message type of each of the rig's topics that the bag has."""
        wanted = set(self.topics.types())
        return {c.topic: c.msgtype for c in self._reader.connections if c.topic in wanted}

    def messages(self) -> Iterator[tuple[str, int, Message]]:
        """Yield (topic, log time in ns, message) of the rig's four topics in order of log time.

        Raises:
            BagError: the bag ends early or a message is damaged.
        """
        for topic, msgtype, log_ns, data in self.raw_messages():
            try:
                message = bag_messages.decode(msgtype, data)
            except Exception as error:
                raise BagError(f'{self.path}: the message on {topic} logged at {log_ns} ns is '
                               f'damaged: {_words(error)}') from error
            yield topic, log_ns, message

    def raw_messages(self) -> Iterator[tuple[str, str, int, bytes]]:
        """Yield (topic, type, log time in ns, CDR bytes) of the rig's topics, by log time.

        Raises:
            BagError: the bag ends early.
        """
        wanted = set(self.topics.types())
        chosen = [c for c in self._reader.connections if c.topic in wanted]
        read = 0
        try:
            for connection, log_ns, data in self._reader.messages(chosen):
                read += 1
                yield connection.topic, connection.msgtype, log_ns, bytes(data)
        except BagError:
            raise
        except Exception as error:
            raise BagError(f'{self.path}: the bag is damaged after {read} messages: '
                           f'{_words(error)}{remedy(self.path)}') from error
        expected = sum(connection.msgcount for connection in chosen)
        if read < expected:
            raise BagError(f'{self.path}: the bag ends after {read} messages; expected {expected} '
                           'as its metadata says')

    def _check_topics(self) -> None:
        held = {c.topic: c.msgtype for c in self._reader.connections}
        counts = self.counts()
        for topic, types in self.topics.types().items():
            if topic in held and held[topic] not in types:
                raise BagError(f'{self.path}: {topic} holds {held[topic]}; expected '
                               f'{" or ".join(types)}')
        for topic in (self.topics.image, self.topics.camera_info, self.topics.tf):
            if not counts.get(topic):
                raise BagError(self._missing(topic, held, counts))
        if not counts.get(self.topics.tf_static) and not self._tf_reaches_image():
            raise BagError(self._missing(self.topics.tf_static, held, counts))

    def _missing(self, topic: str, held: dict[str, str], counts: dict[str, int]) -> str:
        found = ', '.join(f'{name} ({counts[name]} × {held[name]})' for name in sorted(held))
        what = 'no message on' if topic in held else 'no topic'
        return (f'{self.path}: {what} {topic!r}, which is needed; the bag holds '
                f'{found or "nothing"}. If it has another name there, say so: '
                f'--remap {self._input_name(topic)}:=TOPIC')

    def _input_name(self, topic: str) -> str:
        return next(field.name for field in fields(Topics)
                    if getattr(self.topics, field.name) == topic)

    def _tf_reaches_image(self) -> bool:
        """Whether /tf alone leads to the image's frame: some rigs send no static transforms."""
        frame: str | None = None
        children: set[str] = set()
        for topic, _, message in self.messages():
            if frame is None and isinstance(message, (ImageFrame, CompressedFrame)):
                frame = message.frame_id.lstrip('/')
            if topic == self.topics.tf and isinstance(message, Transforms):
                children.update(item.child.lstrip('/') for item in message.transforms)
            if frame is not None and frame in children:
                return True
        return False


class BagWriter:
    """Writes a bag; a context manager.

    The bag appears under its name only when it is complete: it is written in a hidden folder
    beside it, which an error removes.

    Args:
        path: the bag's folder, which must not exist.
        storage: 'mcap' or 'sqlite3'.

    Raises:
        BagError: the folder exists, its parent does not, or the storage has another name.
    """

    def __init__(self, path: str | Path, storage: str = 'mcap') -> None:
        """Check the arguments; nothing is written yet."""
        self.path = Path(path)
        if storage not in STORAGES:
            raise BagError(f'expected a storage out of {", ".join(STORAGES)}, got {storage!r}')
        if self.path.exists():
            raise BagError(f'{self.path} exists already; expected a new name for the bag')
        if not self.path.absolute().parent.is_dir():
            raise BagError(f'{self.path}: the folder {self.path.absolute().parent} does not exist')
        self._plugin = STORAGES[storage]
        self._connections: dict[tuple[str, str], Connection] = {}

    def __enter__(self) -> BagWriter:
        """Open the hidden folder."""
        parent = self.path.absolute().parent
        self._hidden = Path(tempfile.mkdtemp(prefix=f'.{self.path.name}.', dir=parent))
        self._writer = Writer(self.folder, version=9, storage_plugin=self._plugin)
        self._writer.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """Finish the bag and give it its name; after an error, remove it."""
        try:
            if error is None:
                self._writer.close()
                self.folder.rename(self.path)
            else:
                self._writer.abort()
        finally:
            shutil.rmtree(self._hidden)

    @property
    def folder(self) -> Path:
        """The bag's folder while it is written; further files put there come along."""
        return self._hidden / self.path.name

    def write(self, topic: str, msgtype: str, log_ns: int, data: bytes,
              latched: bool = False) -> None:
        """Write the CDR bytes of a message.

        Args:
            topic: its topic.
            msgtype: its type; the definition is stored in the bag.
            log_ns: when it was received, nanoseconds.
            data: the bytes.
            latched: whether the topic is transient local, as /tf_static is.
        """
        key = topic, msgtype
        if key not in self._connections:
            self._connections[key] = self._writer.add_connection(
                topic, msgtype, typestore=STORE, offered_qos_profiles=[_qos(latched)])
        self._writer.write(self._connections[key], log_ns, data)


def _qos(latched: bool) -> Qos:
    """Return what the rig offers: reliable; kept for late joiners if latched."""
    endless = QosTime(9223372036, 854775807)  # as rmw writes 'infinite'
    durability = QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE
    return Qos(history=QosHistory.KEEP_LAST, depth=1 if latched else 100,
               reliability=QosReliability.RELIABLE, durability=durability, deadline=endless,
               lifespan=endless, liveliness=QosLiveliness.AUTOMATIC,
               liveliness_lease_duration=endless, avoid_ros_namespace_conventions=False)


def _words(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
