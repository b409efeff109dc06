"""The gate's decision: what passes, what is refused and named, what latches, what clears."""

import dataclasses

import numpy as np
import pytest

from enpire_core.joints import JOINT_NAMES
from enpire_core.ticks import tick_to_ns
from enpire_safety.gate import rules
from enpire_safety.gate.core import GateCore
from enpire_safety.gate.rule import HOLDS, Finding, Rule, Settings, Unreadable

from .helpers import REST, core, decide, moved, request, sets, state


def test_a_good_request_passes_unchanged():
    gate, asked = core(), request()
    verdict = decide(gate, asked, state())
    assert verdict.decision == 'passed' and verdict.command is asked
    assert gate.status().mode == 'passing' and gate.status().reason == '' and gate.counts.passed == 1


def test_nothing_passes_before_a_set_of_limits_is_selected():
    gate = core(profile='')
    verdict = decide(gate, request(), state())
    assert (verdict.decision, verdict.rule) == ('refused', 'limits_profile') and 'reset' in verdict.text


def test_a_single_set_of_limits_needs_no_selection():
    gate = GateCore({'reset': sets()['reset']})
    assert decide(gate, request(), state()).decision == 'passed'


BAD = {
    'joint_position': (request(positions=moved(0, 3.1)), 'left_joint1', 'rad'),
    'joint_velocity': (request(positions=moved(1, 0.07)), 'left_joint2', 'rad/s'),
    'joint_effort': (request(positions=moved(7, 0.06)), 'right_joint1', 'Nm'),
    'feed_forward': (request(efforts=moved(13, 101.0, np.zeros(14))), 'right_gripper', 'N'),
}


@pytest.mark.parametrize('rule', BAD)
def test_a_request_beyond_a_limit_is_held_and_rule_joint_limit_and_value_are_named(rule):
    asked, joint, unit = BAD[rule]
    gate, measured = core(), state()
    verdict = decide(gate, asked, measured)
    assert (verdict.decision, verdict.rule, verdict.joint, verdict.unit) == ('refused', rule, joint, unit)
    assert not verdict.value <= verdict.limit and joint in verdict.text and 'expected' in verdict.text
    assert (verdict.command.positions == measured.positions).all() and not verdict.command.efforts.any()
    assert verdict.command.stamp_ns == measured.stamp_ns
    assert gate.status().mode == 'holding' and not gate.latched and gate.counts.refused == 1
    event = gate.take_events()[-1]
    assert (event.kind, event.rule, event.count) == ('refused', rule, 1) and 900 <= event.code <= 999


@pytest.mark.parametrize('index', range(14))
@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize('array', ['positions', 'efforts'])
def test_no_number_that_is_not_finite_passes(index, bad, array):
    good = request()
    values = getattr(good, array).copy()
    values[index] = bad
    verdict = decide(core(), dataclasses.replace(good, **{array: values}), state())
    assert (verdict.decision, verdict.rule, verdict.joint) == ('refused', 'request_finite', JOINT_NAMES[index])


@pytest.mark.parametrize('array', ['positions', 'efforts'])
@pytest.mark.parametrize('values', [np.zeros(13), np.zeros(15), np.zeros((14, 1)), np.zeros(14, dtype=int), [0.0] * 14,
                                    None, 'zeros', np.array(['0'] * 14), np.zeros(14, dtype=complex)])
def test_no_array_of_another_form_passes(array, values):
    verdict = decide(core(), dataclasses.replace(request(), **{array: values}), state())
    assert (verdict.decision, verdict.rule) == ('refused', 'request_shape') and array in verdict.text


@pytest.mark.parametrize('array', ['positions', 'velocities', 'efforts'])
@pytest.mark.parametrize('bad, rule', [(np.full(14, np.nan), 'state_finite'), (np.zeros(13), 'state_shape'),
                                       (None, 'state_shape')])
def test_a_measured_state_that_is_no_state_latches(array, bad, rule):
    gate = core()
    assert decide(gate, request(), state()).decision == 'passed'
    verdict = decide(gate, request(101), dataclasses.replace(state(101), **{array: bad}))
    assert (verdict.decision, verdict.rule) == ('refused', rule) and gate.latched
    assert np.isfinite(verdict.command.positions).all()
    assert verdict.command.stamp_ns == tick_to_ns(101)


