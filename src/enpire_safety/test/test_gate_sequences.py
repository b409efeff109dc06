"""Several requests after one another: order in lockstep, speed off lockstep, allowances, and requests that wait."""

import dataclasses

import numpy as np
import pytest

from enpire_core.ticks import NANOSECONDS, tick_to_ns
from enpire_safety.gate.core import GateCore
from enpire_safety.gate.rule import Settings, Unreadable

from .helpers import REST, core, decide, moved, request, sets, state

GRIPPER = 6


# ---- order in lockstep -------------------------------------------------------------------------
@pytest.mark.parametrize('late', [99, 100])
def test_in_lockstep_a_late_or_second_request_does_not_take_the_tick_of_the_honest_one(late):
    gate = core()
    decide(gate, request(100), state(100))
    gate.step(tick_to_ns(101), None, state(101))
    verdict = gate.step(tick_to_ns(101), request(late, moved(3, 0.001)))
    assert verdict.decision == 'refused' and verdict.command is None and gate.counts.refused == 1
    assert gate.status().mode == 'holding' and gate.status().reason == verdict.text
    honest = gate.step(tick_to_ns(101), request(101))
    assert honest.decision == 'passed' and honest.command.stamp_ns == tick_to_ns(101)
    assert gate.status().mode == 'passing'


def test_in_lockstep_a_tick_is_answered_once():
    gate = core()
    decide(gate, request(100, moved(3, 0.05)), state(100))
    verdict = gate.step(tick_to_ns(100), request(100))
    assert (verdict.decision, verdict.rule, verdict.command) == ('refused', 'request_order', None)
    assert decide(gate, request(101, moved(3, 0.11)), state(101)).decision == 'passed'  # from what is in force


def test_in_lockstep_a_latched_gate_does_not_answer_a_tick_that_is_over():
    gate = core()
    gate.step(tick_to_ns(101), None, state(101))
    gate.trip('look')
    assert gate.step(tick_to_ns(101), request(100)).command is None
    assert gate.step(tick_to_ns(101), request(101)).command.stamp_ns == tick_to_ns(101)
    assert gate.step(tick_to_ns(101), request(101)).command is None


def test_in_lockstep_a_request_without_a_readable_stamp_gets_no_command():
    gate = core()
    gate.step(tick_to_ns(100), None, state(100))
    assert gate.step(tick_to_ns(100), Unreadable(0, 'stamp: no')).command is None
    assert gate.step(tick_to_ns(100), request(100)).decision == 'passed'


# ---- speed off lockstep ------------------------------------------------------------------------
def at(seconds, positions=REST):
    return dataclasses.replace(state(100, positions), stamp_ns=tick_to_ns(100) + int(seconds * NANOSECONDS))


def asked(seconds, positions):
    return dataclasses.replace(request(100, positions), stamp_ns=at(seconds).stamp_ns)


def fastest(gate, between, period_s=0.004, seconds=0.2):
    """Return how fast [rad/s] a joint gets that follows at once, asked for as much as passes, with ``between``."""
    where, clock, step = 0.0, 0.0, 2.0 / 30
    while clock < seconds:
        clock += period_s
        between(gate, clock, where)
        clock += period_s
        for by in np.linspace(step, 0.0, 30):
            one = at(clock, moved(3, where))
            verdict = gate.step(one.stamp_ns, asked(clock, moved(3, where + by)), one)
            if verdict.decision == 'passed':
                where += by
                break
            clock += 1e-6
    return where / clock


def refuse(gate, clock, where):
    one = at(clock, moved(3, where))
    assert gate.step(one.stamp_ns, asked(clock, moved(3, where + 0.5)), one).decision == 'refused'


def select(gate, clock, where):
    gate.select('reset')


def trip_and_clear(gate, clock, where):
    gate.trip('look')
    one = at(clock, moved(3, where))
    gate.step(one.stamp_ns, None, one)
    assert gate.clear()[0]


@pytest.mark.parametrize('between', [refuse, select, trip_and_clear])
def test_off_lockstep_refusals_selections_and_clears_between_requests_give_no_higher_speed(between):
    gate = GateCore(sets(), Settings(lockstep=False))
    gate.select('reset')
    assert fastest(gate, between) <= 2.0 * 1.001


def test_off_lockstep_a_hold_gives_no_time_and_a_tick_later_the_joints_themselves_count():
    def held():
        gate = core(lockstep=False)
        assert decide(gate, asked(0.0, REST), at(0.0)).decision == 'passed'
        assert decide(gate, asked(0.005, moved(3, 0.5)), at(0.005)).decision == 'refused'
        return gate
    assert decide(held(), asked(0.01, moved(3, 0.03)), at(0.01)).rule == 'joint_velocity'
    assert decide(held(), asked(0.01, moved(3, 0.019)), at(0.01)).decision == 'passed'
    verdict = decide(held(), asked(0.04, moved(3, 0.10)), at(0.04, moved(3, 0.05)))
    assert verdict.decision == 'passed', verdict.text


def test_off_lockstep_the_request_that_ends_a_silence_has_a_whole_tick():
    gate = core(lockstep=False)
    decide(gate, asked(0.0, REST), at(0.0))
    assert gate.step(at(0.2).stamp_ns, None, at(0.2)).rule == 'request_silence'
    assert gate.step(at(0.2).stamp_ns, asked(0.2, moved(3, 0.06))).decision == 'passed'


