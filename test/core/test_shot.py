"""A shot holds finite numbers of its view's size, or cannot be made."""

import numpy as np
import pytest

from ixgs_ros.geometry import RigidTransform, View
from ixgs_ros.shot import Shot
from ixgs_ros.verdict import Code, Refusal

VIEW = View([[900.0, 0, 3.5], [0, 900.0, 2.5], [0, 0, 1]], RigidTransform(), height=6, width=8)


def make(**changes):
    values = {'line_integrals': np.ones((6, 8)), 'weights': np.ones((6, 8)), **changes}
    return Shot(id=1, stamp_ns=0, view=VIEW, **values)


def test_arrays_become_float32_rows():
    shot = make(line_integrals=np.arange(48.0).reshape(6, 8)[:, ::-1])
    assert shot.line_integrals.dtype == np.float32
    assert shot.line_integrals.flags.c_contiguous
    assert shot.line_integrals[0, 0] == 7


@pytest.mark.parametrize(('changes', 'words'), [
    ({'line_integrals': np.ones((8, 6))}, r'\(6, 8\).*\(8, 6\)'),
    ({'line_integrals': np.full((6, 8), np.nan)}, 'finite line_integrals.*48'),
    ({'weights': np.full((6, 8), 1.5)}, r'weights in \[0, 1\].*1.5'),
    ({'weights': np.full((6, 8), -0.5)}, r'weights in \[0, 1\].*-0.5'),
    ({'quantity': 'density'}, "'attenuation' or 'bone'.*'density'"),
])
def test_bad_shots_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        make(**changes)


def test_a_refusal_carries_its_verdict():
    with pytest.raises(Refusal) as error:
        raise Refusal(Code.NO_SIGNAL, 'brightest pixel 3 counts, expected 100 or more')
    assert error.value.verdict.code is Code.NO_SIGNAL
    assert not error.value.verdict.accepted
    assert Code.ACCEPTED_CORRECTED.accepted
