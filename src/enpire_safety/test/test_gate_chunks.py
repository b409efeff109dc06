"""Requests of several points: checked as a whole before any of it passes, and each point again when its time comes."""

import numpy as np
import pytest

from enpire_core.types import JointChunk

from .helpers import HOME, REST, Arms, core, moved, request, state


def chunk(tick=100, steps=(0.01, 0.02, 0.03), joint=0, start=REST):
    return JointChunk(tuple(request(tick + i, moved(joint, by, start)) for i, by in enumerate(steps)))


def arrive(gate, tick, positions=REST):
    measured = state(tick, positions)
    return gate.step(measured.stamp_ns, None, measured)


def begin(gate, asked, tick=100):
    arrive(gate, tick)
    return gate.step(asked.stamp_ns, asked)


def test_each_point_passes_with_the_state_of_its_tick_and_not_before():
    gate = core()
    verdicts = [begin(gate, chunk()), arrive(gate, 101), arrive(gate, 101), arrive(gate, 102), arrive(gate, 103)]
    assert [v.decision for v in verdicts] == ['passed', 'passed', 'none', 'passed', 'none']
    assert [v.command.positions[0] for v in verdicts if v.command is not None] == [0.01, 0.02, 0.03]
    assert [v.request_stamp_ns for v in verdicts if v.command is not None] == [
        request(tick).stamp_ns for tick in (100, 101, 102)]


@pytest.mark.parametrize('steps, rule', [
    ((0.01, 0.02, 0.2), 'joint_velocity'), ((0.01, 0.02, np.nan), 'request_finite'),
    ((0.02, 0.01, 0.0, -0.02, -0.04, -0.06), 'joint_position')])
def test_a_chunk_with_a_bad_point_anywhere_is_refused_as_a_whole(steps, rule):
    gate = core()
    joint = 1 if rule == 'joint_position' else 0
    start = REST.copy()
    start[1] = 0.05
    asked = chunk(steps=steps, joint=joint, start=start)
    arrive(gate, 100, start)
    verdict = gate.step(asked.stamp_ns, asked)
    assert verdict.decision == 'refused' and verdict.rule == rule
    assert f'of {len(steps)}: ' in verdict.text and verdict.text.startswith('point ')
    assert (verdict.command.positions == start).all(), 'the first point did not move anything'
    assert arrive(gate, 101, start).decision == 'none'


def test_a_chunk_that_ends_outside_the_space_never_begins():
    arms = Arms(changes={'left_workspace': {'z': [0.004, 0.2]}})
    asked = JointChunk(tuple(request(100 + i, moved(1, -0.012 * (i + 1), HOME)) for i in range(40)))
    verdict = arms.gate.step(asked.stamp_ns, asked, arms.state())
    assert verdict.decision == 'refused' and verdict.rule == 'workspace' and 'point ' in verdict.text


def test_a_point_is_refused_when_its_time_comes_and_the_arm_is_not_where_it_was_to_be():
    gate = core()
    assert begin(gate, chunk(steps=(0.02, 0.04, 0.06))).decision == 'passed'
    held_up = moved(0, -0.12)  # the drive would be asked for more than its effort limit
    verdict = arrive(gate, 101, held_up)
    assert verdict.decision == 'refused' and verdict.rule == 'joint_effort'
    assert (verdict.command.positions == held_up).all()
    assert arrive(gate, 102, held_up).decision == 'none', 'what comes after it is dropped'


def test_a_newer_request_takes_the_place_of_the_rest():
    gate = core()
    begin(gate, chunk())
    arrive_and_ask = gate.step(request(101).stamp_ns, request(101, moved(0, 0.005)), state(101))
    assert arrive_and_ask.command.positions[0] == 0.005
    assert arrive(gate, 102).decision == 'none'


@pytest.mark.parametrize('stop', [
    lambda gate: gate.trip('an operator'), lambda gate: gate.select('rollout'), lambda gate: gate.stand('test'),
    lambda gate: gate.driver_silent(9.0, 5.0), lambda gate: gate.bad_state('unreadable')])
def test_nothing_is_left_of_a_chunk_after_a_stop(stop):
    gate = core()
    begin(gate, chunk())
    stop(gate)
    gate.clear()
    assert arrive(gate, 101).decision != 'passed' and arrive(gate, 102).decision != 'passed'


def test_off_lockstep_the_newest_point_that_is_due_passes():
    gate = core(lockstep=False)
    begin(gate, chunk())
    verdict = arrive(gate, 102)
    assert verdict.decision == 'passed' and verdict.command.positions[0] == pytest.approx(0.03)


def test_silence_after_the_last_point_is_a_hold():
    gate = core(lockstep=False)
    begin(gate, chunk())
    for tick in (101, 102):
        assert arrive(gate, tick).decision == 'passed'
    assert [arrive(gate, tick).decision for tick in range(103, 107)].count('hold') == 1


def test_a_chunk_of_one_point_is_none():
    with pytest.raises(ValueError, match='two points'):
        JointChunk((request(),))
