"""What comes twice, because whoever sent it heard no answer: in lockstep it is taken once."""

import numpy as np
import pytest

from enpire_core.ticks import tick_to_ns
from enpire_core.types import JointChunk
from enpire_safety.gate.rule import Unreadable

from .helpers import core, decide, moved, request, state


def chunk(first, *steps):
    return JointChunk(tuple(request(first + i, moved(3, by)) for i, by in enumerate(steps)))


@pytest.mark.parametrize('asked, decision', [(moved(3, 0.03), 'passed'), (moved(3, 3.0), 'refused')])
def test_a_request_that_comes_again_is_neither_judged_nor_refused_and_what_was_said_about_it_holds(asked, decision):
    gate = core()
    assert decide(gate, request(100, asked), state(100)).decision == decision
    counts, said = (gate.counts.passed, gate.counts.refused), gate.status()
    for again in (gate.step(tick_to_ns(100), request(100, asked)), decide(gate, request(100, asked), state(100)),
                  decide(gate, request(100, asked), state(101, asked if decision == 'passed' else moved(3, 0.0)))):
        assert (again.decision, again.command) == ('none', None)
    assert (gate.counts.passed, gate.counts.refused) == counts
    assert gate.status().verdict == said.verdict and gate.status().mode == said.mode


def test_a_request_that_comes_again_while_it_waits_goes_on_waiting_and_is_decided_once():
    gate = core()
    decide(gate, request(100), state(100))
    assert gate.step(tick_to_ns(100), request(101)).decision == 'waiting'
    assert gate.step(tick_to_ns(100), request(101)).decision == 'none' and gate.waiting
    assert gate.step(tick_to_ns(101), None, state(101)).decision == 'passed'
    assert (gate.counts.passed, gate.counts.refused) == (2, 0)


@pytest.mark.parametrize('other', [
    request(100, moved(3, 0.031)), request(100, moved(3, 0.03), np.full(14, 1e-9)), chunk(100, 0.03, 0.04),
    request(100, moved(3, 0.03).astype(np.float32)), Unreadable(tick_to_ns(100), 'no point'),
])
def test_another_request_with_the_same_stamp_is_refused(other):
    gate = core()
    assert decide(gate, request(100, moved(3, 0.03)), state(100)).decision == 'passed'
    assert gate.step(tick_to_ns(100), other).decision == 'refused' and gate.counts.refused == 1 and not gate.latched


def test_a_message_that_cannot_be_read_is_refused_each_time():
    gate = core()
    gate.step(tick_to_ns(100), None, state(100))
    for number in (1, 2):
        verdict = gate.step(tick_to_ns(100), Unreadable(tick_to_ns(100), 'no point'))
        assert verdict.decision == 'refused' and 'no point' in verdict.text
        assert gate.counts.refused == number and not gate.latched


def test_a_trajectory_that_comes_again_in_its_middle_begins_nothing():
    gate, asked = core(), chunk(100, 0.01, 0.03, 0.05)
    assert decide(gate, asked, state(100)).decision == 'passed'
    assert gate.step(tick_to_ns(101), None, state(101, moved(3, 0.01))).decision == 'passed'
    assert gate.step(tick_to_ns(101), chunk(100, 0.01, 0.03, 0.05)).decision == 'none'
    assert gate.step(tick_to_ns(102), None, state(102, moved(3, 0.03))).decision == 'passed'
    assert (gate.counts.passed, gate.counts.refused) == (3, 0)


def test_what_comes_again_is_known_by_what_it_was_when_it_came():
    gate, asked = core(), request(100)
    decide(gate, asked, state(100))
    asked.positions[3] += 0.001
    assert gate.step(tick_to_ns(100), asked).rule == 'request_order'


def test_a_new_phase_knows_nothing_of_requests_before_it():
    gate = core('reset')
    assert decide(gate, request(100), state(100)).decision == 'passed'
    assert gate.select('reset')[0]
    assert decide(gate, request(100), state(100)).decision == 'passed'


def test_off_lockstep_where_nobody_sends_twice_it_is_refused():
    gate = core(lockstep=False)
    assert decide(gate, request(100), state(100)).decision == 'passed'
    assert decide(gate, request(100), state(100)).rule == 'request_order'


def test_a_selection_that_comes_again_does_not_begin_anew_in_the_middle_of_a_motion():
    gate = core('')
    chosen = gate.select('reset', 'a')
    for tick, by in ((100, 0.03), (101, 0.08)):
        assert decide(gate, request(tick, moved(3, by)), state(tick)).decision == 'passed'
    gate.step(tick_to_ns(101), request(102, moved(3, 0.14)))
    assert gate.select('reset', 'a') == chosen and gate.waiting
    # Begun anew, what waits were dropped; and this step from where the joints are, too fast.
    assert gate.step(tick_to_ns(102), None, state(102)).decision == 'passed'


@pytest.mark.parametrize('profile, call_id', [('reset', 'b'), ('reset', ''), ('rollout', 'a')])
def test_another_selection_begins_anew(profile, call_id):
    gate = core('')
    assert gate.select('reset', 'a')[0]
    for tick, by in ((100, 0.03), (101, 0.08)):
        assert decide(gate, request(tick, moved(3, by)), state(tick)).decision == 'passed'
    assert gate.select(profile, call_id)[0] and gate.profile == profile
    assert decide(gate, request(102, moved(3, 0.14)), state(102)).rule == 'joint_velocity'


def test_two_selections_without_a_name_are_two():
    gate = core('')
    gate.select('reset')
    gate.step(tick_to_ns(100), None, state(100))
    gate.step(tick_to_ns(100), request(101))
    assert gate.waiting
    gate.select('reset')
    assert not gate.waiting
