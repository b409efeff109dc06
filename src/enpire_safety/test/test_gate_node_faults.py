"""The gate as a node: silence, faults, latches, and the ways of its life cycle."""

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')

from rclpy.node import Node  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402

from enpire_core import qos  # noqa: E402
from enpire_core.conversions import (
    command_to_message,  # noqa: E402
    joint_state_to_message,
)
from enpire_core.params import ParameterError  # noqa: E402
from enpire_core.testing import Graph  # noqa: E402
from enpire_interfaces.msg import PowerState, SafetyState  # noqa: E402
from enpire_safety.gate.marker import NAME, Marker  # noqa: E402
from enpire_safety.safety_gate_node import SafetyGateNode  # noqa: E402

from .bench import Bench  # noqa: E402
from .helpers import REST, ROBOT, TASK, request, state  # noqa: E402


@pytest.fixture
def graph():
    with Graph() as made:
        yield made


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
    # Its event may be on its way still.
    bench.wait(lambda: 'state_shape' in {e.rule for e in bench.events})
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


@pytest.mark.parametrize('power', [PowerState.POWER_UNKNOWN, PowerState.POWER_CUTTING, PowerState.POWER_CUT,
                                   PowerState.POWER_RESTORING])
def test_a_driver_that_says_anything_but_that_its_power_is_on_latches_until_it_is_back(graph, tmp_path, power):
    bench = Bench(graph, tmp_path)
    driver = bench.node.create_publisher(PowerState, 'arm_driver/power', qos.STATE)
    bench.measure(state(100))
    driver.publish(PowerState(power=PowerState.POWER_ON))
    driver.publish(PowerState(power=power, reason='smoke'))
    bench.wait(lambda: bench.states[-1].mode == SafetyState.MODE_LATCHED)
    said = bench.states[-1]
    assert (said.rule, said.error_code, said.reason) == ('power_cut', 960, 'power_cut: smoke')
    refused = bench.trigger('clear')
    assert not refused.success and 'enpire power --restore' in refused.message
    driver.publish(PowerState(power=PowerState.POWER_ON))
    bench.measure(state(101))
    bench.wait(lambda: bench.trigger('clear').success)


def test_a_gate_that_starts_late_hears_that_the_power_is_cut(graph, tmp_path):
    driver = graph.add(Node('driver', context=graph.context))
    driver.create_publisher(PowerState, 'arm_driver/power', qos.STATE).publish(
        PowerState(power=PowerState.POWER_CUT, reason='smoke'))
    bench = Bench(graph, tmp_path, profile=None)
    bench.wait(lambda: bench.states[-1].rule == 'power_cut')


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
    monkeypatch.setattr('enpire_safety.safety_gate_node.request_from_message', lambda message: 1 / 0)
    bench.server.publish(command_to_message(request(100)))
    bench.wait(lambda: bench.states[-1].mode == SafetyState.MODE_LATCHED)
    assert bench.states[-1].rule == 'rule_fault' and 'ZeroDivisionError' in bench.states[-1].reason


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
