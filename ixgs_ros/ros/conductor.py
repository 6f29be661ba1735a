"""Brings lifecycle nodes up, in order, from another process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
import time

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState

from ixgs_ros.ros.station import Station


class TransitionRefused(RuntimeError):
    """A node did not make a transition; its log says why."""


def state(station: Station, node: str, timeout: float = 10.0) -> str:
    """Return the lifecycle state of a node given by its full name: 'active' and so on."""
    label: str = station.call(GetState, f'{node}/get_state', GetState.Request(),
                              timeout).current_state.label
    return label


def bring_up(station: Station, nodes: Sequence[str], timeout: float,
             check: Callable[[], None] = lambda: None) -> None:
    """Configure all nodes at once, then activate them one after the other.

    Configuring compiles kernels, so it is done side by side; the order of activation is that of
    ``nodes``: a node that sends comes after those that listen to it.

    Args:
        station: where to call from.
        nodes: full names.
        timeout: for all of it, seconds.
        check: called while waiting; may raise to give up early.

    Raises:
        TransitionRefused: a node refused.
        NoAnswer: a node did not answer in time.
    """
    end = time.monotonic() + timeout
    clients = {name: station.node.create_client(ChangeState, f'{name}/change_state')
               for name in nodes}
    futures = {}
    for name, client in clients.items():
        station.wait(client.service_is_ready, end - time.monotonic(), f'the node {name}', check)
        futures[name] = client.call_async(_request(Transition.TRANSITION_CONFIGURE))
    for name, future in futures.items():
        station.wait(future.done, end - time.monotonic(), f'the configuration of {name}', check)
        if not future.result().success:
            raise TransitionRefused(f'{name} refused to configure; its log says why')
    for name, client in clients.items():
        future = client.call_async(_request(Transition.TRANSITION_ACTIVATE))
        station.wait(future.done, end - time.monotonic(), f'the activation of {name}', check)
        if not future.result().success:
            raise TransitionRefused(f'{name} refused to activate; its log says why')


def transition(station: Station, node: str, transition_id: int, timeout: float = 20.0) -> bool:
    """Ask a node for a transition of ``lifecycle_msgs/msg/Transition``; return its success."""
    success: bool = station.call(ChangeState, f'{node}/change_state', _request(transition_id),
                                 timeout).success
    return success


def _request(transition_id: int) -> ChangeState.Request:
    return ChangeState.Request(transition=Transition(id=transition_id))
