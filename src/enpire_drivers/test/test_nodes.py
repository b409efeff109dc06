"""The arm driver on a graph of its own, over a fake world."""

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')

from node_lab import Lab, WallClock, options  # noqa: E402
from sensor_msgs.msg import JointState  # noqa: E402
from std_msgs.msg import Empty  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402

from enpire_core import conversions, qos  # noqa: E402
from enpire_core.params import ParameterError  # noqa: E402
from enpire_core.testing import Graph  # noqa: E402
from enpire_core.ticks import tick_to_ns  # noqa: E402
from enpire_core.types import JointCommand  # noqa: E402
from enpire_drivers.arm_driver_node import ArmDriver  # noqa: E402
from enpire_drivers.bench import Bench  # noqa: E402
from enpire_interfaces.msg import TrialReport  # noqa: E402
from enpire_interfaces.srv import RestoreState  # noqa: E402


@pytest.fixture
def graph():
    with Graph() as made:
        yield made


def test_a_command_with_the_right_stamp_moves_the_station_by_one_tick(graph):
    lab = Lab(graph)
    answer = lab.client.begin()
    assert answer.success and conversions.stamp_to_ns(answer.stamp) == 0
    for tick in range(1, 6):
        lab.client.step()
        assert lab.station.tick == tick and lab.client.stamp_ns == tick_to_ns(tick)
    assert graph.until(lambda: lab.client.clocks[-1].clock == lab.client.states[-1].header.stamp)
    end = lab.client.end()
    assert end.success and conversions.stamp_to_ns(end.stamp) == tick_to_ns(5)
    assert end.digest == lab.station.digest()


def test_joint_states_carry_names_and_frame(graph):
    lab = Lab(graph)
    assert graph.until(lambda: lab.client.states)
    message = lab.client.states[0]
    assert message.name[0] == 'left_joint1' and len(message.name) == 14
    assert message.header.frame_id == 'unit0/station'


def test_a_late_joiner_gets_the_present_state_though_nothing_moves(graph):
    lab = Lab(graph)
    lab.client.begin()
    lab.client.step()
    late = []
    lab.client.create_subscription(JointState, 'joint_states', late.append, qos.SENSOR)
    assert graph.until(lambda: late)
    assert conversions.stamp_to_ns(late[0].header.stamp) == tick_to_ns(1)


@pytest.mark.parametrize('bad', ['stamp', 'nan', 'names', 'points'])
def test_a_command_that_is_wrong_moves_nothing_and_is_counted(graph, bad):
    lab = Lab(graph)
    lab.client.begin()
    command = JointCommand(tick_to_ns(3) if bad == 'stamp' else 0, np.zeros(14), np.zeros(14))
    message = conversions.command_to_message(command)
    if bad == 'nan':
        message.points[0].positions[5] = float('nan')
    elif bad == 'names':
        message.joint_names[0] = 'left_elbow'
    elif bad == 'points':
        message.points = message.points * 2
    lab.client.commands.publish(message)

    def ignored():
        return [v.value for report in lab.client.reports for v in report.status[0].values
                if v.key == 'commands_ignored']
    assert graph.until(lambda: '1' in ignored())
    assert lab.station.tick == 0
    lab.client.step()
    assert lab.station.tick == 1


def test_a_command_outside_an_episode_moves_nothing(graph):
    lab = Lab(graph)
    lab.client.begin()
    lab.client.end()
    lab.client.send(0, np.zeros(14))
    assert graph.until(lambda: lab.arm._ignored == 1)
    assert lab.station.tick == 0


def test_a_second_begin_is_refused_and_says_why(graph):
    lab = Lab(graph)
    lab.client.begin('one')
    answer = lab.client.begin('two')
    assert not answer.success and 'trial one' in answer.message


@pytest.mark.parametrize('trial_id, phase', [('a/b', 1), ('t', 0), ('t', 9)])
def test_a_begin_with_a_bad_name_or_phase_is_refused(graph, trial_id, phase):
    answer = Lab(graph).client.begin(trial_id, phase)
    assert not answer.success and 'expected' in answer.message


