"""The table of nodes: the one place that launch files, ``./ixgs run``, demos and tests read.

Reading it needs no ROS. Names are relative to the namespace; nodes take input from relative
topics, which the remaps of this table connect, and give output on private ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
import importlib
from typing import Any

from ixgs_ros.parameters import check_value, parameters_of, unknown_parameter

NAMESPACE = '/carm'

# Declared by the base class of all nodes beside their configuration.
COMMON_PARAMETERS = frozenset({'autostart', 'use_sim_time'})


@dataclass(frozen=True)
class Node:
    """One node.

    Args:
        name: its name, also that of its executable.
        node_class: ``module:class`` of the node.
        config_class: ``module:class`` of its parameters; the module imports no ROS.
        remaps: pairs of relative topic names, from and to.
        text: what it does, one line.
        simulated: it stands for hardware, so it only runs when asked for.
        like: another node of the same class, whose parameters it takes where it has none of its
            own. It runs beside that one where the standardizer passes on both bone and attenuation
            (``mode: both``).
    """

    name: str
    node_class: str
    config_class: str
    text: str
    remaps: tuple[tuple[str, str], ...] = ()
    simulated: bool = False
    like: str = ''

    def load_class(self) -> Any:
        """Import and return the node's class."""
        return _load(self.node_class)

    def load_config(self) -> type:
        """Import and return the class of its parameters."""
        loaded: type = _load(self.config_class)
        return loaded


# In the order in which they are activated: a node that sends comes after those that listen to it.
NODES = (
    Node('navigator', 'ixgs_ros.nodes.navigator:NavigatorNode',
         'ixgs_ros.nodes.navigator_config:NavigatorConfig',
         'volume to slices and renderings',
         remaps=(('volume', 'reconstructor/volume'),)),
    Node('reconstructor', 'ixgs_ros.nodes.reconstructor:ReconstructorNode',
         'ixgs_ros.nodes.reconstructor_config:ReconstructorConfig',
         'shots to volume and Gaussians',
         remaps=(('shots', 'standardizer/shots'),)),
    Node('reconstructor_attenuation', 'ixgs_ros.nodes.reconstructor:ReconstructorNode',
         'ixgs_ros.nodes.reconstructor_config:ReconstructorConfig',
         'the same of attenuation, beside bone',
         remaps=(('shots', 'standardizer/attenuation/shots'),), like='reconstructor'),
    Node('standardizer', 'ixgs_ros.nodes.standardizer:StandardizerNode',
         'ixgs_ros.nodes.standardizer_config:StandardizerConfig',
         'masks, dead pixels and weights of shots',
         remaps=(('shots', 'acquisition/shots'),)),
    Node('acquisition', 'ixgs_ros.nodes.acquisition:AcquisitionNode',
         'ixgs_ros.nodes.acquisition_config:AcquisitionNodeConfig',
         'image, camera info and pose to shots',
         remaps=(('reports', 'reconstructor/report'),
                 ('attenuation/reports', 'reconstructor_attenuation/report'))),
    Node('simulator', 'ixgs_ros.nodes.simulator:SimulatorNode',
         'ixgs_ros.nodes.simulator_config:SimulatorConfig',
         'a tracked C-arm that images a CT',
         simulated=True),
)


def names(simulated: bool = False, both: bool = False) -> tuple[str, ...]:
    """Return the names of the nodes that run, in order of activation.

    Args:
        simulated: stand-ins for hardware, too.
        both: those too that run where the standardizer passes on both bone and attenuation.
    """
    return tuple(node.name for node in NODES
                 if (simulated or not node.simulated) and (both or not node.like))


def all_names() -> tuple[str, ...]:
    """Return the names of all nodes of the table."""
    return names(simulated=True, both=True)


def find(name: str) -> Node:
    """Return a node of the table.

    Raises:
        KeyError: with the names there are.
    """
    for node in NODES:
        if node.name == name:
            return node
    raise KeyError(f'no node {name!r}; expected one of {", ".join(all_names())}')


def in_order(wanted: Iterable[str]) -> tuple[Node, ...]:
    """Return the nodes wanted in the table's order.

    Raises:
        KeyError: a name is none of the table's.
    """
    chosen = {find(name).name for name in wanted}
    return tuple(node for node in NODES if node.name in chosen)


def known_parameters(node: str | None = None) -> set[str]:
    """Return the names of all parameters that a node (or any node) knows."""
    chosen = NODES if node is None else (find(node),)
    return set(COMMON_PARAMETERS).union(*(parameters_of(entry.load_config()) for entry in chosen))


def check_keys(keys: Iterable[str], node: str | None) -> None:
    """Raise unless all keys are known.

    Args:
        keys: dotted names as in a parameter file.
        node: the node they are for; None for ``/**``, where any node's key is fine.

    Raises:
        ParameterError: with the nearest known key.
    """
    known = known_parameters(node)
    for key in keys:
        if key not in known:
            raise unknown_parameter(key, sorted(known))


def check_values(values: Mapping[str, Any]) -> None:
    """Raise unless every name is known to some node, and every node that knows it takes its value.

    Raises:
        ParameterError: with the name, the value and what was expected.
    """
    check_keys(values, None)
    for entry in NODES:
        known = parameters_of(entry.load_config())
        for name, value in values.items():
            if name in known:
                check_value(known[name], value)


def _load(where: str) -> Any:
    module, _, name = where.partition(':')
    return getattr(importlib.import_module(module), name)
