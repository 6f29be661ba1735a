"""ROS parameter files, read without ROS and checked before anything starts.

The form is rcl's: node names (fully qualified, with ``*`` for one part and ``**`` for any number
of them, or just a name of ours), ``ros__parameters`` below, nested or dotted keys. A key under a
wildcard may belong to any node; a key that no node knows, or a value that its node refuses,
raises.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
import difflib
from pathlib import Path
import re
from typing import Any, TypeVar

import yaml

from ixgs_ros.acquisition import AcquisitionConfig
from ixgs_ros.geometry import RigidTransform
from ixgs_ros.nodes import table
from ixgs_ros.nodes.reconstructor_config import ReconstructorConfig
from ixgs_ros.parameters import build, ParameterError, parameters_of
from ixgs_ros.standardization import StandardizerConfig

Config = TypeVar('Config')
MARK = 'ros__parameters'


@dataclass(frozen=True)
class Section:
    """The parameters of one node name pattern, dotted, in the order of the file."""

    pattern: str
    values: dict[str, Any]

    def matches(self, node: str) -> bool:
        """Whether the section is for one of our nodes, given by its plain name."""
        if self.pattern == node:
            return True
        pattern = re.escape(self.pattern.strip('/')).replace(r'\*\*', '.*').replace(r'\*', '[^/]*')
        return re.fullmatch(pattern, f'{table.NAMESPACE}/{node}'.strip('/')) is not None


@dataclass(frozen=True)
class Parameters:
    """The configurations of the stages that a shot passes.

    Args:
        acquisition: images, camera infos and poses to shots.
        standardizer: shots to shots of bone, attenuation or both.
        reconstructor: shots to a volume.
        attenuation: of the second reconstructor, of attenuation beside bone; None without one.
    """

    acquisition: AcquisitionConfig
    standardizer: StandardizerConfig
    reconstructor: ReconstructorConfig
    attenuation: ReconstructorConfig | None = None

    @property
    def lps_from_reference(self) -> RigidTransform:
        """How the reference frame lies in the patient."""
        return self.reconstructor.lps_from_reference.transform()


def load_parameters(path: str | Path | None) -> Parameters:
    """Read a parameter file and check all of it, also what only other nodes use.

    Args:
        path: the file; None for the defaults of everything.

    Raises:
        ParameterError: the file cannot be read, is no parameter file, names an unknown node or
            key, holds a value of the wrong type or out of range, or contradicts itself.
    """
    if path is None:
        return _parameters([])
    try:
        sections = read_sections(Path(path))
        for section in sections:
            _check(section)
        return _parameters(sections)
    except ParameterError as error:
        raise ParameterError(f'{path}: {error}') from error


def _parameters(sections: list[Section]) -> Parameters:
    configs: dict[str, Any] = {
        node.name: _build(node.load_config(), sections, node.name) for node in table.NODES}
    both = configs['standardizer'].mode == 'both'
    parameters = Parameters(configs['acquisition'], configs['standardizer'],
                            configs['reconstructor'],
                            configs['reconstructor_attenuation'] if both else None)
    for config in (parameters.reconstructor, parameters.attenuation or parameters.reconstructor):
        frames = parameters.acquisition.reference_frame, config.reference_frame
        if frames[0] != frames[1]:
            raise ParameterError('reference_frame: expected the same for acquisition and '
                                 f'reconstructor, got {frames[0]!r} and {frames[1]!r}')
    _check_quantity(parameters)
    parameters.reconstructor.lps_from_reference.transform()
    return parameters


def _check_quantity(parameters: Parameters) -> None:
    """Raise if the network's bone would come to a reconstructor that refuses it."""
    mode, quantity = parameters.standardizer.mode, parameters.reconstructor.quantity
    if mode != 'physics' and quantity == 'attenuation':
        raise ParameterError(f"quantity: expected 'auto' or 'bone' for the reconstructor, since "
                             f'the standardizer has mode {mode!r} and passes on bone; got '
                             f'{quantity!r}')
    if parameters.attenuation is not None and parameters.attenuation.quantity == 'bone':
        raise ParameterError("quantity: expected 'auto' or 'attenuation' for "
                             "reconstructor_attenuation, got 'bone'")


