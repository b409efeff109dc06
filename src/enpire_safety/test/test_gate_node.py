"""The gate as a node on a graph of its own: what comes in, what goes out, in which mode it is."""

import dataclasses
import time

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')

from rcl_interfaces.srv import SetParameters  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from sensor_msgs.msg import JointState as JointStateMessage  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402
from trajectory_msgs.msg import JointTrajectory  # noqa: E402

from enpire_core import qos  # noqa: E402
from enpire_core.conversions import (
    command_from_message,
    command_to_message,  # noqa: E402
    joint_state_to_message,
    ns_to_stamp,
    stamp_to_ns,
)
from enpire_core.params import ParameterError  # noqa: E402
from enpire_core.testing import Graph  # noqa: E402
from enpire_core.ticks import tick_to_ns  # noqa: E402
from enpire_interfaces.msg import SafetyEvent, SafetyState  # noqa: E402
from enpire_interfaces.srv import SelectLimits  # noqa: E402
from enpire_safety.gate.marker import NAME, Marker  # noqa: E402
from enpire_safety.safety_gate_node import SafetyGateNode  # noqa: E402

from .helpers import REST, ROBOT, TASK, moved, request, state  # noqa: E402


class Wall:
    """A steady clock that can be put ahead: no test waits for a silence, or is late on a loaded machine."""

    def __init__(self):
        self.ahead_s = 0.0

    def __call__(self):
        return time.monotonic() + self.ahead_s


class Bench:
    """A gate, and a node that plays driver, trial server and operator."""

    def __init__(self, graph, run_dir, profile='reset', **parameters):
        self.graph = graph
        values = {
            'robot_limits': str(ROBOT),
            'task_limits': str(TASK),
            'run_dir': str(run_dir),
            'simulated': True,
            **parameters,
        }
        self.wall = Wall()
        self.gate = graph.add(
            SafetyGateNode(
                wall=self.wall,
                context=graph.context,
                parameter_overrides=[Parameter(k, value=v) for k, v in values.items()],
            )
        )
        assert self.gate.bring_up(), self.gate.fault
        self.node = graph.add(Node('bench', context=graph.context))
        self.commands, self.states, self.events = [], [], []
        self._listen(JointTrajectory, 'joint_trajectory', self.commands, qos.COMMAND)
        self._listen(SafetyState, 'safety_state', self.states, qos.STATE)
        self._listen(SafetyEvent, 'safety_events', self.events, qos.EVENTS)
        self.driver = self.node.create_publisher(JointStateMessage, 'joint_states', qos.SENSOR)
        self.server = self.node.create_publisher(JointTrajectory, 'joint_trajectory_request', qos.COMMAND)
        self.wait(
            lambda: (
                self.driver.get_subscription_count()
                and self.server.get_subscription_count()
                and all(self.node.count_publishers(name) for name in ('joint_trajectory', 'safety_events'))
                and self.states
            )
        )
        if profile:
            assert self.select(profile).success

    def _listen(self, kind, topic, into, profile):
        self.node.create_subscription(kind, topic, into.append, profile)

    def wait(self, condition):
        assert self.graph.until(condition), (self.states[-1:], self.events)

    def call(self, kind, name, message):
        return self.graph.call(self.node.create_client(kind, name), message)

    def select(self, profile):
        return self.call(SelectLimits, 'safety_gate/select_limits', SelectLimits.Request(profile=profile))

    def trigger(self, name):
        return self.call(Trigger, f'safety_gate/{name}', Trigger.Request())

    def measure(self, measured):
        """Publish a joint state, again and again as a driver does, until the gate has it."""
        message = joint_state_to_message(measured)

        def seen():
            self.driver.publish(message)
            return self.gate._newest_ns == measured.stamp_ns

        self.wait(seen)

    def fall_silent(self, times=1, meanwhile=lambda: None):
        """Let the driver be silent until the gate has said so ``times`` times, and call ``meanwhile`` till then."""

        def silent():
            meanwhile()
            # What was published before may still be on its way, and ends the silence.
            seen, limit = self.gate._seen_at, self.gate.parameters.driver_silence_max_s
            if seen is not None and self.wall() - seen <= limit:
                self.wall.ahead_s += limit + 1.0
            return [e.rule for e in self.events].count('driver_silence') >= times

        self.wait(silent)

    def see(self, measured):
        """Publish a joint state until the gate has had one more of its stamp."""
        self.gate._seen_at, message = None, joint_state_to_message(measured)

        def seen():
            self.driver.publish(message)
            return self.gate._seen_at is not None

        self.wait(seen)

    def ask(self, asked):
        """Publish a request (JointCommand or message); return (command, safety state) that answer it."""
        message = asked if isinstance(asked, JointTrajectory) else command_to_message(asked)
        stamp = message.header.stamp
        self.commands.clear()
        self.states.clear()
        self.server.publish(message)
        self.wait(lambda: any(s.request_stamp == stamp for s in self.states) and self.commands)
        return (command_from_message(self.commands[-1]), next(s for s in self.states if s.request_stamp == stamp))


