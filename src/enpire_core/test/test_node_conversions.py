"""Messages to plain types and back, by name."""

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')

from sensor_msgs.msg import Image  # noqa: E402
from trajectory_msgs.msg import JointTrajectoryPoint  # noqa: E402

from enpire_core import conversions as c  # noqa: E402
from enpire_core.joints import JOINT_NAMES  # noqa: E402
from enpire_core.ticks import tick_to_ns, ticks_after  # noqa: E402
from enpire_core.types import Frame, JointCommand, JointState  # noqa: E402

VALUES = np.arange(14) / 7.0
STATE = JointState(tick_to_ns(100), VALUES, VALUES + 1, VALUES + 2)
COMMAND = JointCommand(tick_to_ns(100), VALUES, VALUES + 3)


def test_a_stamp_comes_back_whole():
    for stamp in (0, 999_999_999, 1_000_000_000, 1_764_000_000_123_456_789):
        assert c.stamp_to_ns(c.ns_to_stamp(stamp)) == stamp


def test_a_state_comes_back_bit_for_bit():
    again = c.joint_state_from_message(c.joint_state_to_message(STATE))
    assert again.stamp_ns == STATE.stamp_ns
    for name in ('positions', 'velocities', 'efforts'):
        assert getattr(again, name).tobytes() == getattr(STATE, name).tobytes()


def test_a_command_comes_back_bit_for_bit_and_absent_efforts_are_zeros():
    message = c.command_to_message(COMMAND)
    again = c.command_from_message(message)
    assert again.positions.tobytes() == COMMAND.positions.tobytes()
    assert again.efforts.tobytes() == COMMAND.efforts.tobytes() and again.stamp_ns == COMMAND.stamp_ns
    message.points[0].effort = []
    assert not c.command_from_message(message).efforts.any()


def test_joints_are_matched_by_name_and_not_by_position():
    message = c.command_to_message(COMMAND)
    order = np.random.default_rng(1).permutation(14)
    message.joint_names = [JOINT_NAMES[i] for i in order]
    message.points[0].positions = COMMAND.positions[order].tolist()
    message.points[0].effort = COMMAND.efforts[order].tolist()
    again = c.command_from_message(message)
    assert (again.positions == COMMAND.positions).all() and (again.efforts == COMMAND.efforts).all()


def names(message, change):
    message.joint_names = change(list(message.joint_names))


@pytest.mark.parametrize(
    'change, words',
    [
        (lambda m: names(m, lambda n: n[:-1] + ['elbow']), "unknown 'elbow'"),
        (lambda m: names(m, lambda n: n[:-1]), 'right_gripper missing'),
        (lambda m: names(m, lambda n: n + ['left_joint1']), "'left_joint1' 2 times"),
        (lambda m: names(m, lambda n: []), 'missing'),
        (lambda m: m.points.append(JointTrajectoryPoint()), 'expected 1, got 2'),
        (lambda m: m.points.clear(), 'expected 1, got 0'),
        (lambda m: setattr(m.points[0], 'positions', [0.0] * 13), 'positions: expected 14 values, got 13'),
        (lambda m: setattr(m.points[0], 'effort', [0.0] * 15), 'effort: expected 14 values, got 15'),
        (lambda m: setattr(m.points[0], 'velocities', [0.0] * 14), 'velocities'),
        (lambda m: setattr(m.points[0].time_from_start, 'sec', 2), 'expected one tick'),
    ],
)
def test_a_command_of_a_wrong_form_is_refused_and_what_is_wrong_named(change, words):
    message = c.command_to_message(COMMAND)
    change(message)
    with pytest.raises(c.ConversionError, match=words):
        c.command_from_message(message)


@pytest.mark.parametrize('sec, nanosec', [(-1, 0), (0, 1_000_000_000), (3, 4_294_967_295), (2_147_483_647, 2**32 - 1)])
def test_a_stamp_that_would_not_come_back_as_it_was_sent_is_refused(sec, nanosec):
    for message, read in ((c.command_to_message(COMMAND), c.command_from_message),
                          (c.joint_state_to_message(STATE), c.joint_state_from_message)):
        message.header.stamp.sec, message.header.stamp.nanosec = sec, nanosec
        assert not c.is_stamp(message.header.stamp)
        with pytest.raises(c.ConversionError, match=f'stamp: expected .* got {sec} s and {nanosec} ns'):
            read(message)


