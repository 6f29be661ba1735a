"""The base of all nodes: transitions, refusals, guarded callbacks, deferred services."""

from __future__ import annotations

from dataclasses import dataclass
import threading
import time

from diagnostic_msgs.msg import DiagnosticArray
import pytest
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from std_msgs.msg import String
from std_srvs.srv import Trigger

from ixgs_ros.parameters import setting
from ixgs_ros.ros import qos
from ixgs_ros.ros.lifecycle import ConfigurationError, ManagedNode
from ixgs_ros.ros.worker import Worker

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


@dataclass(frozen=True)
class EchoConfig:
    gain: float = setting(1.0, 'factor', low=0.0, high=10.0)
    live: int = setting(1, 'may change at any time')


class Echo(ManagedNode[EchoConfig]):
    """Publishes what it hears; 'fail' makes its callback raise; ``~/slow`` computes for 0.3 s."""

    def __init__(self, **arguments):
        super().__init__('echo', EchoConfig, **arguments)
        self.heard: list[str] = []
        self.live = 0
        self.working = False
        self.worker = None
        self.parameters.on_change('live', self._set_live)

    def _set_live(self, value):
        self.live = value

    def configure(self, config):
        if config.gain == 7.0:
            raise ConfigurationError('a gain of 7 is not wanted here, expected another')
        self.worker = Worker('compute', 4)
        self.output = self.advertise(String, '~/output', qos.LATCHED)
        self.events = self.advertise(String, '~/events', qos.FRAMES)
        self.serve(Trigger, '~/slow', self._slow)

    def activate(self):
        self.subscribe(String, 'input', self._hear, qos.FRAMES)

    def cleanup(self):
        if self.worker is not None:
            assert self.worker.stop()
            self.worker = None

    def _hear(self, message):
        if message.data == 'fail':
            raise RuntimeError('asked to')
        self.heard.append(message.data)
        self.output.publish(message)

    async def _slow(self, _, response):
        response.message = await self.later(self.worker.submit(self._work))
        response.success = True
        return response

    def _work(self):
        self.working = True
        time.sleep(0.3)
        return threading.current_thread().name


@pytest.fixture
def echo(ros):
    return ros.add(Echo(context=ros.context))


def _talk(ros, profile=qos.FRAMES):
    node = ros.node('talker')
    return node.create_publisher(String, 'input', profile)


def test_it_listens_only_while_active_and_keeps_what_it_has(ros, echo):
    publisher = _talk(ros)
    assert echo.trigger_configure() == SUCCESS
    publisher.publish(String(data='early'))
    ros.spin_for(0.2)
    assert echo.trigger_activate() == SUCCESS
    ros.spin_until(lambda: publisher.get_subscription_count() == 1)
    publisher.publish(String(data='one'))
    ros.spin_until(lambda: echo.heard)
    assert echo.trigger_deactivate() == SUCCESS
    publisher.publish(String(data='late'))
    ros.spin_for(0.2)
    assert echo.heard == ['one']
    assert echo.trigger_activate() == SUCCESS and echo.trigger_deactivate() == SUCCESS
    assert echo.trigger_cleanup() == SUCCESS and echo.worker is None
    assert echo.trigger_configure() == SUCCESS


def test_it_waits_for_a_listener_that_is_yet_to_be_discovered_and_names_one_that_never_comes(
        ros, echo):
    echo.trigger_configure()
    began = time.monotonic()
    assert not echo.await_listener(echo.events, 0.2)
    assert time.monotonic() - began >= 0.2
    assert 'nobody listens to /echo/events' in echo.diagnostics.message(0).status[0].message
    listener = threading.Timer(0.3, ros.node('listener').create_subscription,
                               (String, '/echo/events', print, qos.FRAMES))
    began = time.monotonic()
    listener.start()
    assert echo.await_listener(echo.events, 20.0)
    assert 0.3 <= time.monotonic() - began < 15.0
    listener.join()
    assert echo.diagnostics.message(0).status[0].level == b'\x00'


def test_a_late_joiner_gets_the_latched_output(ros, echo):
    publisher = _talk(ros)
    echo.trigger_configure()
    echo.trigger_activate()
    ros.spin_until(lambda: publisher.get_subscription_count() == 1)
    publisher.publish(String(data='one'))
    ros.spin_until(lambda: echo.heard)
    late: list[str] = []
    ros.node('late').create_subscription(String, '/echo/output', lambda m: late.append(m.data),
                                         qos.LATCHED)
    ros.spin_until(lambda: late == ['one'])


def test_an_exception_in_a_callback_is_counted_and_the_node_goes_on(ros, echo):
    publisher = _talk(ros)
    seen: list[DiagnosticArray] = []
    ros.node('watch').create_subscription(DiagnosticArray, '/diagnostics', seen.append,
                                          qos.DIAGNOSTICS)
    echo.trigger_configure()
    echo.trigger_activate()
    ros.spin_until(lambda: publisher.get_subscription_count() == 1)
    for text in ('fail', 'after'):
        publisher.publish(String(data=text))
    ros.spin_until(lambda: echo.heard == ['after'])
    assert echo.diagnostics.value('callback errors') == 1
    ros.spin_until(lambda: [m for m in seen if m.status[0].level == b'\x02'])
    assert 'RuntimeError: asked to' in seen[-1].status[0].message
    assert seen[-1].status[0].name == '/echo'