@pytest.fixture
def graph():
    with Graph() as made:
        yield made


def test_a_good_request_passes_unchanged(graph, tmp_path):
    bench = Bench(graph, tmp_path)
    bench.measure(state(100))
    asked = request(100, moved(0, 0.01), moved(2, 0.5, np.zeros(14)))
    command, safety = bench.ask(asked)
    assert command.positions.tobytes() == asked.positions.tobytes()
    assert command.efforts.tobytes() == asked.efforts.tobytes() and command.stamp_ns == asked.stamp_ns
    assert (safety.mode, safety.decision) == (SafetyState.MODE_PASSING, SafetyState.DECISION_PASSED)
    assert (safety.passed, safety.refused, safety.limits_profile, safety.reason) == (1, 0, 'reset', '')
    assert len(safety.limits_hash) == 64 and stamp_to_ns(safety.header.stamp) == tick_to_ns(100)


def test_a_bad_request_is_held_and_rule_joint_limit_and_value_are_named(graph, tmp_path):
    bench = Bench(graph, tmp_path)
    bench.measure(state(100))
    command, safety = bench.ask(request(100, moved(9, 0.1)))
    assert (command.positions == REST).all() and command.stamp_ns == tick_to_ns(100)
    assert (safety.mode, safety.decision) == (SafetyState.MODE_HOLDING, SafetyState.DECISION_REFUSED)
    assert (safety.rule, safety.joint, safety.quantity_unit) == ('joint_velocity', 'right_joint3', 'rad/s')
    assert safety.limit == 2.0 and safety.value == pytest.approx(3.0) and 'right_joint3' in safety.reason
    bench.wait(lambda: any(e.kind == SafetyEvent.KIND_REFUSED for e in bench.events))
    event = bench.events[-1]
    assert (event.rule, event.error_code, event.count) == ('joint_velocity', 911, 1)


@pytest.mark.skipif('error_code' not in SafetyState.get_fields_and_field_types(), reason='needs a rebuild: make setup')
def test_the_state_names_the_code_of_the_rule_that_refused_and_0_for_none(graph, tmp_path):
    bench = Bench(graph, tmp_path)
    bench.measure(state(100))
    assert bench.ask(request(100, moved(9, 0.1)))[1].error_code == 911
    bench.measure(state(101))
    assert bench.ask(request(101))[1].error_code == 0


def broken(change):
    message = command_to_message(request(100))
    change(message)
    return message


@pytest.mark.parametrize(
    'change, words',
    [
        (lambda m: m.joint_names.__setitem__(0, 'elbow'), "'elbow'"),
        (lambda m: m.joint_names.__setitem__(0, 'unit0/left_joint1'), "'unit0/left_joint1'"),
        (lambda m: setattr(m.points[0], 'positions', [0.0] * 3), 'expected 14 values, got 3'),
        (lambda m: m.points.extend(m.points * 40), 'expected 1, got 41'),
        (lambda m: setattr(m, 'points', []), 'expected 1, got 0'),
        (lambda m: setattr(m.points[0], 'positions', [float('nan')] * 14), 'left_joint1'),
        (lambda m: setattr(m.points[0], 'effort', [float('inf')] * 14), 'left_joint1'),
    ],
)
def test_a_request_of_a_wrong_form_is_held_and_the_next_good_one_passes(graph, tmp_path, change, words):
    bench = Bench(graph, tmp_path)
    bench.measure(state(100))
    command, safety = bench.ask(broken(change))
    assert safety.decision == SafetyState.DECISION_REFUSED and words in safety.reason
    assert (command.positions == REST).all()
    bench.measure(state(101))
    assert bench.ask(request(101))[1].decision == SafetyState.DECISION_PASSED


