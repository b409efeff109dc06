"""Acceleration, jump, measured velocity, the rate of requests, the age of the limits in force."""

import numpy as np
import pytest

from enpire_safety.gate.core import GateCore
from enpire_safety.gate.rule import Settings

from .helpers import HOME, REST, Arms, core, decide, moved, request, sets, shipped, state


def test_a_joint_may_not_speed_up_faster_than_its_limit():
    arms = Arms(changes={'joint1': {'acceleration': 6.0}})
    assert arms.ask(moved(0, 6.0 / 900 * 0.99, HOME)).decision == 'passed'
    verdict = arms.ask(moved(0, 6.0 / 900 * 2.1, arms.positions))
    assert verdict.rule == 'joint_acceleration' and verdict.joint == 'left_joint1'
    assert verdict.limit == 6.0 < verdict.value and verdict.unit == 'rad/s2'


def test_after_a_hold_a_joint_starts_from_rest():
    arms = Arms(changes={'joint1': {'acceleration': 6.0}})
    for by in (0.0066, 0.013, 0.0194):
        assert arms.ask(moved(0, by, arms.positions)).decision == 'passed'
    arms.ask(moved(0, 1.0, arms.positions))
    assert arms.ask(moved(0, 0.0194, arms.positions)).rule == 'joint_acceleration'
    assert arms.ask(moved(0, 0.0066, arms.positions)).decision == 'passed'


def test_braking_is_limited_too():
    arms = Arms(changes={'joint1': {'acceleration': 6.0}})
    for by in (0.0066, 0.013, 0.0194):
        arms.ask(moved(0, by, arms.positions))
    assert arms.ask(arms.positions).rule == 'joint_acceleration'


@pytest.mark.parametrize('index, name', [(3, 'left_joint4'), (13, 'right_gripper')])
def test_a_set_point_may_not_be_drawn_away_from_a_joint_that_is_held_up(index, name):
    arms, asked = Arms(), HOME.copy()
    step = 0.3 * shipped().jump[index] / 10
    for _ in range(60):
        asked[index] += step
        verdict = decide(arms.gate, request(arms.tick, asked), arms.state())  # measured: it does not move
        arms.tick += 1
        if verdict.decision == 'refused':
            break
    assert verdict.rule in ('joint_jump', 'joint_effort') and verdict.joint == name
    assert abs(asked[index] - HOME[index]) <= shipped().jump[index] + step
    if index == 3:
        assert verdict.rule == 'joint_jump', 'a soft joint meets this limit first'


def test_a_measured_velocity_that_nothing_explains_latches():
    gate = core()
    fast = np.zeros(14)
    fast[2] = -6.1
    verdict = decide(gate, request(), state(velocities=fast))
    assert gate.latched.startswith('measured_velocity') and verdict.decision == 'refused'
    assert verdict.joint == 'left_joint3' and verdict.limit == -6.0 and verdict.value == -6.1
    assert not gate.clear()[0], 'the cause persists'


def test_a_blocked_joint_that_comes_free_does_not_latch():
    robot = shipped()
    fastest = robot.velocity + robot.effort / robot.kd
    gate = Arms().gate
    gate.step(1, None, state(100, HOME, fastest))
    assert not gate.latched


def flood(gate, count, lockstep=True):
    measured = state(100)
    gate.step(measured.stamp_ns, None, measured)
    return [gate.step(measured.stamp_ns, request(100, moved(0, 1e-4 * k)), None) for k in range(count)]


def test_a_flood_of_requests_is_refused_by_its_rate():
    verdicts = flood(core(), 200)
    assert verdicts[0].decision == 'passed' and {v.decision for v in verdicts[1:]} == {'refused'}
    assert verdicts[119].rule == 'request_order' and verdicts[120].rule == verdicts[-1].rule == 'request_rate'
    assert verdicts[-1].limit == 120.0 and verdicts[-1].unit == 'Hz'


def test_a_second_later_requests_are_decided_again():
    gate = core()
    flood(gate, 200)
    for tick in range(101, 130):
        gate.step(state(tick).stamp_ns, None, state(tick))
    assert decide(gate, request(129), state(129)).rule == 'request_rate'
    assert decide(gate, request(131), state(131)).decision == 'passed'


def test_limits_that_nobody_selected_again_are_not_in_force_for_ever():
    gate = GateCore(sets(), Settings(limits_age_max_s=2.0))
    assert gate.select('rollout')[0]
    assert decide(gate, request(100), state(100)).decision == 'passed'
    for tick in range(101, 161):
        verdict = decide(gate, request(tick), state(tick))
        assert verdict.decision == 'passed', (tick, verdict)
    verdict = decide(gate, request(161), state(161))
    assert verdict.rule == 'limits_age' and verdict.limit == 2.0 and 'select it again' in verdict.text
    assert gate.select('rollout')[0]
    assert decide(gate, request(162), state(162)).decision == 'passed'


def test_one_set_of_limits_alone_does_not_age():
    gate = GateCore({'reset': sets()['reset']}, Settings(limits_age_max_s=2.0))
    for tick in range(100, 200):
        assert decide(gate, request(tick, REST), state(tick)).decision == 'passed'
