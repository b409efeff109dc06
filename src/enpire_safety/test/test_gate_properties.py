"""For all inputs: what passes satisfies every limit, and a hold is where the joints are."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from enpire_core.ticks import TICK_S, tick_to_ns
from enpire_core.types import JointCommand, JointState
from enpire_safety.gate import limits
from enpire_safety.gate.rules.position import allowed_range

from .helpers import REST, ROBOT, core, sets

ANY = st.floats(allow_nan=True, allow_infinity=True, width=64)
NEAR = st.floats(-0.08, 0.08)
WILD = arrays(np.float64, 14, elements=ANY)
STEP = arrays(np.float64, 14, elements=NEAR)
ZEROS = st.just(np.zeros(14))
EFFORTS = st.one_of(ZEROS, arrays(np.float64, 14, elements=st.floats(-12, 12)), WILD)
SPEEDS = st.one_of(ZEROS, arrays(np.float64, 14, elements=st.floats(-2.5, 2.5)), WILD)
PLACES = st.one_of(ZEROS, STEP)


def start(limits_in_force, fraction):
    return limits_in_force.hard_lower + fraction * (limits_in_force.hard_upper - limits_in_force.hard_lower)


FRACTIONS = st.one_of(st.just(None), arrays(np.float64, 14, elements=st.floats(-0.01, 1.01)))


def draw_positions(fraction, one):
    return REST.copy() if fraction is None else start(one, fraction)


def satisfies_every_limit(command, measured, last, one):
    """Say again, independently of the rules, what a command that passes must satisfy."""
    lower, upper = allowed_range(one, measured.positions)
    with np.errstate(over='ignore', invalid='ignore'):
        velocity = (command.positions - last) / TICK_S
        effort = (
            one.kp * (command.positions - measured.positions)
            + one.kd * (velocity - measured.velocities)
            + command.efforts
        )
    return (
        np.isfinite(command.positions).all()
        and np.isfinite(command.efforts).all()
        and (one.hard_lower <= command.positions).all()
        and (command.positions <= one.hard_upper).all()
        and (lower <= command.positions).all()
        and (command.positions <= upper).all()
        and (np.abs(velocity) <= one.velocity).all()
        and (np.abs(command.efforts) <= one.effort).all()
        and (np.abs(effort) <= one.effort).all()
    )


@settings(max_examples=400)
@given(
    st.sampled_from(['reset', 'rollout']),
    FRACTIONS,
    SPEEDS,
    st.lists(st.tuples(st.one_of(STEP, WILD), EFFORTS, PLACES), min_size=1, max_size=4),
)
def test_what_passes_satisfies_every_limit_and_what_does_not_is_a_hold(profile, fraction, speeds, requests):
    gate, one = core(profile), sets()[profile]
    positions, last = draw_positions(fraction, one), None
    for tick, (change, efforts, drift) in enumerate(requests, start=100):
        positions = positions + drift / 10
        measured = JointState(tick_to_ns(tick), positions, speeds, np.zeros(14))
        origin = positions if last is None else last
        asked = JointCommand(tick_to_ns(tick), origin + change, efforts)
        verdict = gate.step(measured.stamp_ns, asked, measured)
        assert verdict.decision in ('passed', 'refused')
        if verdict.decision == 'passed':
            assert verdict.command is asked and not gate.latched
            assert satisfies_every_limit(asked, measured, origin, one), verdict
            last = asked.positions
        else:
            assert verdict.rule and verdict.text
            assert (verdict.command.positions == positions).all() and not verdict.command.efforts.any()
            last = None


@settings(max_examples=300)
@given(st.integers(0, 13), ANY, st.sampled_from(['positions', 'efforts']))
def test_one_number_anywhere_cannot_break_a_limit(index, value, array):
    gate, one = core(), sets()['reset']
    measured = JointState(tick_to_ns(100), REST.copy(), np.zeros(14), np.zeros(14))
    parts = {'positions': REST.copy(), 'efforts': np.zeros(14)}
    parts[array][index] = value
    asked = JointCommand(tick_to_ns(100), **parts)
    verdict = gate.step(measured.stamp_ns, asked, measured)
    assert (verdict.decision == 'passed') == bool(satisfies_every_limit(asked, measured, REST, one))


@settings(max_examples=300)
@given(arrays(np.float64, 14, elements=st.floats(-4, 4)))
def test_where_the_hard_limits_are_kept_there_is_always_a_request_that_passes(positions):
    gate, one = core(), sets()['reset']
    positions = np.clip(positions, one.hard_lower, one.hard_upper)
    measured = JointState(tick_to_ns(100), positions, np.zeros(14), np.zeros(14))
    verdict = gate.step(measured.stamp_ns, JointCommand(measured.stamp_ns, positions, np.zeros(14)), measured)
    assert verdict.decision == 'passed', verdict.text


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just('state'), st.integers(0, 12), st.one_of(ZEROS, STEP, WILD)),
        st.tuples(st.just('request'), st.integers(0, 12), st.one_of(ZEROS, STEP, WILD)),
        st.tuples(st.just('timer'), st.integers(0, 12), ZEROS),
        st.tuples(st.sampled_from(['trip', 'clear', 'silent', 'give_up', 'rollout', 'reset']), st.just(0), ZEROS),
    ),
    max_size=25,
)


@settings(max_examples=400)
@given(st.booleans(), EVENTS)
def test_after_any_sequence_the_gate_is_safe(lockstep, events):
    gate = core(lockstep=lockstep)
    now = 0
    for kind, tick, change in events:
        latched = gate.latched
        stamp_ns = tick_to_ns(tick)
        verdict = None
        if kind == 'state':
            now = stamp_ns
            verdict = gate.step(now, None, JointState(stamp_ns, REST + change, np.zeros(14), np.zeros(14)))
        elif kind == 'request':
            verdict = gate.step(now, JointCommand(stamp_ns, REST + change, np.zeros(14)))
        elif kind == 'timer':
            verdict = gate.step(now)
            assert verdict.decision in ('none', 'hold')
        elif kind == 'trip':
            verdict = gate.trip('test')
            assert gate.latched
        elif kind == 'clear':
            gate.clear()
        elif kind == 'silent':
            verdict = gate.driver_silent(9.0, 5.0)
            assert gate.latched
        elif kind == 'give_up':
            verdict = gate.give_up_waiting()
            assert verdict.decision in ('none', 'refused')
        else:
            assert gate.select(kind)[0]
        if verdict is not None and verdict.command is not None:
            assert np.isfinite(verdict.command.positions).all()
            if verdict.decision == 'passed':
                one = sets()[gate.profile]
                assert not latched and not gate.latched
                assert (one.hard_lower <= verdict.command.positions).all()
                assert (verdict.command.positions <= one.hard_upper).all()
        if latched and kind != 'clear':
            assert gate.latched
        status = gate.status()
        assert (status.mode == 'latched') == bool(gate.latched) and (status.reason == '') == (status.mode == 'passing')


NARROWING = st.dictionaries(
    st.sampled_from([*limits.KINDS, 'left_joint2', 'right_gripper']),
    st.dictionaries(
        st.sampled_from(['lower', 'upper', 'velocity', 'effort']),
        st.one_of(st.floats(), st.floats(-3, 3), st.floats(0, 0.1)),
        max_size=4,
    ),
    max_size=3,
)


@settings(max_examples=400)
@given(NARROWING)
def test_whatever_a_profile_says_it_is_narrower_or_refused(changes):
    robot = limits.load(ROBOT)['robot']
    try:
        made = limits.task_limits({'profiles': {'p': changes}}, robot, 'task')['p']
    except limits.LimitsError:
        return
    assert (made.soft_lower >= robot.soft_lower).all() and (made.soft_upper <= robot.soft_upper).all()
    assert (made.soft_lower < made.soft_upper).all()
    assert (made.velocity <= robot.velocity).all() and (made.effort <= robot.effort).all()
    for name in ('hard_lower', 'hard_upper', 'kp', 'kd'):
        assert (getattr(made, name) == getattr(robot, name)).all()