def test_silence_lets_the_station_run_freely_and_hold_and_the_end_says_it_broke(graph):
    wall = WallClock()
    lab = Lab(graph, wall=wall, silence_s=5.0)
    lab.client.begin()
    for _ in range(3):
        lab.client.step()
    wall.now_s += 5.1
    assert graph.until(lambda: lab.station.tick > 3)
    assert graph.until(lambda: lab.station.tick == 63)
    assert graph.until(lambda: lab.client.stamp_ns == tick_to_ns(63))
    stamps = [conversions.stamp_to_ns(m.header.stamp) for m in lab.client.states]
    # How many of the 60 states arrive is the machine's matter; that time does not run back is the driver's.
    assert stamps == sorted(stamps) and len(set(stamps)) > 3
    assert lab.station.holding
    end = lab.client.end()
    assert not end.success and 'no command' in end.message
    assert lab.client.begin('next').success


def test_an_end_for_a_fault_lets_the_station_run_freely_and_hold(graph):
    lab = Lab(graph)
    lab.client.begin()
    for _ in range(3):
        lab.client.step()
    end = lab.client.end(fault='the gate latched')
    assert not end.success and end.message == 'the gate latched'
    refused = lab.client.begin('next')
    assert not refused.success and 'the gate latched' in refused.message
    assert graph.until(lambda: lab.station.mode.value == 'broken')
    assert lab.station.tick == 63 and lab.station.holding
    assert lab.client.begin('next').success


def test_a_keep_alive_keeps_the_episode(graph):
    wall = WallClock()
    lab = Lab(graph, wall=wall, silence_s=5.0)
    lab.client.begin()
    assert graph.until(lambda: lab.client.alive.get_subscription_count() == 1)
    lab.client.create_timer(0.01, lambda: lab.client.alive.publish(Empty()))
    book = lab.station._lockstep
    for _ in range(4):
        wall.now_s += 4.9
        assert graph.until(lambda: book._heard_s == wall.now_s)
        lab.arm._on_beat()
    assert lab.station.mode.value == 'lockstep' and lab.client.end().success


def test_a_command_that_waits_for_its_pace_is_no_silence_and_silence_begins_when_its_tick_does(graph):
    wall = WallClock()
    lab = Lab(graph, wall=wall, real_time_factor=0.1, silence_s=0.5)
    lab.client.begin()
    for _ in range(2):  # the pace makes up for one tick
        lab.client.step()
    lab.client.send(lab.client.stamp_ns, np.zeros(14))
    assert graph.until(lambda: lab.arm._waiting is not None)
    wall.now_s += 0.6  # the machine was busy: the pace's timer comes late
    lab.arm._on_beat()
    assert lab.station.mode.value == 'lockstep'
    lab.arm._on_pace()
    assert lab.station.tick == 3
    wall.now_s += 0.4
    lab.arm._on_beat()
    assert lab.station.mode.value == 'lockstep'
    wall.now_s += 0.2
    lab.arm._on_beat()
    assert lab.station.mode.value == 'free run'


def test_diagnostics_say_where_the_world_left_lockstep_last(graph):
    lab = Lab(graph)

    def said(name):
        status = lab.client.diagnostics('arm_driver')
        return {one.key: one.value for one in status.values}[name] if status else None
    for ticks, trial_id in ((3, 'first'), (4, 'second')):
        lab.client.begin(trial_id)
        assert graph.until(lambda: said('lockstep') == 'lockstep')
        for _ in range(ticks):
            lab.client.step()
        tick = str(lab.station.tick)
        assert not lab.client.end(trial_id, fault='a part of the station failed').success
        assert graph.until(lambda: said('lockstep') == 'broken') and said('left_lockstep_tick') == tick


def test_a_replay_over_the_graph_has_the_same_bits(graph, tmp_path):
    lab = Lab(graph, tmp_path, replay=True)
    start = lab.client.begin()
    for tick in range(10):
        lab.client.step(0.02 * np.cos(tick))
    end = lab.client.end()
    client = lab.client.create_client(RestoreState, 'arm_driver/restore_state')
    record = str(tmp_path / 'records' / start.record)
    restored = graph.call(client, RestoreState.Request(record=record))
    assert restored.success and restored.digest == start.digest
    assert graph.until(lambda: lab.client.stamp_ns == 0)
    lab.client.begin()
    for tick in range(10):
        lab.client.step(0.02 * np.cos(tick))
    assert lab.client.end().digest == end.digest