def test_a_request_that_comes_before_its_state_is_decided_by_the_state(graph, tmp_path):
    bench = Bench(graph, tmp_path)
    bench.measure(state(100))
    bench.server.publish(command_to_message(request(101)))
    bench.wait(lambda: bench.gate.core.waiting)
    assert not bench.commands
    bench.measure(state(101))
    bench.wait(lambda: bench.commands)
    assert command_from_message(bench.commands[-1]).stamp_ns == tick_to_ns(101)


def test_a_request_whose_state_never_comes_is_refused(graph, tmp_path):
    bench = Bench(graph, tmp_path, driver_silence_max_s=30.0)
    bench.measure(state(100))
    bench.server.publish(command_to_message(request(101)))
    bench.wait(lambda: bench.gate.core.waiting)
    bench.gate._waiting_since -= 30.5
    bench.wait(lambda: any(s.rule == 'state_missing' for s in bench.states))
    assert bench.gate.core.counts.refused == 1 and not bench.gate.core.latched
    said = next(s for s in bench.states if s.rule == 'state_missing')
    assert said.limit == 30.0 and 'within 30 s' in said.reason


def test_silence_while_the_clock_runs_on_is_a_hold(graph, tmp_path):
    bench = Bench(graph, tmp_path)
    bench.measure(state(100))
    bench.ask(request(100))
    bench.commands.clear()
    bench.measure(state(104, moved(0, 0.02)))
    bench.wait(lambda: bench.commands and any(s.mode == SafetyState.MODE_HOLDING for s in bench.states))
    held = command_from_message(bench.commands[-1])
    assert held.stamp_ns == tick_to_ns(104) and held.positions[0] == 0.02
    assert bench.states[-1].holds == 1
    bench.wait(lambda: any(e.kind == SafetyEvent.KIND_HOLD and e.rule == 'request_silence' for e in bench.events))


def test_on_a_real_unit_the_gates_own_timer_holds_when_requests_stop(graph, tmp_path):
    bench = Bench(graph, tmp_path, simulated=False, request_age_max_s=1.0, state_age_max_s=1.0)
    driver = Driver(bench)
    bench.wait(driver.passed)
    bench.wait(lambda: bench.states[-1].holds >= 1)
    assert bench.states[-1].mode == SafetyState.MODE_HOLDING and 'no request for' in bench.states[-1].reason
    assert (command_from_message(bench.commands[-1]).positions == REST).all()


class Driver:
    """A driver and a trial server on the clock of the machine; what came too late there is done again."""

    def __init__(self, bench):
        self.bench = bench
        self.stamp_ns, self.asked = None, False

    def passed(self):
        """State, and once the gate has it the request that answers it; return whether one passed."""
        now_ns = time.time_ns()
        if self.stamp_ns is None or now_ns - self.stamp_ns > 500_000_000:
            self.stamp_ns, self.asked = now_ns, False
            measured = dataclasses.replace(state(), stamp_ns=self.stamp_ns)
            self.bench.driver.publish(joint_state_to_message(measured))
        elif self.bench.gate._newest_ns == self.stamp_ns and not self.asked:
            self.asked = True
            self.bench.server.publish(command_to_message(dataclasses.replace(request(), stamp_ns=self.stamp_ns)))
        return self.bench.gate.core.counts.passed > 0


