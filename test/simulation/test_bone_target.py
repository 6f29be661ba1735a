"""The bone target: bone with its marrow stays, contrast medium, table and metal go."""

import numpy as np
import pytest

from ixgs_ros.simulation.attenuation import attenuation
from ixgs_ros.simulation.bone_target import bone_share, bone_volume, find_anatomy
from ixgs_ros.simulation.ct import Ct

SPACING = 0.002
SHAPE = (60, 90, 100)


def grid():
    return np.meshgrid(*(np.arange(n) * SPACING for n in SHAPE), indexing='ij')


def column(y, x, radius):
    """Return the distance to the axis of an upright cylinder, negative inside; metres."""
    _, yy, xx = grid()
    return np.hypot(yy - y, xx - x) - radius


BONE = column(0.115, 0.10, 0.018)
AORTA = column(0.072, 0.115, 0.012)
KIDNEY = column(0.09, 0.045, 0.02)
METAL = column(0.115, 0.145, 0.003)


@pytest.fixture(scope='module')
def ct():
    """A torso on a table: a bone with shell and marrow, an aorta, a kidney and a rod."""
    z, y, x = grid()
    hu = np.full(SHAPE, -1000.0)
    hu[np.hypot((y - 0.085) / 0.07, (x - 0.10) / 0.085) < 1.0] = 40.0
    hu[(y > 0.168) & (y < 0.174)] = 400.0
    hu[BONE < 0.0], hu[BONE < -0.004] = 900.0, 220.0
    hu[AORTA < 0.0], hu[KIDNEY < 0.0], hu[METAL < 0.0] = 330.0, 240.0, 3000.0
    hu += np.random.default_rng(0).normal(0.0, 12.0, SHAPE)
    return Ct(hu, np.diag([SPACING, SPACING, SPACING, 1.0]), 'torso')


def test_bone_keeps_its_marrow(ct):
    share = bone_share(ct)
    assert share[BONE < -0.002].mean() > 0.98
    bone = bone_volume(ct)
    assert bone == pytest.approx(share * attenuation(ct.hu))


@pytest.mark.parametrize('thing', [AORTA, KIDNEY, METAL])
def test_what_is_no_bone_is_left_out(ct, thing):
    assert bone_share(ct)[thing < 0.0].mean() < 0.02


def test_the_bone_around_a_thick_implant_stays(ct):
    nail = column(0.115, 0.10, 0.007)
    nailed = Ct(np.where(nail < 0.0, 3000.0, ct.hu), ct.lps_from_index)
    share = bone_share(nailed)
    assert share[(BONE < -0.002) & (nail > 0.002)].mean() > 0.98
    assert share[nail < 0.0].mean() == 0.0
    assert share[(AORTA < 0.0) | (KIDNEY < 0.0)].mean() < 0.02


def test_the_body_is_without_the_table(ct):
    _, y, _ = grid()
    anatomy = find_anatomy(ct)
    assert not anatomy.body[y > 0.168].any() and not anatomy.bone[y > 0.168].any()
    assert anatomy.body[BONE < 0.0].all() and anatomy.body[AORTA < 0.0].all()


def test_the_ramp(ct):
    shifted = Ct(np.where(BONE < -0.004, 150.0, ct.hu), ct.lps_from_index)
    assert bone_share(shifted)[BONE < -0.008].mean() == pytest.approx(0.5, abs=0.02)


def test_a_ct_of_air_has_no_bone():
    air = Ct(np.full((20, 20, 20), -1000.0), np.diag([0.002, 0.002, 0.002, 1.0]))
    assert not bone_share(air).any()
