"""Plays a rig's recording to real nodes: raw bytes, in the bag's rhythm, /clock going before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
import importlib
import time
from typing import Any

from rosgraph_msgs.msg import Clock

from ixgs_ros.ros import qos
from ixgs_ros.ros.messages import to_time
from ixgs_ros.ros.station import Station
from ixgs_ros.session.bag import BagReader, Topics

CLOCK_STEP_S = 0.05


def message_class(name: str) -> Any:
    """Return the Python class of a message type such as 'sensor_msgs/msg/Image'."""
    package, _, message = name.partition('/msg/')
    return getattr(importlib.import_module(f'{package}.msg'), message)


class Player:
    """Publishes the four topics of a bag under the names of docs/contracts.md.

    Args:
        station: where to publish from.
        bag: an open bag.
        rate: bag seconds a second.
    """

    def __init__(self, station: Station, bag: BagReader, rate: float = 1.0) -> None:
        if not rate > 0:
            raise ValueError(f'expected a rate above 0, got {rate}')
        self._station = station
        self._bag = bag
        self._rate = rate
        names = [field.name for field in fields(Topics)]
        self._sent_as = {getattr(bag.topics, name): getattr(Topics(), name) for name in names}
        self._publishers: dict[str, Any] = {}
        for topic, msgtype in bag.types().items():
            profile = qos.PLAYBACK_STATIC if topic == bag.topics.tf_static else qos.PLAYBACK
            self._publishers[topic] = station.node.create_publisher(
                message_class(msgtype), self._sent_as[topic], profile)
        self._clock = station.node.create_publisher(Clock, '/clock', qos.CLOCK)

    def wait_for_listeners(self, timeout: float = 20.0,
                           check: Callable[[], None] = lambda: None) -> None:
        """Wait until somebody listens to every topic: what is published before is lost.

        Raises:
            NoAnswer: with the topic that nobody listens to.
        """
        for topic, publisher in self._publishers.items():
            def heard(publisher: Any = publisher) -> bool:
                return publisher.get_subscription_count() > 0
            self._station.wait(heard, timeout, f'a listener to {self._sent_as[topic]}', check)

    def play(self, check: Callable[[], None] = lambda: None) -> None:
        """Publish all messages; returns after the last one.

        Args:
            check: called between messages; may raise to give up.
        """
        started = time.monotonic()
        first_ns: int | None = None
        for topic, _, log_ns, data in self._bag.raw_messages():
            first_ns = log_ns if first_ns is None else first_ns
            self._wait_until(started + (log_ns - first_ns) / 1e9 / self._rate, log_ns, check)
            self._clock.publish(Clock(clock=to_time(log_ns)))
            self._publishers[topic].publish(data)

    def _wait_until(self, due: float, log_ns: int, check: Callable[[], None]) -> None:
        """Wait for the steady time ``due``; bag time goes on ticking while nothing is sent."""
        while (left := due - time.monotonic()) > 0:
            check()
            if left > CLOCK_STEP_S:
                now_ns = log_ns - round(left * self._rate * 1e9)
                self._clock.publish(Clock(clock=to_time(now_ns)))
            time.sleep(min(left, CLOCK_STEP_S))
