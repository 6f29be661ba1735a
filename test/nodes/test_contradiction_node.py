"""The reconstructor warns where the shots as a whole contradict each other, until they do not."""

from __future__ import annotations

from dataclasses import replace
import re

import balls
from diagnostic_msgs.msg import DiagnosticStatus
import numpy as np
import pytest
from stage import Stage
from std_srvs.srv import Trigger

from ixgs_ros.nodes.reconstructor import ReconstructorNode
from ixgs_ros.reconstruction.contradiction import LEAST_VIEWS
from ixgs_ros.shot import Shot

pytestmark = [pytest.mark.ros, pytest.mark.in_process, pytest.mark.timeout(900)]


def mirrored(number: int) -> Shot:
    """A shot of the balls as if the panel's columns ran the other way."""
    shot = balls.shot(number)
    lines = np.ascontiguousarray(shot.line_integrals[:, ::-1])
    return replace(shot, line_integrals=lines, weights=np.exp(-lines))


def warnings(stage: Stage) -> list[str]:
    """Return what the newest diagnostics warn of."""
    return [status.message for status in stage.diagnostics[-1].status
            if status.level == DiagnosticStatus.WARN] if stage.diagnostics else []


def test_shots_that_are_mirrored_from_the_fifth_on_are_warned_of(ros):
    for number in range(1, 11):
        balls.shot(number)  # ray-cast before the node's compute thread begins
    stage = Stage(ros, ReconstructorNode, 'reconstructor', **balls.PARAMETERS,
                  **{'refine.cpu_share': 1.0})
    for number in range(1, 11):
        stage.send(number if number < 5 else mirrored(number))
        stage.report_of(number)
        assert number >= LEAST_VIEWS or warnings(stage) == []
    ros.spin_until(lambda: warnings(stage), 600.0, 'a warning')
    # Of three moments the nearest; a view that is set aside shifts them.
    assert re.search('contradict each other: those up to about shot [3-6] ', warnings(stage)[0])
    assert stage.status[-1].state == 'converged'
    reset = ros.nodes[-1].create_client(Trigger, '/reconstructor/reset')
    answer = reset.call_async(Trigger.Request())
    ros.spin_until(answer.done, 30.0)
    ros.spin_until(lambda: warnings(stage) == [], 10.0, 'no warning')