@pytest.mark.parametrize('index, position', [(0, -2.7), (1, -0.02), (6, -0.003), (13, 0.099), (7, 3.2)])
def test_a_measured_state_beyond_a_hard_limit_latches_until_it_is_gone(index, position):
    gate, positions = core(), REST.copy()
    positions[index] = position
    verdict = decide(gate, request(), state(positions=positions))
    assert (verdict.decision, verdict.rule, verdict.joint) == ('refused', 'measured_position', JOINT_NAMES[index])
    assert gate.status().mode == 'latched'
    cleared, text = gate.clear()
    assert not cleared and 'measured_position' in text and JOINT_NAMES[index] in text
    assert decide(gate, request(101), state(101)).rule == 'measured_position'
    assert gate.clear()[0]
    assert decide(gate, request(102), state(102)).decision == 'passed'


@pytest.mark.parametrize('index, position', [(6, -0.0003), (13, 0.0975), (1, -0.005)])
def test_a_measured_state_within_the_tolerance_does_not_latch(index, position):
    positions = REST.copy()
    positions[index] = position
    gate = core()
    verdict = decide(gate, request(positions=np.clip(positions, sets()['reset'].hard_lower, None)),
                     state(positions=positions))
    assert not gate.latched and (verdict.decision == 'passed') == (position <= 0.096), verdict.text


def test_a_joint_outside_its_soft_limits_can_stay_or_come_back_but_not_go_further():
    outside = moved(0, 3.1)  # soft limit 3.0916, hard 3.1416
    for step, decision in ((0.0, 'passed'), (-0.03, 'passed'), (0.005, 'refused')):
        verdict = decide(core(), request(positions=moved(0, step, outside)), state(positions=outside))
        assert verdict.decision == decision, verdict.text
    assert verdict.rule == 'joint_position' and verdict.limit == pytest.approx(3.1)


def test_a_gripper_that_is_open_when_the_profile_wants_it_closed_can_close_and_not_open():
    measured = state(positions=moved(6, 0.048))
    for step, decision in ((-0.001, 'passed'), (0.001, 'refused')):
        verdict = decide(core('rollout'), request(positions=moved(6, step, measured.positions)), measured)
        assert verdict.decision == decision, verdict.text
    assert verdict.joint == 'left_gripper'


def test_velocity_is_measured_from_the_last_set_point_while_one_is_in_force():
    gate = core()
    behind = state(101)  # the arm has not moved yet
    assert decide(gate, request(100, moved(3, 0.06)), state(100)).decision == 'passed'
    assert decide(gate, request(101, moved(3, 0.12)), behind).decision == 'passed'
    refused = decide(gate, request(102, moved(3, 0.05)), state(102, moved(3, 0.05)))
    assert refused.rule == 'joint_velocity' and refused.value == pytest.approx(-2.1)
    after_hold = decide(gate, request(103, moved(3, 0.05)), state(103, moved(3, 0.05)))
    assert after_hold.decision == 'passed'


def test_requests_at_a_higher_rate_do_not_add_up_to_a_higher_speed():
    gate = core(lockstep=False)
    first, half_a_tick = state(100), state(100).stamp_ns + 16_000_000
    assert decide(gate, request(100, moved(3, 0.06)), first).decision == 'passed'
    soon = dataclasses.replace(state(100), stamp_ns=half_a_tick)
    verdict = decide(gate, dataclasses.replace(request(positions=moved(3, 0.12)), stamp_ns=half_a_tick), soon)
    assert verdict.rule == 'joint_velocity' and verdict.value == pytest.approx(0.06 / 0.016)


@pytest.mark.parametrize('tick, rule', [(99, 'request_pairing'), (96, 'request_age'), (200, 'request_age')])
def test_a_request_that_does_not_answer_the_newest_state_is_refused(tick, rule):
    assert decide(core(), request(tick), state(100)).rule == rule


@pytest.mark.parametrize('tick, limit, value, said', [
    (99, 0.0, 1 / 30, '0.0333333 s older than the newest'), (96, 0.1, 4 / 30, 'got 0.133333 s (too old)'),
    (200, 0.0, -100 / 30, 'got -3.33333 s (in the future)')])
