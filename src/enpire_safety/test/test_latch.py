"""A latch: what ends it, what does not, and that every cause leaves its trace."""

import dataclasses

import numpy as np
import pytest

from enpire_core.ticks import tick_to_ns
from enpire_safety.gate import rules
from enpire_safety.gate.core import GateCore

from .helpers import REST, core, decide, moved, request, sets, state


def see(gate, *states):
    for one in states:
        gate.step(one.stamp_ns, None, one)
    return gate


def running(**kwargs):
    gate = core(**kwargs)
    decide(gate, request(100), state(100))
    gate.take_events()
    return gate


# ---- the evidence that ends it -----------------------------------------------------------------
def test_a_driver_that_dies_while_the_gate_is_latched_keeps_it_latched():
    gate = running()
    gate.trip('look')
    gate.driver_silent(5.1, 5.0)
    done, text = gate.clear()
    assert not done and 'no joint state since driver_silence' in text and 'arm driver alive' in text
    assert 'ry again' in text and gate.latched
    see(gate, state(101))
    assert gate.clear() == (True, 'cleared (operator, driver_silence)')


def test_a_driver_that_speaks_once_and_is_silent_again_keeps_the_gate_latched():
    gate = running()
    gate.driver_silent(5.1, 5.0)
    see(gate, state(101))
    gate.driver_silent(5.2, 5.0)
    assert not gate.clear()[0]
    heard = [event.rule for event in gate.take_events()]
    assert heard == ['driver_silence', 'driver_silence'] and gate.counts.latches == 1


def test_a_joint_state_that_cannot_be_read_keeps_the_gate_latched_until_a_sound_one_comes():
    gate = running()
    gate.bad_state("unknown 'elbow'")
    done, text = gate.clear()
    assert not done and 'state_shape persists' in text and "'elbow'" in text
    assert decide(gate, request(101), state(101)).rule == 'state_shape'
    assert gate.clear() == (True, 'cleared (state_shape)')
    assert decide(gate, request(102), state(102)).decision == 'passed'


def test_the_same_state_sent_again_after_one_that_could_not_be_read_is_evidence():
    gate = running()
    gate.bad_state('no')
    see(gate, state(100))
    assert gate.clear()[0]


def test_a_restarted_gate_is_not_cleared_before_a_joint_state_came():
    gate = core(latched=[(rules.RESTARTED, 'the gate before died')])
    done, text = gate.clear()
    assert not done and 'no joint state since restarted' in text and 'ry again' in text
    see(gate, state(0))
    assert gate.clear() == (True, 'cleared (restarted)')


def test_a_gate_that_never_saw_a_joint_state_is_not_cleared_of_a_trip():
    gate = core()
    gate.trip('look')
    done, text = gate.clear()
    assert not done and 'no joint state since the gate started' in text


def test_an_operators_word_alone_asks_for_no_new_joint_state():
    gate = running()
    gate.trip('look')
    assert gate.clear()[0]


def test_a_bad_state_after_the_first_cause_must_be_gone_too():
    gate = running()
    gate.trip('look')
    see(gate, state(101, moved(0, 3.2)))
    done, text = gate.clear()
    assert not done and 'measured_position persists' in text and 'by hand' in text
    see(gate, state(102))
    assert gate.clear() == (True, 'cleared (operator, measured_position)')


def test_an_exception_in_the_gate_asks_for_a_sound_state_after_it():
    gate = running()
    gate.latch(rules.RULE_FAULT, 'exception in a callback')
    assert not gate.clear()[0]
    see(gate, state(101))
    assert gate.clear()[0]


# ---- the motors' power -------------------------------------------------------------------------
def test_motors_without_power_latch_and_no_clear_ends_it_before_the_power_is_back():
    gate = running()
    verdict = gate.power('an operator asked for it')
    assert verdict.rule == 'power_cut' and verdict.command is None  # lockstep: the next request is answered
    assert gate.status().mode == 'latched' and gate.latched == 'power_cut: an operator asked for it'
    assert decide(gate, request(101), state(101)).rule == 'power_cut'
    done, text = gate.clear()
    assert not done and text == ('not cleared (power_cut): power_cut persists: an operator asked for it: look at the '
                                 'station, then `enpire power --restore`')
    assert gate.power('').decision == 'none' and gate.latched, 'power alone clears nothing'
    see(gate, state(102))
    assert gate.clear() == (True, 'cleared (power_cut)')
    assert decide(gate, request(103), state(103)).decision == 'passed'


def test_on_a_real_unit_a_cut_sends_a_hold_at_once():
    gate = running(lockstep=False)
    assert gate.power('smoke').command is not None