def test_the_clock_of_a_real_units_gate_cannot_be_taken_away(graph, tmp_path):
    bench = Bench(graph, tmp_path, simulated=False, request_age_max_s=1.0, state_age_max_s=1.0)
    change = SetParameters.Request(parameters=[Parameter('use_sim_time', value=True).to_parameter_msg()])
    answer = bench.call(SetParameters, '/safety_gate/set_parameters', change)
    assert not answer.results[0].successful and 'use_sim_time' in answer.results[0].reason
    bench.wait(Driver(bench).passed)


def test_a_trip_latches_until_an_operator_clears(graph, tmp_path):
    bench = Bench(graph, tmp_path)
    bench.measure(state(100))
    assert bench.ask(request(100))[1].decision == SafetyState.DECISION_PASSED
    assert bench.trigger('trip').success
    bench.measure(state(101))
    command, safety = bench.ask(request(101, moved(0, 0.01)))
    assert (safety.mode, safety.decision, safety.rule) == (
        SafetyState.MODE_LATCHED,
        SafetyState.DECISION_REFUSED,
        'operator',
    )
    assert (command.positions == REST).all()
    assert bench.trigger('clear').success
    bench.measure(state(102))
    assert bench.ask(request(102))[1].decision == SafetyState.DECISION_PASSED
    bench.wait(lambda: {SafetyEvent.KIND_LATCH, SafetyEvent.KIND_CLEAR} <= {e.kind for e in bench.events})


def test_a_clear_is_refused_while_the_cause_persists(graph, tmp_path):
    bench = Bench(graph, tmp_path)
    bench.measure(state(100, moved(0, 3.3)))
    bench.wait(lambda: bench.states[-1].mode == SafetyState.MODE_LATCHED)
    answer = bench.trigger('clear')
    assert not answer.success and 'left_joint1' in answer.message
    bench.measure(state(101))
    assert bench.trigger('clear').success


def test_the_set_of_limits_can_be_selected_and_an_unknown_one_is_refused(graph, tmp_path):
    bench = Bench(graph, tmp_path, profile='')
    bench.measure(state(100))
    assert bench.ask(request(100))[1].rule == 'limits_profile'
    first, second = bench.select('reset'), bench.select('rollout')
    assert first.success and second.success and first.limits_hash != second.limits_hash
    bench.measure(state(101))
    assert bench.ask(request(101, moved(6, 0.003)))[1].rule == 'joint_position'
    unknown = bench.select('rollot')
    assert not unknown.success and "'rollout'" in unknown.message
    assert unknown.limits_hash == second.limits_hash
    bench.wait(lambda: bench.states[-1].limits_profile == 'rollout')


def test_a_driver_that_falls_silent_latches(graph, tmp_path):
    bench = Bench(graph, tmp_path, driver_silence_max_s=30.0)
    bench.measure(state(100))
    bench.fall_silent()
    bench.wait(lambda: bench.states[-1].mode == SafetyState.MODE_LATCHED)
    assert bench.states[-1].rule == 'driver_silence' and bench.states[-1].latches == 1
    assert not bench.trigger('clear').success
    bench.measure(state(101))
    bench.fall_silent(times=2)
    refused = bench.trigger('clear')
    assert not refused.success and 'arm driver alive' in refused.message
    bench.measure(state(102))
    assert bench.trigger('clear').success


def test_a_driver_that_falls_silent_after_a_trip_keeps_the_gate_latched(graph, tmp_path):
    bench = Bench(graph, tmp_path, driver_silence_max_s=30.0)
    bench.measure(state(100))
    assert bench.trigger('trip').success
    bench.fall_silent()
    assert not bench.trigger('clear').success
    bench.see(state(100))  # a driver whose world stands still says the same again
    assert bench.trigger('clear').message == 'cleared (operator, driver_silence)'


def test_joint_states_that_cannot_be_read_are_silence(graph, tmp_path):
    bench = Bench(graph, tmp_path, driver_silence_max_s=30.0)
    bench.measure(state(100))
    message = joint_state_to_message(state(101))
    message.header.stamp.nanosec = 4_000_000_000
    bench.fall_silent(meanwhile=lambda: bench.driver.publish(message))
    assert 'state_shape' in {e.rule for e in bench.events}
    assert not bench.trigger('clear').success


