"""While the reconstructor computes and publishes, its callbacks go on."""

import time

import balls
import numpy as np
import pytest
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter

from ixgs.msg import Shot, VoxelVolume
from ixgs_ros.nodes.reconstructor import ReconstructorNode
from ixgs_ros.ros import qos
from ixgs_ros.ros.shot_message import to_shot_message

pytestmark = pytest.mark.ros
PERIOD_S = 0.002
LIMIT_S = 0.02


def test_no_callback_is_held_up_while_the_model_is_refined(ros):
    """A timer in the node's executor sees how long a callback has to wait.

    The machine may be busy with other things: what the same timer suffers while the node only
    waits is taken off. One gap in a hundred may be longer, for the scheduler's sake.
    """
    # Ray-cast before the node computes: numba's threads belong to one of us at a time.
    messages = [to_shot_message(balls.shot(number), 'patient_reference') for number in range(1, 9)]
    values = {**balls.PARAMETERS, 'volume.spacing': 0.001, 'model.max_gaussians': 20_000}
    node = ros.add(ReconstructorNode(
        context=ros.context,
        parameter_overrides=[Parameter(name, value=value) for name, value in values.items()]))
    assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS
    assert node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    observer = ros.node()
    volumes = []
    observer.create_subscription(VoxelVolume, '/reconstructor/volume', volumes.append, qos.LATCHED)
    shots = observer.create_publisher(Shot, '/shots', qos.FRAMES)
    ros.spin_until(lambda: shots.get_subscription_count() == 1)
    beats: list[float] = []
    node.create_timer(PERIOD_S, lambda: beats.append(time.perf_counter()))

    ros.spin_for(2.0)
    waiting = np.diff(beats)
    beats.clear()
    for message in messages:
        shots.publish(message)
        ros.spin_for(0.5)
    ros.spin_until(lambda: volumes and volumes[-1].views == 8)
    ros.spin_for(2.0)
    computing = np.diff(beats)

    assert len(volumes) > 5
    figures = f'{1e3 * np.percentile(computing, [50, 90, 99, 100])} ms while computing, ' \
              f'{1e3 * np.percentile(waiting, [50, 90, 99, 100])} ms while waiting'
    print(figures, len(volumes))
    for share in (50, 90, 99):
        allowed = LIMIT_S + np.percentile(waiting, share)
        assert np.percentile(computing, share) < allowed, figures
    assert node.guard.slowest_s < LIMIT_S + waiting.max(), figures
