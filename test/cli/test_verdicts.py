"""Which reports of the nodes are worth a line to who watches a replay or the demo."""

import pytest

pytest.importorskip('rclpy')
from ixgs.msg import ReconstructionStatus, ShotReport
from ixgs_ros.cli.replay_online import Verdicts
from ixgs_ros.ros.collector import Event

pytestmark = pytest.mark.ros


def test_a_shot_is_told_once_and_again_when_its_verdict_changes():
    verdicts = Verdicts()

    def told(node, number, code):
        return verdicts.new_in(Event(node, ShotReport(id=number, code=code))) is not None
    assert not told('acquisition', 1, 'ACCEPTED')
    assert told('reconstructor', 1, 'ACCEPTED')
    assert not told('reconstructor', 1, 'ACCEPTED')   # its fit has changed
    assert told('reconstructor', 1, 'ACCEPTED_CORRECTED')
    assert told('reconstructor', 1, 'QUARANTINED')
    assert told('reconstructor', 1, 'ACCEPTED')
    assert told('reconstructor', 2, 'ACCEPTED')
    # Refused before they got a number: two shots.
    assert told('acquisition', 0, 'OVERLOAD') and told('acquisition', 0, 'OVERLOAD')
    assert verdicts.new_in(Event('reconstructor', ReconstructionStatus())) is None
