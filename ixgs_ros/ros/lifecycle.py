"""What all nodes of the project share: a lifecycle node that cannot be ended by its own callbacks.

A subclass says what it does in four plain methods: ``configure(config)`` allocates and advertises,
``activate()`` subscribes and starts timers, ``deactivate()`` stops what the base class cannot, and
``cleanup()`` frees. Publishers live from configure to cleanup, subscriptions and timers from
activate to deactivate; services answer whenever the node is configured. All four may raise: the
transition then fails, with the reason in the log and in the diagnostics.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future as WorkFuture
import inspect
import time
from typing import Any, Generic, TypeVar

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.lifecycle.publisher import LifecyclePublisher
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription
from rclpy.task import Future
from rclpy.timer import Timer

from ixgs_ros.parameters import ParameterError
from ixgs_ros.ros import qos
from ixgs_ros.ros.diagnostics import Diagnostics, Level
from ixgs_ros.ros.guard import CallbackGuard
from ixgs_ros.ros.parameters import NodeParameters

Config = TypeVar('Config')
UNCONFIGURED, INACTIVE, ACTIVE, FINALIZED = 'unconfigured', 'inactive', 'active', 'finalized'

# Diagnostics value: user and system time of the process, all threads, since its first activation,
# so without imports and compilation.
CPU_SECONDS = 'cpu seconds'

# How long activation waits for somebody to listen; what is published before is lost. A node that
# is started beside others that run hears a camera up to 2.8 s before they have discovered it.
LISTENER_S = 3.0
LISTENER_POLL_S = 0.01


class ConfigurationError(RuntimeError):
    """A node cannot work as configured; the message says what is wrong and what was expected."""


class ManagedNode(LifecycleNode, Generic[Config]):
    """Base class of the nodes.

    Args:
        name: the node's name.
        config_class: its parameters; ``configure`` gets an instance.
        known_elsewhere: returns the names of other nodes' parameters (see ``NodeParameters``).
        arguments: keyword arguments of ``rclpy.lifecycle.LifecycleNode``.
    """

    def __init__(self, name: str, config_class: type[Config],
                 known_elsewhere: Callable[[], set[str]] = set, **arguments: Any) -> None:
        super().__init__(name, **arguments)
        self.state = UNCONFIGURED
        self.diagnostics = Diagnostics(self.get_fully_qualified_name())
        self.guard = CallbackGuard(self.get_logger(), self.diagnostics)
        self.autostart = bool(self.declare_parameter(
            'autostart', False, ParameterDescriptor(description='configure and activate at start')
        ).value)
        self.parameters = NodeParameters(self, config_class, known_elsewhere)
        self._outputs: list[LifecyclePublisher[Any]] = []
        self._offers: dict[str, Callable[..., Any]] = {}
        self._inputs: list[Subscription[Any]] = []
        self._beats: list[Timer] = []
        self._diagnostics_publisher = self.create_publisher(DiagnosticArray, '/diagnostics',
                                                            qos.DIAGNOSTICS)
        # An async service that waits keeps its callback group busy: not the one of the inputs.
        self._aside = ReentrantCallbackGroup()
        self._cpu_start_s: float | None = None
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(1.0, self.guard.wrap(self.publish_diagnostics, 'diagnostics'),
                          clock=self._steady)

    # -- for subclasses to define ---------------------------------------------------------------

    def configure(self, config: Config) -> None:
        """Allocate, advertise and serve. Raise ``ConfigurationError`` to refuse."""

    def activate(self) -> None:
        """Subscribe and start timers."""

    def deactivate(self) -> None:
        """Stop what was started beside subscriptions and timers; keep what was computed."""

    def cleanup(self) -> None:
        """Free what ``configure`` made beside publishers and services; also after a failed one."""

    def observe(self) -> None:
        """Put what the next diagnostics should show; called once a second."""

    # -- for subclasses to use ------------------------------------------------------------------

    def advertise(self, message_type: type, topic: str, profile: QoSProfile) -> Any:
        """Return a publisher that lives until cleanup and is silent while the node is inactive."""
        def incompatible(event: Any) -> None:
            self._say_incompatible(topic, 'a subscriber', event)
        publisher = self.create_lifecycle_publisher(
            message_type, topic, profile,
            event_callbacks=PublisherEventCallbacks(incompatible_qos=incompatible))
        self._outputs.append(publisher)
        return publisher

    def serve(self, service_type: type, name: str, callback: Callable[..., Any]) -> None:
        """Offer a service; unless configured, it answers that the node is not.

        ``callback(request, response)`` may be ``async`` and await ``self.later(…)``. The type has
        the fields ``success`` and ``message``.
        """
        guarded = self.guard.wrap_service(callback, name)
        known = name in self._offers
        self._offers[name] = guarded
        if known:
            return

        async def answer(request: Any, response: Any) -> Any:
            if self.state not in (INACTIVE, ACTIVE):
                response.success = False
                response.message = f'the node is {self.state}: configure it first'
                return response
            result = self._offers[name](request, response)
            return await result if inspect.isawaitable(result) else result
        # Never destroyed before the node: rclpy's executor fails when a service is gone that still
        # owes an answer.
        self.create_service(service_type, name, answer, callback_group=self._aside)

    def subscribe(self, message_type: type, topic: str, callback: Callable[[Any], None],
                  profile: QoSProfile) -> None:
        """Subscribe until deactivate; what cannot match or was lost on the way is told."""
        def incompatible(event: Any) -> None:
            self._say_incompatible(topic, 'a publisher', event)

        def lost(event: Any) -> None:
            self.diagnostics.put(f'messages lost on {topic}', event.total_count)
        self._inputs.append(self.create_subscription(
            message_type, topic, self.guard.wrap(callback, topic), profile,
            event_callbacks=SubscriptionEventCallbacks(incompatible_qos=incompatible,
                                                       message_lost=lost)))

    def every(self, seconds: float, callback: Callable[[], None], name: str) -> None:
        """Call back every so many seconds of the steady clock until deactivate."""
        self._beats.append(self.create_timer(seconds, self.guard.wrap(callback, name),
                                             clock=self._steady))

    def await_listener(self, publisher: Any, timeout: float = LISTENER_S) -> bool:
        """Wait until anybody listens to a publisher, at most ``timeout`` seconds; return whether.

        For ``activate``, before it subscribes: so that nothing comes in that could not go on.
        """
        end = time.monotonic() + timeout
        while publisher.get_subscription_count() == 0 and time.monotonic() < end:
            time.sleep(LISTENER_POLL_S)
        return self.is_heard(publisher)

    def is_heard(self, publisher: Any) -> bool:
        """Return whether anybody listens to a publisher; if not, say so in log and diagnostics."""
        if publisher.get_subscription_count() > 0:
            self.diagnostics.clear(f'unheard/{publisher.topic_name}')
            return True
        sentence = f'nobody listens to {publisher.topic_name}: what is published there is lost'
        self.get_logger().warning(sentence)
        self.diagnostics.hold(f'unheard/{publisher.topic_name}', Level.WARN, sentence)
        return False

    def later(self, work: WorkFuture[Any]) -> Future[Any]:
        """Return a future to ``await`` in an async callback for one of the worker's.

        The executor goes on meanwhile; the worker's thread wakes it when the work is done.
        """
        awaited: Future[Any] = Future(executor=self.executor)

        def hand_over(done: WorkFuture[Any]) -> None:
            if done.cancelled():
                awaited.set_exception(RuntimeError('the work was cancelled: the node stops'))
                return
            error = done.exception()
            if error is None:
                awaited.set_result(done.result())
            else:
                awaited.set_exception(error)
        work.add_done_callback(hand_over)
        return awaited

    def publish_diagnostics(self) -> None:
        """Publish the diagnostics of now; called once a second."""
        self.diagnostics.put('state', self.state)
        if self._cpu_start_s is not None:
            self.diagnostics.put(CPU_SECONDS, time.process_time() - self._cpu_start_s)
        self.observe()
        stamp_ns = self.get_clock().now().nanoseconds
        self._diagnostics_publisher.publish(self.diagnostics.message(stamp_ns))

    # -- lifecycle ------------------------------------------------------------------------------

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Read the parameters and configure."""
        def action() -> None:
            self.configure(self.parameters.build())
        if not self._attempt('configure', action):
            self._free()
            return TransitionCallbackReturn.FAILURE
        self.parameters.lock(True)
        self.state = INACTIVE
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Enable the publishers, then subscribe."""
        super().on_activate(state)
        if not self._attempt('activate', self.activate):
            self._still()
            super().on_deactivate(state)
            return TransitionCallbackReturn.FAILURE
        self.state = ACTIVE
        if self._cpu_start_s is None:
            self._cpu_start_s = time.process_time()
        return TransitionCallbackReturn.SUCCESS

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop listening; what was computed stays."""
        self._still()
        self.diagnostics.clear_all('qos/')
        self.diagnostics.clear_all('error/')
        self._attempt('deactivate', self.deactivate)
        self.state = INACTIVE
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free everything."""
        self._free()
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop and free, from whichever state."""
        self._end()
        return super().on_shutdown(state)

    def destroy_node(self) -> None:
        """Stop and free, then destroy: an owned thread never outlives its node."""
        if self.state != FINALIZED:
            self._end()
        super().destroy_node()

    def _end(self) -> None:
        self._still()
        if self.state == ACTIVE:
            self._attempt('deactivate', self.deactivate)
        self._free()
        self.state = FINALIZED

    def _attempt(self, transition: str, action: Callable[[], None]) -> bool:
        self.diagnostics.clear(f'error/{transition}')
        try:
            action()
        except (ParameterError, ConfigurationError) as error:
            for line in str(error).splitlines():
                self.get_logger().error(f'cannot {transition}: {line}')
            self.diagnostics.hold(f'error/{transition}', Level.ERROR,
                                  f'cannot {transition}: {error}')
            return False
        except Exception as error:  # the boundary of a transition, as in guard.py
            self.guard.failed(transition, error)
            return False
        return True

    def _still(self) -> None:
        for subscription in self._inputs:
            self.destroy_subscription(subscription)
        for timer in self._beats:
            self.destroy_timer(timer)
        self._inputs.clear()
        self._beats.clear()

    def _free(self) -> None:
        self._attempt('cleanup', self.cleanup)
        for publisher in self._outputs:
            self.destroy_lifecycle_publisher(publisher)
        self._outputs.clear()
        self.parameters.lock(False)
        self.state = UNCONFIGURED

    def _say_incompatible(self, topic: str, who: str, event: Any) -> None:
        policy = qos.policy_name(event.last_policy_kind)
        name = self.resolve_topic_name(topic)
        sentence = (f'{who} of {name} has an incompatible {policy}: nothing passes between it and '
                    f'this node')
        self.get_logger().error(sentence)
        self.diagnostics.hold(f'qos/{name}', Level.ERROR, sentence)