def test_a_joint_state_of_a_wrong_form_latches(graph, tmp_path):
    bench = Bench(graph, tmp_path)
    bench.measure(state(100))
    message = joint_state_to_message(state(101))
    message.name[3] = 'elbow'
    bench.driver.publish(message)
    bench.wait(lambda: bench.states[-1].mode == SafetyState.MODE_LATCHED)
    assert bench.states[-1].rule == 'state_shape' and 'elbow' in bench.states[-1].reason
    refused = bench.trigger('clear')
    assert not refused.success and 'elbow' in refused.message
    bench.see(state(100))
    assert bench.trigger('clear').success


def test_an_exception_in_the_gate_latches(graph, tmp_path):
    bench = Bench(graph, tmp_path)
    bench.measure(state(100))
    bench.gate.core._request_rules = (None,)
    command, safety = bench.ask(request(100))
    assert safety.mode == SafetyState.MODE_LATCHED and safety.rule == 'rule_fault'
    assert (command.positions == REST).all()


def test_an_exception_in_the_node_latches(graph, tmp_path, monkeypatch):
    bench = Bench(graph, tmp_path)
    bench.measure(state(100))
    monkeypatch.setattr('enpire_safety.safety_gate_node.command_from_message', lambda message: 1 / 0)
    bench.server.publish(command_to_message(request(100)))
    bench.wait(lambda: bench.states[-1].mode == SafetyState.MODE_LATCHED)
    assert bench.states[-1].rule == 'rule_fault' and 'ZeroDivisionError' in bench.states[-1].reason


def test_the_state_is_sent_again_and_again(graph, tmp_path):
    bench = Bench(graph, tmp_path)
    bench.states.clear()
    bench.wait(lambda: len(bench.states) >= 3)
    assert bench.states[-1].mode == SafetyState.MODE_UNKNOWN and 'no joint state' in bench.states[-1].reason


def test_a_gate_that_is_not_active_decides_nothing(graph, tmp_path):
    bench = Bench(graph, tmp_path)
    bench.measure(state(100))
    bench.gate.trigger_deactivate()
    bench.server.publish(command_to_message(request(100)))
    bench.wait(lambda: bench.gate.ignored == 1)
    bench.wait(lambda: 'not active' in bench.states[-1].reason)
    assert not bench.commands and bench.gate.core.counts.refused == 0
    bench.gate.trigger_activate()
    bench.wait(lambda: 'not active' not in bench.states[-1].reason)
    assert bench.ask(request(100))[1].decision == SafetyState.DECISION_PASSED


def test_the_gate_after_a_dead_one_starts_latched_and_after_an_orderly_one_not(graph, tmp_path):
    bench = Bench(graph, tmp_path)
    assert not bench.gate.core.latched and (tmp_path / NAME).exists()
    bench.gate.bring_down()
    assert not (tmp_path / NAME).exists()
    dead = Marker(tmp_path)
    dead.begin()
    dead.close()
    with Graph() as other:
        second = Bench(other, tmp_path)
        assert 'died' in second.gate.core.latched
        refused = second.trigger('clear')
        assert not refused.success and 'no joint state since restarted' in refused.message
        second.measure(state(100))
        assert second.ask(request(100))[1].rule == 'restarted'
        assert second.trigger('clear').success
        second.measure(state(101))
        assert second.ask(request(101))[1].decision == SafetyState.DECISION_PASSED


def test_the_ways_of_the_life_cycle_forget_no_latch(graph, tmp_path):
    bench = Bench(graph, tmp_path)
    bench.measure(state(100))
    assert bench.trigger('trip').success
    bench.gate.bring_down()
    assert bench.gate.bring_up(), bench.gate.fault
    assert [rule.name for rule, _ in bench.gate.core.causes] == ['restarted', 'operator']
    assert bench.gate._seen_at is None and bench.gate._newest_ns == 0
    bench.measure(state(101))
    assert bench.trigger('clear').message == 'cleared (restarted, operator)'