def test_a_service_waits_for_the_worker_while_callbacks_go_on(ros, echo):
    publisher = _talk(ros)
    echo.trigger_configure()
    echo.trigger_activate()
    node = ros.node('caller')
    client = node.create_client(Trigger, '/echo/slow')
    ros.spin_until(client.service_is_ready)
    ros.spin_until(lambda: publisher.get_subscription_count() == 1)
    future = client.call_async(Trigger.Request())
    ros.spin_for(0.05)
    publisher.publish(String(data='meanwhile'))
    ros.spin_until(lambda: echo.heard)
    assert not future.done()
    ros.spin_until(future.done)
    assert future.result().message == 'compute'
    assert echo.guard.slowest_s < 0.02


@pytest.mark.parametrize(('name', 'value', 'text'), [
    ('gain', 11.0, 'gain: expected a value in [0, 10], got 11.0'),
    ('gain', 'loud', "gain: expected float, got 'loud'"),
    ('gian', 1.0, "unknown parameter 'gian'; did you mean 'gain'?"),
    ('gain', 7.0, 'a gain of 7 is not wanted here')])
def test_a_bad_parameter_refuses_to_configure(ros, name, value, text):
    override = Parameter(name, value=value)
    echo = ros.add(Echo(context=ros.context, parameter_overrides=[override]))
    assert echo.trigger_configure() == FAILURE
    assert echo.state == 'unconfigured'
    status = echo.diagnostics.message(0).status[0]
    assert status.level == b'\x02' and text in status.message


def test_a_good_value_mends_a_bad_one(ros):
    echo = ros.add(Echo(context=ros.context, parameter_overrides=[Parameter('gain', value=11.0)]))
    assert echo.trigger_configure() == FAILURE
    assert echo.set_parameters([Parameter('gain', value=2.0)])[0].successful
    assert echo.trigger_configure() == SUCCESS
    assert echo.diagnostics.message(0).status[0].level == b'\x00'


def test_a_whole_number_is_taken_for_a_double_and_other_nodes_keys_are_no_mistake(ros):
    overrides = [Parameter('gain', value=2), Parameter('of_another', value=True)]
    echo = ros.add(Echo(context=ros.context, parameter_overrides=overrides,
                        known_elsewhere=lambda: {'of_another'}))
    assert echo.trigger_configure() == SUCCESS
    assert echo.get_parameter('gain').value == 2.0


def test_only_live_parameters_change_after_configure(ros, echo):
    echo.trigger_configure()
    refused = echo.set_parameters([Parameter('gain', value=2.0)])[0]
    assert not refused.successful and 'cleanup' in refused.reason
    assert echo.set_parameters([Parameter('live', value=5)])[0].successful and echo.live == 5
    out_of_range = echo.set_parameters([Parameter('gain', value=float('nan'))])[0]
    assert not out_of_range.successful


def test_a_best_effort_publisher_is_named(ros, echo):
    echo.trigger_configure()
    echo.trigger_activate()
    _talk(ros, QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT))
    ros.spin_until(lambda: echo.diagnostics.message(0).status[0].level == b'\x02')
    assert 'a publisher of /input has an incompatible RELIABILITY' in \
        echo.diagnostics.message(0).status[0].message


def test_a_subscriber_that_asks_for_more_than_is_offered_is_named(ros, echo):
    echo.trigger_configure()
    ros.node('greedy').create_subscription(String, '/echo/events', print, qos.LATCHED)
    ros.spin_until(lambda: echo.diagnostics.message(0).status[0].level == b'\x02')
    assert 'a subscriber of /echo/events has an incompatible DURABILITY' in \
        echo.diagnostics.message(0).status[0].message


def test_a_service_that_waits_while_the_node_is_cleaned_up_gets_an_answer(ros, echo):
    echo.trigger_configure()
    client = ros.node('caller').create_client(Trigger, '/echo/slow')
    ros.spin_until(client.service_is_ready)
    futures = [client.call_async(Trigger.Request()) for _ in range(2)]
    ros.spin_until(lambda: echo.working and echo.worker.waiting == 1)
    assert echo.trigger_cleanup() == SUCCESS
    ros.spin_until(lambda: all(future.done() for future in futures))
    running, waiting = (future.result() for future in futures)
    assert running.success, running.message
    assert not waiting.success and 'the node stops' in waiting.message
    refused = ros.call(ros.nodes[-1], Trigger, '/echo/slow', Trigger.Request())
    assert not refused.success and 'configure it first' in refused.message
    assert echo.trigger_configure() == SUCCESS
    assert ros.call(ros.nodes[-1], Trigger, '/echo/slow', Trigger.Request()).success


def test_destroying_an_active_node_stops_its_worker(ros):
    echo = Echo(context=ros.context)
    echo.trigger_configure()
    echo.trigger_activate()
    echo.destroy_node()
    assert echo.worker is None and echo.state == 'finalized'