def test_a_joint_name_of_megabytes_is_cut_where_it_is_named():
    message = c.command_to_message(COMMAND)
    message.joint_names = ['x' * 5_000_000, *message.joint_names[1:]]
    with pytest.raises(c.ConversionError, match="unknown 'xxx") as caught:
        c.command_from_message(message)
    assert len(str(caught.value)) < 300


def test_a_state_without_velocities_is_refused():
    message = c.joint_state_to_message(STATE)
    message.velocity = []
    with pytest.raises(c.ConversionError, match='velocity: expected 14 values, got 0'):
        c.joint_state_from_message(message)


def test_an_image_comes_back_and_another_encoding_is_refused():
    color = np.random.default_rng(2).integers(0, 255, (4, 5, 3), dtype=np.uint8)
    depth = np.arange(20, dtype=np.uint16).reshape(4, 5)
    frame = Frame('top_camera', 7, color, depth)
    message = c.color_to_image(frame, 'unit0/top')
    assert (c.pixels_from_image(message) == color).all() and message.header.frame_id == 'unit0/top'
    assert (c.pixels_from_image(c.depth_to_image(frame, 'f')) == depth).all()
    message.data = message.data[:-1]
    with pytest.raises(c.ConversionError, match='59 bytes'):
        c.pixels_from_image(message)
    with pytest.raises(c.ConversionError, match='bgr8'):
        c.pixels_from_image(Image(encoding='bgr8'))
    with pytest.raises(c.ConversionError, match='with depth'):
        c.depth_to_image(Frame('top_camera', 7, color), 'f')


def chunk_message(*ahead_ns):
    message = c.command_to_message(COMMAND)
    point = message.points[0]
    message.points = []
    for ns in ahead_ns:
        one = JointTrajectoryPoint(positions=point.positions, effort=point.effort)
        one.time_from_start.sec, one.time_from_start.nanosec = divmod(ns, 1_000_000_000)
        message.points.append(one)
    return message


def test_a_trajectory_of_several_points_is_a_chunk_of_commands_a_tick_apart():
    made = c.request_from_message(chunk_message(33_333_333, 66_666_667, 100_000_000))
    assert [point.stamp_ns for point in made.points] == [ticks_after(COMMAND.stamp_ns, i) for i in range(3)]
    assert made.stamp_ns == COMMAND.stamp_ns and (made.points[2].positions == COMMAND.positions).all()


def test_stamps_of_ticks_stay_on_the_grid_of_ticks_and_others_go_on_from_where_they_are():
    for tick in (0, 1, 29, 100, 12345):
        assert [ticks_after(tick_to_ns(tick), n) for n in range(4)] == [tick_to_ns(tick + n) for n in range(4)]
    assert ticks_after(1_000_000_007, 3) == 1_100_000_007


def test_a_request_of_one_point_is_a_command():
    assert c.request_from_message(c.command_to_message(COMMAND)).stamp_ns == COMMAND.stamp_ns


@pytest.mark.parametrize('ahead, words', [
    ((33_333_333, 33_333_333), r'points\[1\].time_from_start: expected 2 ticks \(66666666 ns\), got 33333333 ns'),
    ((33_333_333, 0), r'points\[1\].time_from_start'), ((), 'expected 1 to 60, got 0'),
    ([33_333_333 * (i + 1) for i in range(61)], 'expected 1 to 60, got 61')])
def test_a_trajectory_of_another_form_is_refused_and_what_is_wrong_named(ahead, words):
    with pytest.raises(c.ConversionError, match=words):
        c.request_from_message(chunk_message(*ahead))


def test_a_message_that_is_used_again_holds_the_newest_command_and_nothing_of_the_one_before():
    message = c.CommandMessage()
    for number in (1, 2):
        command = JointCommand(tick_to_ns(number), np.full(14, 0.1 * number), np.full(14, -1.0 * number))
        sent = message.of(command)
        assert sent == c.command_to_message(command)
        found = c.request_from_message(sent)
        assert found.stamp_ns == command.stamp_ns
        assert (found.positions == command.positions).all() and (found.efforts == command.efforts).all()