def test_how_far_a_stamp_is_off_and_to_which_side_is_told(tick, limit, value, said):
    verdict = decide(core(), request(tick), state(100))
    assert verdict.limit == limit and verdict.value == pytest.approx(value) and said in verdict.text


def test_how_far_a_request_is_behind_the_last_one_decided_is_told():
    gate = core(lockstep=False)
    assert decide(gate, request(100), state(100)).decision == 'passed'
    verdict = decide(gate, request(99), state(101))
    assert verdict.rule == 'request_order' and verdict.value == pytest.approx(-1 / 30)
    assert 'got one 0.0333333 s before it' in verdict.text


def test_off_lockstep_a_request_may_answer_a_slightly_older_state():
    gate = core(lockstep=False)
    assert decide(gate, request(99), state(100)).decision == 'passed'
    assert gate.step(tick_to_ns(101), request(102)).decision == 'waiting'


def test_a_state_that_is_too_old_is_not_checked_against():
    gate = core(lockstep=False)
    gate.step(tick_to_ns(100), None, state(100))
    assert gate.step(tick_to_ns(100) + 150_000_000, request(100)).rule == 'request_age'
    gate = GateCore(sets(), Settings(lockstep=False, request_age_max_s=1.0))
    gate.select('reset')
    gate.step(tick_to_ns(100), None, state(100))
    verdict = gate.step(tick_to_ns(100) + 150_000_000, request(100))
    assert verdict.rule == 'state_age' and verdict.value == pytest.approx(0.15)


def test_no_request_is_decided_twice():
    gate = core()
    assert decide(gate, request(), state()).decision == 'passed'
    assert decide(gate, request(positions=moved(3, 0.001)), state()).rule == 'request_order'


def test_a_request_waits_for_the_state_that_it_answers_and_the_state_decides_it():
    gate = core()
    gate.step(tick_to_ns(100), None, state(100))
    assert gate.step(tick_to_ns(100), request(101)).decision == 'waiting' and gate.waiting
    assert gate.step(tick_to_ns(100)).decision == 'none' and gate.waiting  # the timer passes nothing
    verdict = gate.step(tick_to_ns(101), None, state(101))
    assert verdict.decision == 'passed' and verdict.command.stamp_ns == tick_to_ns(101) and not gate.waiting


def test_a_request_whose_state_never_comes_is_refused():
    gate = core()
    gate.step(tick_to_ns(100), None, state(100))
    gate.step(tick_to_ns(100), request(101))
    verdict = gate.give_up_waiting(5.0)
    assert (verdict.decision, verdict.rule) == ('refused', 'state_missing')
    assert verdict.command.stamp_ns == tick_to_ns(100)
    assert gate.give_up_waiting(5.0).decision == 'none'


def test_without_any_state_a_request_gets_no_command_at_all():
    gate = core()
    assert gate.step(0, request(100)).decision == 'waiting' and gate.status().mode == 'unknown'
    verdict = gate.give_up_waiting(5.0)
    assert verdict.decision == 'refused' and verdict.command is None


def test_a_newer_request_replaces_one_that_waits():
    gate = core()
    gate.step(tick_to_ns(100), None, state(100))
    gate.step(tick_to_ns(100), request(101, moved(0, 0.01)))
    gate.step(tick_to_ns(100), request(101))
    verdict = gate.step(tick_to_ns(101), None, state(101))
    assert verdict.decision == 'passed' and (verdict.command.positions == REST).all()
    assert gate.counts.refused == 1 and gate.take_events()[-1].rule == 'request_superseded'


def test_a_request_that_could_not_be_read_is_refused_and_held():
    verdict = decide(core(), Unreadable(tick_to_ns(100), "unknown 'elbow'"), state())
    assert verdict.rule == 'request_shape' and 'elbow' in verdict.text
    assert (verdict.command.positions == REST).all()


