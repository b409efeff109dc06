"""The gate as a node on a graph of its own: what comes in, what goes out, in which mode it is."""

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')

from rcl_interfaces.srv import SetParameters  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402

from enpire_core.conversions import (
    command_from_message,
    command_to_message,  # noqa: E402
    joint_state_to_message,
    ns_to_stamp,
    stamp_to_ns,
)
from enpire_core.testing import Graph  # noqa: E402
from enpire_core.ticks import tick_to_ns  # noqa: E402
from enpire_interfaces.msg import SafetyEvent, SafetyState  # noqa: E402

from .bench import Bench, Driver  # noqa: E402
from .helpers import REST, moved, request, state  # noqa: E402


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
        (lambda m: m.points.extend(m.points * 40), 'points[1].time_from_start: expected 2 ticks'),
        (lambda m: m.points.extend(m.points * 60), 'expected 1 to 60, got 61'),
        (lambda m: setattr(m, 'points', []), 'expected 1 to 60, got 0'),
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


def test_a_driver_that_has_not_heard_its_command_gets_it_again(graph, tmp_path):
    bench = Bench(graph, tmp_path)
    bench.measure(state(100))
    asked, _ = bench.ask(request(100, moved(0, 0.01)))
    (sent,) = bench.commands
    bench.wait(lambda: bench.driver.publish(joint_state_to_message(state(100))) or len(bench.commands) > 1)
    assert bench.commands[1] == sent and bench.gate.core.counts.passed == 1
    bench.measure(state(101, asked.positions))
    assert bench.gate._again.due(tick_to_ns(100)) is None


def test_a_latched_gate_sends_no_command_again(graph, tmp_path):
    bench = Bench(graph, tmp_path)
    bench.measure(state(100))
    bench.ask(request(100, moved(0, 0.01)))
    bench.gate.core.trip('a test')
    seen = []
    due, bench.gate._again.due = bench.gate._again.due, lambda stamp_ns: seen.append(due(stamp_ns)) or seen[-1]
    bench.wait(lambda: bench.driver.publish(joint_state_to_message(state(100))) or any(seen))
    bench.measure(state(100))
    assert len(bench.commands) == 1


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


def test_a_selection_that_is_sent_twice_drops_no_request(graph, tmp_path):
    bench = Bench(graph, tmp_path, profile='')
    bench.measure(state(100))
    first = bench.select('reset', 'a')
    bench.server.publish(command_to_message(request(101)))
    bench.wait(lambda: bench.gate.core.waiting)
    assert bench.select('reset', 'a') == first and bench.gate.core.waiting
    bench.measure(state(101))
    bench.wait(lambda: bench.states[-1].passed == 1)
    assert bench.states[-1].refused == 0


def test_a_request_that_is_sent_twice_is_told_as_the_first_time(graph, tmp_path):
    bench = Bench(graph, tmp_path)
    bench.measure(state(100))
    assert bench.ask(request(100))[1].decision == SafetyState.DECISION_PASSED
    step, again = bench.gate.core.step, []

    def noted(now_ns, asked=None, measured=None):
        verdict = step(now_ns, asked, measured)
        if asked is not None:
            again.append(verdict)
        return verdict
    bench.gate.core.step = noted
    bench.states.clear()
    bench.server.publish(command_to_message(request(100)))
    bench.wait(lambda: again and bench.states)
    assert {(one.decision, one.passed, one.refused) for one in bench.states} == {(SafetyState.DECISION_PASSED, 1, 0)}
    assert len(bench.commands) == 1


def test_the_state_is_sent_again_and_again(graph, tmp_path):
    bench = Bench(graph, tmp_path)
    bench.states.clear()
    bench.wait(lambda: len(bench.states) >= 3)
    assert bench.states[-1].mode == SafetyState.MODE_UNKNOWN and 'no joint state' in bench.states[-1].reason


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