def passes_on_both(sections: Sequence[Section]) -> bool:
    """Whether the standardizer of these sections makes bone and attenuation, for two models."""
    return bool(values_of(sections, 'standardizer').get('mode') == 'both')


def values_of(sections: Sequence[Section], node: str) -> dict[str, Any]:
    """Return what the sections say to a node, by dotted name; later sections win, as in rcl.

    A node that is like another takes that one's parameters, so that nothing is written twice; not
    its quantity, in which they differ, and what its own sections say wins.
    """
    like = table.find(node).like
    found: dict[str, Any] = {}
    if like:
        found = {name: value for section in sections if section.matches(like)
                 for name, value in section.values.items() if name != 'quantity'}
    for section in sections:
        if section.matches(node) and not (like and section.matches(like)):
            found.update(section.values)
    return found


def read_sections(path: Path) -> list[Section]:
    """Return the sections of a parameter file, unchecked.

    Raises:
        ParameterError: the file cannot be read or has another form.
    """
    try:
        tree = yaml.load(path.read_text('utf-8'), _Loader)
    except OSError as error:
        raise ParameterError(error.strerror or str(error)) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParameterError(f'not a YAML file: {" ".join(str(error).split())}') from error
    if tree is None:
        return []
    if not isinstance(tree, dict):
        raise ParameterError(f'expected node names with {MARK} below, got {tree!r}')
    return list(_sections(tree, ''))


def _sections(tree: Mapping[str, Any], prefix: str) -> Iterator[Section]:
    """Walk down namespaces until ``ros__parameters``."""
    for name, below in tree.items():
        full = f'{prefix}/{name}'.replace('//', '/') if prefix else str(name)
        if not isinstance(below, dict):
            raise ParameterError(f'expected {MARK} below {full!r}, got {below!r}')
        if MARK not in below:
            yield from _sections(below, full)
            continue
        values = below[MARK]
        if not isinstance(values, dict | None):
            raise ParameterError(f'expected parameters below {MARK} of {full!r}, got {values!r}')
        yield Section(full, dict(_flat(values or {}, '')))
        yield from _sections({key: item for key, item in below.items() if key != MARK}, full)


def _flat(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        full = f'{prefix}{name}'
        if isinstance(value, dict):
            yield from _flat(value, f'{full}.')
        else:
            yield full, value


def _check(section: Section) -> None:
    """Raise if the section is for no node of ours, or has a key that none it is for knows."""
    names = table.all_names()
    matching = [name for name in names if section.matches(name)]
    if not matching:
        last = section.pattern.rsplit('/', 1)[-1]
        near = difflib.get_close_matches(last, names, n=1, cutoff=0.0)
        raise ParameterError(f'no node is called {section.pattern!r}; did you mean {near[0]!r}? '
                             f'(nodes: {", ".join(names)}, in namespace {table.NAMESPACE})')
    table.check_keys(section.values, matching[0] if len(matching) == 1 else None)


def _build(config_class: type[Config], sections: list[Section], node: str) -> Config:
    """Make a node's configuration."""
    known = parameters_of(config_class)
    values = values_of(sections, node)
    return build(config_class, {name: values[name] for name in values if name in known})


class _Loader(yaml.SafeLoader):
    """Reads numbers as rcl does, and refuses a key that is given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = next((key for number, key in enumerate(keys) if key in keys[:number]), None)
        if twice is not None:
            raise yaml.constructor.ConstructorError(
                None, None, f'the key {twice!r} is given twice', node.start_mark)
        return super().construct_mapping(node, deep)


# YAML 1.1 takes 1e-3 for a word, because it has no point; rcl and everyone else for a number.
_Loader.add_implicit_resolver('tag:yaml.org,2002:float',
                              re.compile(r'^[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+$'),
                              list('-+.0123456789'))
