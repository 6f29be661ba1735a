"""ROS parameters from a configuration dataclass: one description for YAML, ROS and errors.

A value that cannot be used is never replaced in silence: it is remembered, and the node refuses to
configure until somebody sets a good one.
"""

from __future__ import annotations

from collections.abc import Callable
import sys
from typing import Any, Generic, TypeVar

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node
from rclpy.parameter import Parameter as RosParameter

from ixgs_ros.parameters import (
    build,
    check_value,
    Parameter,
    ParameterError,
    parameters_of,
    unknown_parameter,
)

Config = TypeVar('Config')

# What rclpy and launch themselves put into a node's parameters.
OF_ROS = ('use_sim_time', 'start_type_description_service', 'enable_logger_service')
OF_ROS_PREFIXES = ('qos_overrides.',)
INT_MAX = 2**63 - 1


def descriptor(parameter: Parameter) -> ParameterDescriptor:
    """Return what ``ros2 param describe`` shows: meaning, unit, range and choices."""
    rule = parameter.setting
    found = ParameterDescriptor(description=rule.text + (f' [{rule.unit}]' if rule.unit else ''))
    if rule.choices:
        found.additional_constraints = 'one of ' + ', '.join(rule.choices)
    if rule.low is None and rule.high is None:
        return found
    default = parameter.default
    if isinstance(default, float):
        low = -sys.float_info.max if rule.low is None else float(rule.low)
        high = sys.float_info.max if rule.high is None else float(rule.high)
        found.floating_point_range = [FloatingPointRange(from_value=low, to_value=high, step=0.0)]
    elif isinstance(default, int) and not isinstance(default, bool):
        low_int = -INT_MAX if rule.low is None else int(rule.low)
        high_int = INT_MAX if rule.high is None else int(rule.high)
        found.integer_range = [IntegerRange(from_value=low_int, to_value=high_int, step=0)]
    return found


def plain(value: Any) -> Any:
    """Return a ROS parameter's value as Python has it: arrays become lists."""
    return value if value is None or isinstance(value, (bool, int, float, str)) else list(value)


class NodeParameters(Generic[Config]):
    """Declares a configuration's parameters on a node, checks changes, builds the configuration.

    Args:
        node: the node; its overrides (YAML, command line) are read here.
        config_class: the configuration.
        known_elsewhere: returns the names that other nodes know. A key under ``/**`` reaches every
            node, so such a name is no mistake. Called only when a name is unknown here, because
            answering means importing the other nodes.
    """

    def __init__(self, node: Node, config_class: type[Config],
                 known_elsewhere: Callable[[], set[str]] = set) -> None:
        self._node = node
        self._config_class = config_class
        self._known = parameters_of(config_class)
        self._problems: dict[str, ParameterError] = {}
        self._live: dict[str, Callable[[Any], None]] = {}
        self._locked = False
        self._declare()
        self._look_for_unknown(known_elsewhere)
        node.add_on_set_parameters_callback(self._check)
        node.add_post_set_parameters_callback(self._apply)

    def build(self) -> Config:
        """Return the configuration of the present values.

        Raises:
            ParameterError: all problems of the values given, one a line.
        """
        if self._problems:
            raise ParameterError('\n'.join(str(error) for error in self._problems.values()))
        values = {name: plain(self._node.get_parameter(name).value) for name in self._known}
        try:
            return build(self._config_class, values)
        except ParameterError:
            raise
        except ValueError as error:  # two values that each are fine but contradict each other
            raise ParameterError(str(error)) from error

    def lock(self, locked: bool) -> None:
        """Refuse (or allow again) changes of all parameters that are not live."""
        self._locked = locked

    def on_change(self, name: str, callback: Callable[[Any], None]) -> None:
        """Make a parameter live: it may change at any time; the callback gets the new value."""
        if name not in self._known:
            raise unknown_parameter(name, self._known)
        self._live[name] = callback

    def _declare(self) -> None:
        # rclpy would refuse the YAML value 1 for a double with an error of its own: overrides are
        # taken here, where whole numbers are accepted and the message says what was expected.
        overrides = self._node._parameter_overrides
        for name, parameter in self._known.items():
            value = parameter.default
            if name in overrides:
                try:
                    value = check_value(parameter, plain(overrides[name].value))
                except ParameterError as error:
                    self._problems[name] = error
            self._node.declare_parameter(name, plain(value), descriptor(parameter),
                                         ignore_override=True)

    def _look_for_unknown(self, known_elsewhere: Callable[[], set[str]]) -> None:
        unknown = [name for name in self._node._parameter_overrides
                   if name not in OF_ROS and not self._node.has_parameter(name)
                   and not name.startswith(OF_ROS_PREFIXES)]
        if unknown:
            known = set(self._known) | known_elsewhere()
            self._problems.update({name: unknown_parameter(name, sorted(known))
                                   for name in unknown if name not in known})

    def _check(self, changes: list[RosParameter]) -> SetParametersResult:
        for change in changes:
            parameter = self._known.get(change.name)
            if parameter is None:
                continue
            try:
                check_value(parameter, plain(change.value))
            except ParameterError as error:
                return SetParametersResult(successful=False, reason=str(error))
            if self._locked and change.name not in self._live:
                return SetParametersResult(successful=False, reason=(
                    f'{change.name} is read when the node is configured: clean the node up first '
                    '(lifecycle transition cleanup), then set it'))
        return SetParametersResult(successful=True)

    def _apply(self, changes: list[RosParameter]) -> None:
        for change in changes:
            parameter = self._known.get(change.name)
            if parameter is None:
                continue
            self._problems.pop(change.name, None)
            if change.name in self._live:
                self._live[change.name](check_value(parameter, plain(change.value)))
