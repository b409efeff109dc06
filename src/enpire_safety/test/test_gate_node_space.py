"""The gate as a node: trajectories of several points, the stop that everybody can send, what rviz is shown."""

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')

from rclpy.node import Node  # noqa: E402
from std_msgs.msg import Empty  # noqa: E402
from visualization_msgs.msg import Marker, MarkerArray  # noqa: E402

from enpire_core import qos  # noqa: E402
from enpire_core.conversions import command_to_message  # noqa: E402
from enpire_core.testing import Graph  # noqa: E402
from enpire_interfaces.msg import SafetyState  # noqa: E402

from .bench import Bench  # noqa: E402
from .helpers import HOME, SHIPPED, moved, request, resting_efforts, state  # noqa: E402


@pytest.fixture
def graph():
    with Graph() as made:
        yield made


def trajectory(tick=100, steps=(0.01, 0.02, 0.03)):
    """Return a JointTrajectory of points a tick apart."""
    message = command_to_message(request(tick, moved(0, steps[0])))
    for i, by in enumerate(steps[1:], start=2):
        point = command_to_message(request(tick, moved(0, by))).points[0]
        point.time_from_start.nanosec = i * 33333333
        message.points = [*message.points, point]
    return message


def test_the_points_of_a_trajectory_pass_one_a_tick(graph, tmp_path):
    bench = Bench(graph, tmp_path)
    bench.measure(state(100))
    first, safety = bench.ask(trajectory())
    assert safety.decision == SafetyState.DECISION_PASSED and first.positions[0] == 0.01
    for tick, expected in ((101, 0.02), (102, 0.03)):
        bench.commands.clear()
        bench.measure(state(tick))
        bench.wait(lambda: bench.commands)
        assert bench.commands[-1].points[0].positions[0] == expected and len(bench.commands[-1].points) == 1


def test_a_trajectory_with_a_bad_point_is_refused_as_a_whole(graph, tmp_path):
    bench = Bench(graph, tmp_path)
    bench.measure(state(100))
    command, safety = bench.ask(trajectory(steps=(0.01, 0.02, 0.4)))
    assert safety.rule == 'joint_velocity' and safety.reason.startswith('point 3 of 3: ')
    assert command.positions[0] == 0.0


def test_anybody_can_stop_all_gates_by_a_message(graph, tmp_path):
    bench = Bench(graph, tmp_path)
    bench.measure(state(100))
    stranger = graph.add(Node('stranger', context=graph.context))
    stop = stranger.create_publisher(Empty, '/emergency_stop', qos.EVENTS)
    bench.wait(lambda: stop.get_subscription_count() > 0)
    stop.publish(Empty())
    bench.wait(lambda: bench.gate.core.latched)
    assert bench.gate.core.latched.startswith('operator: ') and '/emergency_stop' in bench.gate.core.latched
    assert bench.ask(request(100, moved(0, 0.01)))[1].mode == SafetyState.MODE_LATCHED


def shipped_bench(graph, tmp_path):
    bench = Bench(graph, tmp_path, robot_limits=str(SHIPPED), unit='unit3')
    bench.measure(state(100, HOME, efforts=resting_efforts(HOME)))
    return bench


def test_rviz_is_shown_boxes_capsules_and_the_nearest_pair(graph, tmp_path):
    bench, found = shipped_bench(graph, tmp_path), []
    bench.node.create_subscription(MarkerArray, 'safety_gate/markers', found.append, qos.STATE)
    bench.wait(lambda: found)
    markers = found[-1].markers
    assert {m.header.frame_id for m in markers} == {'unit3/station'}
    by_name = {}
    for marker in markers:
        by_name.setdefault(marker.ns, []).append(marker)
    assert set(by_name) == {'left_workspace', 'right_workspace', 'capsules', 'capsule_ends', 'nearest'}
    assert len(by_name['capsules']) == len(by_name['capsule_ends']) == 27
    assert len(by_name['left_workspace'][0].points) == 24
    line, text = by_name['nearest']
    assert line.type == Marker.LINE_LIST and len(line.points) == 2
    assert 'mm, least' in text.text and ' - ' in text.text
    assert len({(m.ns, m.id) for m in markers}) == len(markers)


def test_where_nobody_looks_nothing_is_drawn(graph, tmp_path):
    bench, shown = shipped_bench(graph, tmp_path), []
    bench.gate.core.shown = lambda: shown.append(1)
    before = bench.gate._shown_at
    bench.wait(lambda: bench.gate._shown_at > before)
    assert not shown