def test_a_second_gate_in_the_same_folder_is_a_fault_at_configure(graph, tmp_path):
    bench = Bench(graph, tmp_path)
    values = {'robot_limits': str(ROBOT), 'task_limits': str(TASK), 'run_dir': str(tmp_path)}
    with Graph() as other:
        second = other.add(
            SafetyGateNode(context=other.context,
                           parameter_overrides=[Parameter(k, value=v) for k, v in values.items()])
        )
        assert not second.bring_up()
        assert 'could not configure: expected to be the only gate' in second.fault
        assert (tmp_path / NAME).exists()
        bench.gate.bring_down()
        assert second.bring_up() and not second.core.latched


def test_limits_that_are_wrong_are_a_fault_at_configure_that_names_the_file(graph, tmp_path):
    wider = tmp_path / 'wider.yaml'
    wider.write_text('profiles: {rollout: {gripper: {upper: 0.2}}}\n')
    values = {'robot_limits': str(ROBOT), 'task_limits': str(wider), 'run_dir': str(tmp_path)}
    gate = graph.add(
        SafetyGateNode(context=graph.context, parameter_overrides=[Parameter(k, value=v) for k, v in values.items()])
    )
    assert not gate.bring_up()
    assert str(wider) in gate.fault and '0.096' in gate.fault and '0.2' in gate.fault
    assert not (tmp_path / NAME).exists()


def test_a_gate_without_its_files_is_not_built(graph):
    with pytest.raises(ParameterError, match="'robot_limits' is missing"):
        SafetyGateNode(context=graph.context)
    with pytest.raises(ParameterError, match='request_age_max_s: expected 0.01 to 1.0, got 0.0'):
        SafetyGateNode(
            context=graph.context,
            parameter_overrides=[
                Parameter('robot_limits', value='a'),
                Parameter('run_dir', value='b'),
                Parameter('request_age_max_s', value=0.0),
            ],
        )


def test_stamps_of_requests_far_in_the_future_are_refused_at_once(graph, tmp_path):
    bench = Bench(graph, tmp_path)
    bench.measure(state(100))
    message = command_to_message(request(100))
    message.header.stamp = ns_to_stamp(tick_to_ns(10_000))
    assert bench.ask(message)[1].rule == 'request_age'


@pytest.mark.parametrize('sec, nanosec', [(-1, 0), (3, 1_000_000_000), (2_147_483_647, 2**32 - 1)])
def test_a_request_with_a_stamp_that_is_none_is_refused_and_the_next_good_one_passes(graph, tmp_path, sec, nanosec):
    bench = Bench(graph, tmp_path)
    bench.measure(state(100))
    message = command_to_message(request(100))
    message.header.stamp.sec, message.header.stamp.nanosec = sec, nanosec
    bench.server.publish(message)
    bench.wait(lambda: any('stamp: expected' in s.reason for s in bench.states))
    said = next(s for s in bench.states if 'stamp: expected' in s.reason)
    assert said.decision == SafetyState.DECISION_REFUSED and stamp_to_ns(said.request_stamp) == 0
    assert bench.ask(request(100))[1].decision == SafetyState.DECISION_PASSED


def test_what_is_said_to_all_does_not_grow_with_what_was_sent(graph, tmp_path):
    bench = Bench(graph, tmp_path)
    bench.measure(state(100))
    asked = broken(lambda m: m.joint_names.__setitem__(0, 'x' * 1_000_000))
    assert len(bench.ask(asked)[1].reason) < 300
    assert len(bench.select('y' * 1_000_000).message) < 300


def test_a_clear_and_a_selection_are_logged_beside_any_number_of_refusals(graph, tmp_path, monkeypatch):
    bench = Bench(graph, tmp_path)
    bench.measure(state(100))
    lines = []

    class Log:
        def info(self, text, throttle_duration_sec=None):
            lines.append((text, throttle_duration_sec))
        error = warning = info

    monkeypatch.setattr(bench.gate, 'get_logger', Log)
    bench.ask(request(100, moved(0, 0.5)))
    bench.select('rollout')
    assert [throttle for text, throttle in lines if text.startswith('refused')] == [1.0]
    assert [throttle for text, throttle in lines if text.startswith('profile')] == [None]
