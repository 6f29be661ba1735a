"""config/live.rviz asks for what the running nodes offer: names, types and QoS."""

from pathlib import Path

import balls
import pytest
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.qos import (
    DurabilityPolicy,
    qos_check_compatible,
    QoSCompatibility,
    QoSProfile,
    ReliabilityPolicy,
)
import theatre
import yaml

from ixgs_ros.nodes.displays import in_namespace
from ixgs_ros.nodes.navigator import NavigatorNode

pytestmark = pytest.mark.ros
FILE = Path(__file__).parents[2] / 'config' / 'live.rviz'
TYPES = {'rviz_default_plugins/PointCloud2': 'sensor_msgs/msg/PointCloud2',
         'rviz_default_plugins/MarkerArray': 'visualization_msgs/msg/MarkerArray',
         'rviz_default_plugins/Image': 'sensor_msgs/msg/Image',
         'rviz_default_plugins/PublishPoint': 'geometry_msgs/msg/PointStamped'}
DURABILITY = {'Transient Local': DurabilityPolicy.TRANSIENT_LOCAL,
              'Volatile': DurabilityPolicy.VOLATILE}
RELIABILITY = {'Reliable': ReliabilityPolicy.RELIABLE,
               'Best Effort': ReliabilityPolicy.BEST_EFFORT}


def profile(topic: dict) -> QoSProfile:
    return QoSProfile(depth=topic['Depth'], durability=DURABILITY[topic['Durability Policy']],
                      reliability=RELIABILITY[topic['Reliability Policy']])


def of_endpoint(found: QoSProfile) -> QoSProfile:
    """The policies that RViz can choose; the graph reports the others as infinite durations."""
    return QoSProfile(depth=1, durability=found.durability, reliability=found.reliability)


@pytest.fixture(scope='module')
def manager():
    return yaml.safe_load(FILE.read_text())['Visualization Manager']


@pytest.fixture(scope='module')
def stage():
    """The nodes that show something where the standardizer's mode is both."""
    nodes = ['reconstructor', 'reconstructor_attenuation', 'navigator']
    with theatre.running(nodes, dict.fromkeys(nodes[:2], balls.PARAMETERS)) as running:
        yield running


def displays(manager: dict) -> list[dict]:
    return [display for display in manager['Displays'] if 'Topic' in display]


def test_every_display_shows_what_a_node_publishes(manager, stage):
    node = stage.station.node
    offered = dict(node.get_topic_names_and_types())
    assert len(displays(manager)) >= 8
    for display in displays(manager):
        topic = display['Topic']['Value']
        assert offered.get(topic) == [TYPES[display['Class']]], topic
        publishers = node.get_publishers_info_by_topic(topic)
        assert len(publishers) == 1, topic
        compatible, reason = qos_check_compatible(of_endpoint(publishers[0].qos_profile),
                                                  profile(display['Topic']))
        assert compatible != QoSCompatibility.ERROR, (topic, reason)
        # A late RViz sees a latched output only if it asks for transient local too.
        assert (publishers[0].qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL) == \
            (display['Topic']['Durability Policy'] == 'Transient Local'), topic


def test_all_that_stock_rviz_can_show_is_in_the_file(manager, stage):
    """A topic added to a node and forgotten here fails; 32FC1 data are not to look at."""
    shown = {display['Topic']['Value'] for display in displays(manager)}
    node = stage.station.node
    for name, kinds in node.get_topic_names_and_types():
        if kinds[0] in TYPES.values() and not name.endswith('/data') \
                and node.count_publishers(name):
            assert name in shown


def test_the_second_model_has_the_first_ones_displays_switched_off(manager):
    """It runs in mode both only; what is beside it stays as it was."""
    first, second = ({display['Topic']['Value'].split('/')[-1]: display
                      for display in displays(manager)
                      if display['Topic']['Value'].startswith(f'/carm/{node}/')}
                     for node in ('reconstructor', 'reconstructor_attenuation'))
    assert first.keys() == second.keys() == {'gaussians', 'markers'}
    own = {'Name', 'Enabled', 'Value', 'Topic'}
    for name, display in second.items():
        assert not display['Enabled'] and not display['Value'] and first[name]['Enabled']
        assert 'attenuation' in display['Name']
        assert {key: value for key, value in display.items() if key not in own} == {
            key: value for key, value in first[name].items() if key not in own}


def test_a_click_in_rviz_moves_the_crosshair(manager, stage):
    tool = next(tool for tool in manager['Tools'] if tool['Class'].endswith('PublishPoint'))
    listeners = stage.station.node.get_subscriptions_info_by_topic(tool['Topic']['Value'])
    assert [listener.node_name for listener in listeners] == ['navigator']
    assert listeners[0].topic_type == TYPES[tool['Class']]
    compatible, reason = qos_check_compatible(profile(tool['Topic']),
                                              of_endpoint(listeners[0].qos_profile))
    assert compatible != QoSCompatibility.ERROR, reason


def test_the_copy_for_another_namespace_has_the_topics_of_nodes_there(ros):
    """The navigator's, of images, markers and the click."""
    node = ros.add(NavigatorNode(context=ros.context, namespace='/theatre/left'))
    assert node.trigger_configure() == node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    there = yaml.safe_load(in_namespace(FILE.read_text(), 'theatre/left'))['Visualization Manager']
    wanted = {part['Topic']['Value'] for part in [*displays(there), *there['Tools'][-1:]]}
    own = f'{node.get_fully_qualified_name()}/'
    offered = {name for name, kinds in node.get_topic_names_and_types() if name.startswith(own)
               and kinds[0] in TYPES.values() and not name.endswith('/data')}
    assert {name for name in wanted if name.startswith(own)} == offered != set()
    assert all(name.startswith('/theatre/left/') for name in wanted)


def test_the_fixed_frame_is_the_nodes_default(manager):
    from ixgs_ros.nodes.reconstructor_config import ReconstructorConfig
    assert manager['Global Options']['Fixed Frame'] == ReconstructorConfig().reference_frame