@pytest.mark.parametrize('replay', [False, True])
def test_a_state_can_be_restored_only_in_a_replay(graph, replay):
    lab = Lab(graph, replay=replay)
    offered = {service.srv_name for service in lab.arm.services}
    assert '~/begin_episode' in offered
    assert ('~/restore_state' in offered) == replay


def test_objects_are_put_back_in_a_reset_and_not_in_a_rollout(graph):
    lab = Lab(graph)
    hand = lab.client.create_client(Trigger, 'arm_driver/put_back')
    lab.client.begin()
    answer = graph.call(hand, Trigger.Request())
    assert not answer.success and 'inside the episode of a reset' in answer.message
    lab.client.end()
    lab.client.begin(phase=TrialReport.PHASE_RESET)
    assert graph.call(hand, Trigger.Request()).success
    assert lab.station.world.put_backs == 1


def test_physics_that_fails_breaks_the_episode_and_ends_the_process(graph):
    lab = Lab(graph)
    lab.client.begin()
    lab.station.world.fail_at = 1
    lab.client.send(0, np.zeros(14))
    assert graph.until(lambda: lab.arm.exit_code == 1)
    assert 'physics fell over' in lab.client.end().message


def test_an_exception_in_a_callback_breaks_the_episode_and_the_arms_hold(graph):
    lab = Lab(graph)
    lab.client.begin()
    lab.client.step()
    publish = lab.arm._states.publish

    def broken(message):
        lab.arm._states.publish = publish
        raise RuntimeError('no memory')
    lab.arm._states.publish = broken
    lab.client.send(lab.client.stamp_ns, np.zeros(14))
    assert graph.until(lambda: lab.station.mode.value == 'broken')
    assert lab.station.holding
    end = lab.client.end()
    assert not end.success and 'no memory' in end.message
    lab.arm._report_diagnostics(lab.arm._wall())
    assert graph.until(lambda: 'no memory' in lab.client.diagnostics('arm_driver').message)
    assert lab.client.begin('next').success and lab.arm.fault == ''


def test_a_driver_that_is_started_again_has_no_fault_from_before(graph):
    lab = Lab(graph)
    lab.arm.on_fault('an exception')
    lab.arm.trigger_deactivate()
    lab.arm.trigger_activate()
    assert lab.arm.fault == ''


def test_a_deactivated_driver_takes_nothing(graph):
    lab = Lab(graph)
    lab.client.begin()
    lab.client.step()
    lab.arm.trigger_deactivate()
    tick = lab.station.tick
    lab.client.send(lab.client.stamp_ns, np.zeros(14))
    answer = lab.client.begin('next')
    assert not answer.success and 'not active' in answer.message
    assert lab.station.tick == tick
    assert not lab.client.end().success


def test_the_real_time_factor_is_not_exceeded(graph):
    lab = Lab(graph, real_time_factor=2.0)
    lab.client.begin()
    lab.client.step()
    begun = lab.arm._wall()
    for _ in range(30):
        lab.client.step()
    assert lab.arm._wall() - begun >= 0.9 * 30 / 30 / 2.0


@pytest.mark.parametrize('name, value, text', [
    ('real_time_factor', 0.001, 'real_time_factor'), ('real_time_factor', float('nan'), 'to 100'),
    ('silence_s', 0.0, 'silence_s'), ('command_max_age_s', 0.0, 'command_max_age_s'),
    ('lab_sed', 3, 'lab_seed')])
def test_a_parameter_that_is_wrong_is_refused_by_name(graph, name, value, text):
    with pytest.raises(ParameterError, match=text):
        ArmDriver(Bench(None), **options(graph, scene='fake', **{name: value}))


def test_a_tick_as_long_as_silence_is_refused(graph):
    with pytest.raises(ParameterError, match=r'shorter than silence_s \(0.1 s\), got 0.17 s with 0.2'):
        ArmDriver(Bench(None), **options(graph, scene='fake', real_time_factor=0.2, silence_s=0.1))