def test_a_gate_that_is_latched_already_notes_the_cut_and_stays_latched_for_both():
    gate = running()
    gate.trip('look')
    gate.power('smoke')
    assert not gate.clear()[0] and gate.latched == 'operator: look' and gate.counts.latches == 1
    gate.power('')
    see(gate, state(101))
    assert gate.clear() == (True, 'cleared (operator, power_cut)')


def test_a_cut_that_is_said_again_is_no_news_and_one_after_the_power_was_back_is():
    gate = running()
    assert gate.power('smoke').rule == 'power_cut' and gate.power('smoke; the relay is stuck').decision == 'none'
    assert [event.rule for event in gate.take_events()] == ['power_cut']
    gate.power('')
    see(gate, state(101))
    assert gate.clear()[0]
    gate.take_events()
    assert gate.power('fire').rule == 'power_cut' and gate.counts.latches == 2


def test_a_driver_that_says_that_its_power_is_on_changes_nothing():
    gate = running()
    assert gate.power('').decision == 'none' and not gate.latched


# ---- traces ------------------------------------------------------------------------------------
def test_each_new_cause_while_latched_is_an_event_and_a_repeated_one_is_not():
    gate = running()
    gate.trip('look')
    see(gate, state(101, moved(0, 3.2)), state(102, moved(0, 3.2)), state(99))
    events = [(event.kind, event.rule) for event in gate.take_events()]
    assert events == [('latched', 'operator'), ('latched', 'measured_position'), ('latched', 'clock_back')]
    assert gate.counts.latches == 1 and gate.latched == 'operator: look'
    assert [rule.name for rule, _ in gate.causes] == ['operator', 'measured_position', 'clock_back']


def test_a_clear_forgets_the_causes():
    gate = running()
    gate.trip('look')
    gate.driver_silent(5.1, 5.0)
    see(gate, state(101))
    assert gate.clear()[0] and gate.causes == [] and not gate.latched
    gate.trip('again')
    assert gate.clear() == (True, 'cleared (operator)')


def test_a_gate_can_start_with_more_than_one_cause():
    gate = core(latched=[(rules.RESTARTED, 'stopped'), (rules.OPERATOR, 'smoke')])
    assert gate.latched == 'restarted: stopped' and gate.counts.latches == 1
    see(gate, state(0))
    assert gate.clear() == (True, 'cleared (restarted, operator)')


# ---- the same stamp ----------------------------------------------------------------------------
@pytest.mark.parametrize('array', ['positions', 'velocities', 'efforts'])
def test_a_known_stamp_with_nan_latches(array):
    gate = running()
    bad = dataclasses.replace(state(100), **{array: np.full(14, np.nan)})
    see(gate, bad)
    assert gate.latched.startswith('state_finite')


def test_a_known_stamp_with_a_position_beyond_a_hard_limit_latches():
    gate = running()
    see(gate, state(100, moved(0, 9.0)))
    assert gate.latched.startswith('measured_position')


def test_other_sound_values_under_a_known_stamp_are_taken_and_no_latch():
    gate = running(lockstep=False)
    see(gate, state(100, moved(0, 0.01)))
    assert not gate.latched
    assert gate.trip('stop').command.positions[0] == 0.01


# ---- where it holds ----------------------------------------------------------------------------
def test_a_measured_glitch_does_not_become_the_gates_command():
    gate = running()
    verdict = decide(gate, request(101), state(101, moved(0, 12.5)))
    assert verdict.rule == 'measured_position' and (verdict.command.positions == REST).all()
    assert verdict.command.stamp_ns == tick_to_ns(101)


def test_where_no_state_was_ever_sound_a_hold_is_inside_the_hard_limits():
    verdict = decide(core(), request(100), state(100, moved(0, 12.5)))
    assert verdict.rule == 'measured_position'
    assert (verdict.command.positions == moved(0, 3.1416)).all()


def test_a_hold_is_inside_the_hard_limits_also_where_a_joint_is_measured_beyond_by_the_tolerance():
    measured = state(100, moved(1, -1.005))
    assert not see(core(), measured).latched
    verdict = decide(core(), request(100, moved(0, 0.5)), measured)
    assert verdict.command.positions[1] == 0.0 and verdict.command.positions[2] == REST[2]


def test_a_single_set_of_limits_latches_and_clears_like_several():
    gate = GateCore({'reset': sets()['reset']}, latched=[(rules.RESTARTED, 'died')])
    see(gate, state(0))
    assert gate.clear()[0] and decide(gate, request(1), state(1)).decision == 'passed'
