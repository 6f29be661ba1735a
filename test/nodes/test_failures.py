"""What nobody has foreseen in the work on a shot is reported of it, and the stream goes on."""

from __future__ import annotations

import balls
import numpy as np
import pytest
from stage import Stage

from ixgs_ros.nodes.reconstructor import ReconstructorNode
from ixgs_ros.nodes.standardizer import StandardizerNode
from ixgs_ros.reconstruction import density
from ixgs_ros.reconstruction.course import Course
from ixgs_ros.standardization import Standardizer

pytestmark = [pytest.mark.ros, pytest.mark.in_process]


def test_the_standardizer_reports_a_shot_that_it_fails_at(ros, monkeypatch):
    work = Standardizer.standardize

    def failing(self, shot):
        if shot.id == 2:
            raise ZeroDivisionError('nobody thought of this\nand of its second line')
        return work(self, shot)
    monkeypatch.setattr(Standardizer, 'standardize', failing)
    stage = Stage(ros, StandardizerNode, 'standardizer')
    for number in (1, 2, 3):
        stage.send(number)
    report = stage.report_of(2)
    assert (report.code, report.header.stamp.sec) == ('FAILED', 102)
    assert 'ended with ZeroDivisionError: nobody thought of this; expected none' in report.message
    ros.spin_until(lambda: [shot.id for shot in stage.shots] == [1, 3])
    assert 'shots failed: ZeroDivisionError: nobody thought of this' in stage.error()


@pytest.fixture
def reconstructor(ros):
    """The node with shots 1 to 3 in, and its model stands."""
    for number in range(1, 7):
        balls.shot(number)  # ray-cast before the node's compute thread begins
    stage = Stage(ros, ReconstructorNode, 'reconstructor', **balls.PARAMETERS,
                  **{'refine.cpu_share': 0.0})
    for number in (1, 2, 3):
        stage.send(number)
        assert stage.report_of(number).code == 'ACCEPTED'
    ros.spin_until(lambda: stage.status[-1].views == 3)
    return stage


def model(stage) -> bytes:
    """The whole model's bytes; taken while the compute thread has nothing to do."""
    blocks = stage.node._session._reconstructor.model.blocks()
    return b''.join(np.ascontiguousarray(block).tobytes() for block in blocks.values())


def test_a_shot_that_the_reconstructor_fails_to_take_in_leaves_the_model(reconstructor,
                                                                         monkeypatch):
    """The failure comes late, where the shot is accepted and rendered already."""
    before, work = model(reconstructor), density.majoriser

    def failing(projector, body, m):
        if m.shot.id == 4:
            raise RuntimeError('nobody thought of this')
        return work(projector, body, m)
    monkeypatch.setattr(density, 'majoriser', failing)
    volumes = len(reconstructor.volumes)
    reconstructor.send(4)
    report = reconstructor.report_of(4)
    assert (report.code, report.header.stamp.sec, report.steady_ns) == ('FAILED', 104, 0)
    assert 'RuntimeError: nobody thought of this' in report.message
    assert 'shots failed: RuntimeError' in reconstructor.error()
    reconstructor.ros.spin_until(lambda: reconstructor.status[-1].refused == 1)
    assert reconstructor.status[-1].views == 3
    assert model(reconstructor) == before and len(reconstructor.volumes) == volumes
    monkeypatch.undo()
    reconstructor.send(4)  # as if it had never come
    reconstructor.ros.spin_until(lambda: reconstructor.report_of(4).code == 'ACCEPTED')
    reconstructor.send(5)
    assert reconstructor.report_of(5).code == 'ACCEPTED'
    reconstructor.ros.spin_until(lambda: reconstructor.volumes[-1].views == 5)


def test_a_shot_whose_first_volume_fails_is_taken_out_again(reconstructor, monkeypatch):
    """The model of the others comes back, and the next shot is taken up."""
    work = Course.advance

    def failing(self):
        if any(shot.id == 4 for shot in self._shots.shots):
            raise RuntimeError('nobody thought of this')
        return work(self)
    monkeypatch.setattr(Course, 'advance', failing)
    reconstructor.send(4)
    assert reconstructor.report_of(4).code == 'FAILED'
    reconstructor.send(5)
    assert reconstructor.report_of(5).code == 'ACCEPTED'
    assert 'refinement failed: RuntimeError: nobody thought of this' in reconstructor.error()
    shown = reconstructor.ros.spin_until(
        lambda: reconstructor.volumes[-1].views == 4 and reconstructor.volumes[-1])
    assert shown.header.stamp.sec == 105
    ids = [shot.id for shot in reconstructor.node._session._accepted]
    assert ids == [1, 2, 3, 5]


def test_each_shot_gets_its_report_where_not_even_the_others_make_a_model(reconstructor,
                                                                          monkeypatch):
    monkeypatch.setattr(Course, 'advance', lambda self: 1 / 0)
    monkeypatch.setattr(Course, 'begin', lambda self, *given, **named: 1 / 0)
    for number in (4, 5):
        reconstructor.send(number)
    for number in (4, 5):
        assert reconstructor.report_of(number).code == 'FAILED'
    assert reconstructor.volumes[-1].views == 3  # the last good one stays latched
    monkeypatch.undo()
    reconstructor.send(6)
    assert reconstructor.report_of(6).code == 'ACCEPTED'
    reconstructor.ros.spin_until(lambda: reconstructor.volumes[-1].views == 4)
