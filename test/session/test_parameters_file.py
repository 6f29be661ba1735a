"""Parameter files: all forms of rcl reach the right stage; mistakes are told at once."""

import numpy as np
import pytest

from ixgs_ros.parameters import ParameterError
from ixgs_ros.session.parameters_file import load_parameters, read_sections, Section


@pytest.fixture
def load(tmp_path):
    def load(text):
        path = tmp_path / 'p.yaml'
        path.write_text(text)
        return load_parameters(path)
    return load


def test_defaults_without_a_file_and_of_an_empty_one(load):
    assert load('') == load_parameters(None)
    assert load_parameters(None).acquisition.air_counts == 0.0


def test_nested_dotted_global_and_per_node(load):
    parameters = load("""
/**:
  ros__parameters:
    reference_frame: bone
    tf: {max_gap: 0.2}
    tf.timeout: 2
    region.size: [0.1, 0.1, 0.12]
    lps_from_reference:
      translation: [0.1, 0, -0.2]
      rotation: [0.0, 0.0, 0.7071068, 0.7071068]
    use_sim_time: true
/carm/acquisition:
  ros__parameters: {air_counts: 5e4}
standardizer:
  ros__parameters: {collimator: none}
carm:
  reconstructor:
    ros__parameters: {seed: 7}
/carm/navigator:
  ros__parameters: {window.low: 1.0}
""")
    assert parameters.acquisition.reference_frame == 'bone'
    assert parameters.acquisition.tf.max_gap == 0.2
    assert parameters.acquisition.tf.timeout == 2.0
    assert parameters.acquisition.air_counts == 50000.0
    assert parameters.standardizer.collimator == 'none'
    assert parameters.reconstructor.region.size == (0.1, 0.1, 0.12)
    assert parameters.reconstructor.seed == 7
    lps = parameters.lps_from_reference
    assert np.allclose(lps.apply(np.array([1.0, 0, 0])), [0.1, 1.0, -0.2], atol=1e-6)


def test_later_sections_win_and_reach_only_their_node(load):
    parameters = load("""
/**: {ros__parameters: {seed: 1, air_counts: 10.0}}
/carm/reconstructor: {ros__parameters: {seed: 2}}
""")
    assert parameters.reconstructor.seed == 2
    assert parameters.acquisition.air_counts == 10.0


@pytest.mark.parametrize('pattern, node, matches', [
    ('/**', 'acquisition', True), ('/carm/*', 'acquisition', True), ('/*', 'acquisition', False),
    ('/*/acquisition', 'acquisition', True), ('/**/acquisition', 'acquisition', True),
    ('acquisition', 'acquisition', True), ('/acquisition', 'acquisition', False),
    ('/carm/acquisition', 'reconstructor', False), ('/other/acquisition', 'acquisition', False),
])
def test_names_match_as_in_rcl(pattern, node, matches):
    assert Section(pattern, {}).matches(node) is matches


@pytest.mark.parametrize('mode', ['network', 'both'])
def test_bone_needs_a_reconstructor_that_takes_it(load, mode):
    standardizer = f'standardizer: {{ros__parameters: {{mode: {mode}}}}}\n'
    reconstructor = 'reconstructor: {ros__parameters: {quantity: %s}}'
    with pytest.raises(ParameterError, match=f"expected 'auto' or 'bone'.*mode '{mode}'"):
        load(standardizer + reconstructor % 'attenuation')
    for text in (standardizer, standardizer + reconstructor % 'bone'):
        assert load(text).standardizer.mode == mode


BOTH = """
reconstructor_attenuation: {ros__parameters: {max_shots: 20}}
reconstructor: {ros__parameters: {max_shots: 30, seed: 7, quantity: bone}}
standardizer: {ros__parameters: {mode: both}}
/**: {ros__parameters: {sdd: 1.1}}
"""


def test_the_second_reconstructor_takes_what_the_first_has_and_it_has_not(load):
    parameters = load(BOTH)
    first, second = parameters.reconstructor, parameters.attenuation
    assert (first.max_shots, first.seed, first.sdd, first.quantity) == (30, 7, 1.1, 'bone')
    assert (second.max_shots, second.seed, second.sdd, second.quantity) == (20, 7, 1.1, 'auto')
    assert load(BOTH.replace('both', 'network')).attenuation is None


def test_the_second_reconstructor_is_not_of_bone(load):
    with pytest.raises(ParameterError, match="'attenuation' for reconstructor_atten.*got 'bone'"):
        load(BOTH.replace('max_shots: 20', 'quantity: bone'))


@pytest.mark.parametrize('text, words', [
    ('/**: {ros__parameters: {air_count: 1.0}}', "'air_count'; did you mean 'air_counts'"),
    ('/**: {ros__parameters: {tf: {maxgap: 0.1}}}', "'tf.maxgap'; did you mean 'tf.max_gap'"),
    ('/carm/standardizer: {ros__parameters: {air_counts: 1.0}}', "'air_counts'"),
    ('/carm/aquisition: {ros__parameters: {}}', "did you mean 'acquisition'"),
    ('/**: {ros__parameters: {air_counts: bright}}', "air_counts: expected float, got 'bright'"),
    ('/**: {ros__parameters: {tf.max_gap: -1.0}}', 'tf.max_gap: expected a value in'),
    ('/carm/navigator: {ros__parameters: {window.low: x}}', 'window.low: expected float'),
    ('/**: {ros__parameters: {quantity: soft}}', 'quantity: expected one of'),
    ('/**: {ros__parameters: {region.size: [1.0]}}', 'region.size: expected 3 numbers'),
    ('/**: {ros__parameters: {lps_from_reference.rotation: [0.0, 0.0, 0.0, 0.5]}}',
     'lps_from_reference.rotation: expected a unit quaternion'),
    ('/carm/acquisition: {ros__parameters: {reference_frame: a}}', "'a' and 'patient_reference'"),
    ('/**: {ros__parameters: {seed: 1, seed: 2}}', "'seed' is given twice"),
    ('/**: {air_counts: 1.0}', 'expected ros__parameters below'),
    ('/**: {ros__parameters: 3}', 'expected parameters below ros__parameters'),
    ('[1, 2]', 'expected node names'),
    ('a: [', 'not a YAML file'),
])
def test_mistakes_are_named_with_the_file(load, text, words):
    with pytest.raises(ParameterError) as caught:
        load(text)
    assert words in str(caught.value)
    assert 'p.yaml' in str(caught.value)
    assert '\n' not in str(caught.value)


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(ParameterError, match=r'none\.yaml: No such file'):
        load_parameters(tmp_path / 'none.yaml')


def test_what_a_rig_writes_is_read(mcap_bag):
    parameters = load_parameters(mcap_bag / 'params.yaml')
    assert parameters.acquisition.air_counts == 50000.0
    assert parameters.acquisition.sdd == parameters.reconstructor.sdd == 1.02
    assert parameters.reconstructor.region.size == (0.08, 0.08, 0.08)
    values = read_sections(mcap_bag / 'params.yaml')[0].values
    # rcl takes a list of whole numbers for another type than the parameter's.
    assert all(type(number) is float for number in values['region.center'])