def test_a_request_that_could_not_be_read_waits_for_its_state_like_any_other():
    gate = core()
    gate.step(tick_to_ns(100), None, state(100))
    assert gate.step(tick_to_ns(100), Unreadable(tick_to_ns(101), 'no')).decision == 'waiting'
    assert gate.step(tick_to_ns(101), None, state(101)).command.stamp_ns == tick_to_ns(101)


@pytest.mark.parametrize('stamp', [np.nan, None, 'now', 1.5])
def test_a_stamp_that_is_no_whole_number_is_refused(stamp):
    gate = core()
    verdict = decide(gate, dataclasses.replace(request(), stamp_ns=stamp), state())
    assert verdict.decision == 'refused' and 'nanoseconds' in verdict.text
    assert decide(gate, request(101), state(101)).decision == 'passed'


def test_silence_while_the_clock_runs_on_is_one_hold():
    gate = core()
    decide(gate, request(100), state(100))
    assert gate.step(tick_to_ns(101), None, state(101)).decision == 'none'
    verdict = gate.step(tick_to_ns(104), None, state(104, moved(0, 0.01)))
    assert (verdict.decision, verdict.rule) == ('hold', 'request_silence')
    assert verdict.command.stamp_ns == tick_to_ns(104) and verdict.command.positions[0] == 0.01
    assert gate.status().mode == 'holding' and gate.counts.holds == 1
    assert [(event.kind, event.rule) for event in gate.take_events()][-1] == ('hold', 'request_silence')
    assert gate.step(tick_to_ns(105), None, state(105)).decision == 'none'
    assert decide(gate, request(106), state(106)).decision == 'passed'


def test_after_silence_a_request_is_measured_from_where_the_arm_is():
    gate = core()
    decide(gate, request(100, moved(3, 0.06)), state(100))
    verdict = decide(gate, request(130, moved(3, 0.06)), state(130, moved(3, -0.05)))
    assert verdict.rule == 'joint_velocity' and gate.counts.holds == 1


def test_standing_still_is_not_silence():
    gate = core()
    decide(gate, request(100), state(100))
    for _ in range(50):
        assert gate.step(tick_to_ns(101), None, state(101)).decision == 'none'
    assert gate.status().mode == 'passing'


def test_a_trip_latches_and_only_clear_ends_it():
    gate = core()
    decide(gate, request(100), state(100))
    gate.trip('operator at the desk')
    assert gate.status().mode == 'latched' and 'operator at the desk' in gate.latched
    for tick in range(101, 110):
        verdict = decide(gate, request(tick), state(tick))
        assert (verdict.decision, verdict.rule) == ('refused', 'operator')
        assert verdict.command.stamp_ns == tick_to_ns(tick)
    assert gate.counts.latches == 1 and gate.clear() == (True, 'cleared (operator)')
    assert decide(gate, request(110), state(110)).decision == 'passed'
    kinds = [event.kind for event in gate.take_events()]
    assert kinds == ['profile', 'latched', 'clear']


def test_off_lockstep_a_trip_sends_a_hold_at_once_and_in_lockstep_none():
    for lockstep, sends in ((False, True), (True, False)):
        gate = core(lockstep=lockstep)
        decide(gate, request(100), state(100))
        assert (gate.trip('stop').command is not None) == sends


def test_off_lockstep_a_measured_state_beyond_a_limit_sends_a_hold_at_once():
    gate = core(lockstep=False)
    decide(gate, request(100), state(100))
    verdict = gate.step(tick_to_ns(101), None, state(101, moved(0, 3.2)))
    assert verdict.rule == 'measured_position' and (verdict.command.positions == REST).all()


@pytest.mark.parametrize('go_back', [
    lambda gate: gate.step(tick_to_ns(101), None, state(99)),
    lambda gate: gate.step(tick_to_ns(99)),
])
def test_a_clock_that_jumps_back_latches(go_back):
    gate = core()
    gate.step(tick_to_ns(100), None, state(100))
    assert go_back(gate).rule == 'clock_back'
    assert gate.status().mode == 'latched' and 'jumped back' in gate.latched
    gate.step(tick_to_ns(101), None, state(101))
    assert gate.clear()[0]
    assert decide(gate, request(102), state(102)).decision == 'passed'


