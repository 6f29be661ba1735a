"""Configurations: names, types, ranges and errors."""

from dataclasses import dataclass, field

import pytest

from ixgs_ros.parameters import build, flatten, ParameterError, parameters_of, setting


@dataclass(frozen=True)
class Inner:
    max_gap: float = setting(0.1, 'largest gap', unit='s', low=0.0, high=10.0)


@dataclass(frozen=True)
class Outer:
    inverted: bool = setting(False, 'bone white')
    count: int = setting(3, 'how many', low=1, high=5)
    frame: str = setting('world', 'frame', choices=('world', 'tool'))
    center: tuple[float, ...] = setting((0.0, 0.0, 0.0), 'centre', unit='m', low=-1.0, high=1.0)
    tf: Inner = field(default_factory=Inner)


def test_nested_configurations_become_dotted_names_with_units():
    leaves = parameters_of(Outer)
    assert list(leaves) == ['inverted', 'count', 'frame', 'center', 'tf.max_gap']
    assert leaves['tf.max_gap'].setting.unit == 's'


def test_values_not_given_keep_their_default_and_flatten_inverts_build():
    values = {'tf.max_gap': 0.2, 'center': [0.1, 0, -0.5]}
    config = build(Outer, values)
    assert config == Outer(center=(0.1, 0.0, -0.5), tf=Inner(max_gap=0.2))
    assert build(Outer, flatten(config)) == config


@pytest.mark.parametrize(('values', 'words'), [
    ({'tf.max_gpa': 0.1}, ['tf.max_gpa', "did you mean 'tf.max_gap'"]),
    ({'count': 2.5}, ['count', 'int', '2.5']),
    ({'count': True}, ['count', 'int', 'True']),
    ({'count': 6}, ['count', '[1, 5]', '6']),
    ({'inverted': 1}, ['inverted', 'bool', '1']),
    ({'tf.max_gap': float('nan')}, ['tf.max_gap', 'nan']),
    ({'frame': 'moon'}, ['frame', 'world, tool', 'moon']),
    ({'center': [0.0, 0.0]}, ['center', '3 numbers']),
    ({'center': [0.0, 0.0, 2.0]}, ['center', '[-1, 1] m', '2.0']),
])
def test_bad_values_are_refused_by_name_value_and_expectation(values, words):
    with pytest.raises(ParameterError) as error:
        build(Outer, values)
    for word in words:
        assert word in str(error.value)