# ---- the allowance outside the soft limits -----------------------------------------------------
def stay(gate, tick, positions, asked_for=None):
    return decide(gate, request(tick, positions if asked_for is None else asked_for), state(tick, positions))


def test_jaws_that_are_pried_open_do_not_take_their_limit_along():
    gate, passed = core('rollout'), []
    for tick in range(100, 200):
        opening = moved(GRIPPER, 0.001 + 0.0005 * (tick - 100))
        if stay(gate, tick, opening).decision == 'passed':
            passed.append(opening[GRIPPER])
    assert 0.004 <= max(passed) <= 0.004 + 0.002


def test_a_gripper_that_is_open_may_stay_and_close_but_what_it_gave_up_is_gone():
    gate, opening = core('rollout'), 0.048
    for tick in range(100, 120):
        positions = moved(GRIPPER, opening - REST[GRIPPER])
        assert stay(gate, tick, positions).decision == 'passed'
        opening -= 0.001
    positions = moved(GRIPPER, 0.04 - REST[GRIPPER])
    verdict = stay(gate, 120, positions)
    assert (verdict.decision, verdict.rule, verdict.joint) == ('refused', 'joint_position', 'left_gripper')
    assert verdict.limit == pytest.approx(opening + 0.001 + 0.002)
    assert gate.select('rollout')[0]
    assert stay(gate, 121, positions).decision == 'passed'  # a new phase begins from where the joints are


@pytest.mark.parametrize('index, outside', [(0, 3.1), (1, 0.01), (GRIPPER, 0.05)])
def test_the_noise_of_a_measurement_is_no_dead_end_for_a_joint_outside_its_soft_limits(index, outside):
    gate, noise = core('rollout'), np.random.default_rng(7)
    where = REST.copy()
    where[index] = outside
    scale = 0.0005 if index == GRIPPER else 0.003
    for tick in range(100, 300):
        measured = where.copy()
        measured[index] += noise.uniform(-scale, scale)
        verdict = stay(gate, tick, where if tick == 100 else measured, where)
        assert verdict.decision == 'passed', (tick, verdict.text)
    gate = core('rollout')
    for tick in range(300, 500):  # who asks for what is measured may stay as well
        measured = where.copy()
        measured[index] += noise.uniform(-scale, scale)
        assert stay(gate, tick, measured).decision == 'passed', tick


def test_an_arm_that_sags_slowly_may_stay_within_the_tolerance_and_move_inward_always():
    gate = core()
    start = moved(0, 3.0)
    assert stay(gate, 100, start).decision == 'passed'
    beyond = moved(0, 3.0916 + 0.008)  # soft limit 3.0916, tolerance 0.01
    assert stay(gate, 110, beyond).decision == 'passed'  # after silence, and so measured from where it is
    assert stay(gate, 111, beyond, moved(0, 3.09)).decision == 'passed'


def test_the_allowance_is_not_wider_than_where_the_joint_is():
    gate, outside = core(), moved(0, 3.1)
    assert stay(gate, 100, outside).decision == 'passed'
    verdict = stay(gate, 101, outside, moved(0, 3.105))
    assert verdict.rule == 'joint_position' and verdict.limit == pytest.approx(3.1)


# ---- requests that wait ------------------------------------------------------------------------
@pytest.mark.parametrize('end', [
    lambda gate: gate.select('rollout'),
    lambda gate: gate.stand('the gate is not active'),
    lambda gate: (gate.trip('look'), gate.clear()),
])
def test_a_request_that_waits_is_refused_when_what_it_waits_for_is_over(end):
    gate = core()
    gate.step(tick_to_ns(100), None, state(100))
    gate.step(tick_to_ns(100), request(101))
    end(gate)
    assert not gate.waiting and gate.counts.refused == 1
    said = gate.status()
    assert (said.verdict.decision, said.verdict.rule) == ('refused', 'request_dropped')
    assert said.verdict.request_stamp_ns == tick_to_ns(101) and said.verdict.command is None
    assert 'request_dropped' in [event.rule for event in gate.take_events()]


def test_the_wait_that_was_given_up_is_said_as_long_as_it_was():
    gate = core()
    gate.step(tick_to_ns(100), None, state(100))
    gate.step(tick_to_ns(100), request(101))
    verdict = gate.give_up_waiting(5.0)
    assert verdict.limit == 5.0 and 'within 5 s' in verdict.text


# ---- reasons -----------------------------------------------------------------------------------
def test_a_reason_does_not_outlive_its_phase():
    gate = core()
    decide(gate, request(100, moved(0, 0.5)), state(100))
    assert 'left_joint1' in gate.status().reason
    gate.select('rollout')
    assert gate.status().reason == 'waiting for a request'
    gate.stand('the gate is not active')
    assert gate.status().reason == 'the gate is not active'
    gate.resume()
    assert gate.status().reason == 'waiting for a request'


def test_a_profile_of_megabytes_is_not_repeated():
    done, text = core().select('x' * 5_000_000)
    assert not done and len(text) < 300 and 'reset' in text


def test_a_verdict_names_the_code_of_its_rule():
    assert decide(core(), request(100, moved(0, 3.1)), state(100)).code == 910
    assert decide(core(), request(100), state(100)).code == 0