def test_a_silent_driver_latches_and_clears_only_after_it_speaks():
    gate = core()
    gate.step(tick_to_ns(100), None, state(100))
    gate.driver_silent(5.1, 5.0)
    assert 'driver_silence' in gate.latched
    assert not gate.clear()[0] and 'no joint state' in gate.clear()[1]
    gate.step(tick_to_ns(101), None, state(101))
    assert gate.clear()[0]


def test_a_restarted_gate_starts_latched():
    gate = core(latched=[(rules.RESTARTED, 'restarted in the same run')])
    assert decide(gate, request(), state()).rule == 'restarted'
    assert gate.clear()[0]
    assert decide(gate, request(101), state(101)).decision == 'passed'


def broken(name):
    def check(view):
        raise KeyError('a mistake in ' + name)
    return Rule(name, 999, HOLDS, '', '', '', check)


def test_a_request_rule_that_raises_refuses_and_latches():
    gate = core(request_rules=(broken('elbow'), *rules.REQUEST_RULES))
    verdict = decide(gate, request(), state())
    assert (verdict.decision, verdict.rule) == ('refused', 'rule_fault') and "'elbow'" in verdict.text
    assert 'a mistake in elbow' in gate.latched and (verdict.command.positions == REST).all()
    assert any('Traceback' in event.detail for event in gate.take_events())


def test_a_state_rule_that_raises_latches_and_cannot_be_cleared():
    gate = core(state_rules=(broken('wrist'),))
    verdict = decide(gate, request(), state())
    assert (verdict.decision, verdict.rule) == ('refused', 'rule_fault')
    assert not gate.clear()[0]


@pytest.mark.parametrize('thing', [object(), 7, 'state'])
def test_a_state_or_request_of_another_type_latches(thing):
    gate = core()
    assert gate.step(tick_to_ns(100), None, thing).rule == 'rule_fault'
    gate = core()
    gate.step(tick_to_ns(100), None, state())
    verdict = gate.step(tick_to_ns(100), thing)
    assert verdict.rule == 'rule_fault' and gate.latched and verdict.decision == 'refused'


def test_a_rule_added_to_the_list_is_obeyed():
    def check(view):
        return Finding('no', 'left_joint1', 1.0, 2.0, 'rad') if view.request.positions[0] > 0.01 else None
    gate = core(request_rules=(*rules.REQUEST_RULES, Rule('own', 998, HOLDS, '', 'rad', '', check)))
    assert decide(gate, request(), state()).decision == 'passed'
    assert decide(gate, request(101, moved(0, 0.02)), state(101)).rule == 'own'


def test_selecting_a_profile_begins_anew_and_an_unknown_one_changes_nothing():
    gate = core('reset')
    before = gate.status().limits_hash
    done, text = gate.select('rolout')
    assert not done and "'rollout'" in text and gate.profile == 'reset'
    decide(gate, request(100, moved(3, 0.06)), state(100))
    done, limits_hash = gate.select('rollout')
    assert done and limits_hash != before and gate.status().limits_hash == limits_hash
    verdict = decide(gate, request(101, moved(3, 0.06)), state(101, moved(3, -0.05)))
    assert verdict.rule == 'joint_velocity'  # from the measured position, not from the phase before


def test_a_command_changed_by_its_sender_after_the_fact_does_not_change_the_gate():
    gate, asked = core(), request(100)
    decide(gate, asked, state(100))
    asked.positions[3] = 0.5
    assert decide(gate, request(101, moved(3, 0.06)), state(101)).decision == 'passed'


def test_sets_of_limits_of_two_robots_are_refused():
    made = sets()
    other = dataclasses.replace(made['reset'], hard_upper=made['reset'].hard_upper + 1)
    with pytest.raises(ValueError, match="'b' has other hard limits"):
        GateCore({'a': made['reset'], 'b': other})
    with pytest.raises(ValueError, match='at least one'):
        GateCore({})


def test_codes_and_names_of_rules_are_unique_and_in_the_900s():
    assert len({rule.name for rule in rules.ALL_RULES}) == len({rule.code for rule in rules.ALL_RULES})
    assert len(rules.BY_NAME) == len(rules.ALL_RULES) and all(900 <= rule.code <= 999 for rule in rules.ALL_RULES)
