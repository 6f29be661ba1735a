"""The network's modes: what is wrong with the weights is said before the first shot."""

from __future__ import annotations

import pytest

from ixgs_ros.parameters import ParameterError
from ixgs_ros.standardization import Standardizer, StandardizerConfig


@pytest.mark.parametrize('mode', ['network', 'both'])
def test_a_missing_file_is_named(mode):
    with pytest.raises(ParameterError, match='weights: /nowhere.safetensors: there is no'):
        Standardizer(StandardizerConfig(mode=mode, weights='/nowhere.safetensors'))


def test_physics_needs_no_file_and_knows_no_bone():
    standardizer = Standardizer(StandardizerConfig(weights='/nowhere.safetensors'))
    standardizer.warm_up()
    with pytest.raises(ValueError, match="got 'physics'"):
        standardizer.standardize_both(None)
