"""For all inputs: what passes satisfies every limit, what does not is a hold, and a hold is inside the hard limits.

What a command must satisfy is said here anew, joint by joint in plain numbers, and not with the rules' own
code. Values are drawn as multiples of the limits, 0 to 2, so that about half of them lie on either side.
"""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from enpire_core.joints import JOINT_NAMES
from enpire_core.ticks import tick_to_ns
from enpire_core.types import JointCommand, JointState
from enpire_safety.gate import limits
from enpire_safety.gate.limits_file import LimitsError

from .helpers import REST, ROBOT, core, sets

TICK_S = 1.0 / 30.0
TOLERANCE = [0.002 if name.endswith('_gripper') else 0.01 for name in JOINT_NAMES]
ANY = st.floats(allow_nan=True, allow_infinity=True, width=64)
NEAR = st.floats(-0.08, 0.08)
WILD = arrays(np.float64, 14, elements=ANY)
STEP = arrays(np.float64, 14, elements=NEAR)
ZEROS = st.just(np.zeros(14))
# One joint, and what share of its limit is asked for: one limit at a time is met from below and from above.
SHARE = st.tuples(st.integers(0, 13), st.one_of(st.floats(0.0, 2.0), st.floats(0.99, 1.01), st.just(1.0)),
                  st.sampled_from([-1.0, 1.0]))
SHARES = st.lists(SHARE, max_size=3)


def shares(drawn, limit):
    """Return (14,): for each (joint, share, sign) that share of the joint's ``limit``, elsewhere 0."""
    values = np.zeros(14)
    for joint, share, sign in drawn:
        values[joint] = sign * share * limit[joint]
    return values


class Oracle:
    """The limits of a phase, said again: remembers how far outside each joint was."""

    def __init__(self, one):
        self.one = one
        self.innermost = [[-math.inf, math.inf] for _ in JOINT_NAMES]

    def range(self, i, measured, asked):
        """Return what joint ``i`` may be asked for: soft limits, or less far out than it was, and never beyond hard."""
        one, bounds = self.one, []
        for sign, soft, hard, side in ((-1, one.soft_lower[i], one.hard_lower[i], 0),
                                       (1, one.soft_upper[i], one.hard_upper[i], 1)):
            out = [sign * measured] + ([] if asked is None else [sign * asked])
            inner = min(sign * self.innermost[i][side], max(sign * soft, min(sign * measured, sign * hard)))
            inner = max(inner, sign * soft)
            self.innermost[i][side] = sign * inner
            bounds.append(sign * min(sign * hard, max(sign * soft, min(max(out), inner + TOLERANCE[i]))))
        return bounds

    def accepts(self, command, measured, last, asked):
        """Whether every joint of ``command`` keeps every limit; ``last``: where it comes from; ``asked``: or None."""
        return all([self._joint(i, command, measured, last, asked) for i in range(14)])

    def _joint(self, i, command, measured, last, asked):
        one = self.one
        q, effort, at = float(command.positions[i]), float(command.efforts[i]), float(measured.positions[i])
        lower, upper = self.range(i, at, None if asked is None else float(asked[i]))
        if not (math.isfinite(q) and math.isfinite(effort)):
            return False
        kp, kd = float(one.kp[i]), float(one.kd[i])
        velocity = (q - float(last[i])) / TICK_S
        drive = kp * (q - at) + kd * (velocity - float(measured.velocities[i])) + effort
        # Where the feed-forward alone would take the joint, and how fast.
        reach = q if effort == 0 else q + (effort / kp if kp else math.copysign(math.inf, effort))
        speed = 0.0 if effort == 0 else velocity + (effort / kd if kd else math.copysign(math.inf, effort))
        return (lower <= q <= upper and abs(velocity) <= one.velocity[i] and abs(effort) <= one.effort[i]
                and abs(drive) <= one.effort[i] and lower <= reach <= upper and abs(speed) <= one.velocity[i])


def inside_hard(positions, one):
    return all(one.hard_lower[i] <= positions[i] <= one.hard_upper[i] for i in range(14))


def check(gate, oracle, tick, asked, measured, last, set_point):
    """Decide and compare with what is said above; return the verdict."""
    verdict = gate.step(measured.stamp_ns, JointCommand(tick_to_ns(tick), *asked), measured)
    command = JointCommand(tick_to_ns(tick), *asked)
    assert (verdict.decision == 'passed') == oracle.accepts(command, measured, last, set_point), verdict
    if verdict.decision == 'passed':
        assert (verdict.command.positions == asked[0]).all() and (verdict.command.efforts == asked[1]).all()
    else:
        assert verdict.decision == 'refused' and verdict.rule and verdict.text
        assert not verdict.command.efforts.any() and inside_hard(verdict.command.positions, oracle.one)
        assert (np.abs(verdict.command.positions - measured.positions) <= TOLERANCE).all()
    return verdict


PLACES = st.one_of(st.none(), arrays(np.float64, 14, elements=st.floats(0.0, 1.0)))


@settings(max_examples=300)
@given(st.sampled_from(['reset', 'rollout']), PLACES, SHARES,
       st.lists(st.tuples(st.sampled_from(['velocity', 'drive', 'out']), SHARES, SHARES, STEP), min_size=1, max_size=5))
def test_what_passes_satisfies_every_limit_and_what_does_not_is_a_hold(profile, place, speeds, requests):
    gate, one = core(profile), sets()[profile]
    oracle, set_point = Oracle(one), None
    positions = REST.copy() if place is None else one.hard_lower + place * (one.hard_upper - one.hard_lower)
    for tick, (kind, change, efforts, drift) in enumerate(requests, start=100):
        positions = np.clip(positions + drift / 10, one.hard_lower, one.hard_upper)
        measured = JointState(tick_to_ns(tick), positions, shares(speeds, one.velocity), np.zeros(14))
        last = positions if set_point is None else set_point
        by = {'velocity': one.velocity * TICK_S, 'drive': one.effort / (one.kp + one.kd / TICK_S),
              'out': np.minimum(one.velocity * TICK_S, 0.01)}[kind]
        asked = last + shares(change, by), shares(efforts, one.kd * one.velocity)
        verdict = check(gate, oracle, tick, asked, measured, last, set_point)
        set_point = asked[0] if verdict.decision == 'passed' else None


def at_bounds():
    """Yield (name, measured, request, share): one joint at ``share`` of one limit, for each kind of limit and side."""
    one = sets()['reset']
    for index in (0, 3, 6):
        for sign in (-1.0, 1.0):
            for share in (1.0 - 1e-6, 1.0 + 1e-6):
                def shifted(by, start=REST, index=index, sign=sign):
                    values = np.array(start, dtype=float)
                    values[index] += sign * by
                    return values
                middle = np.array(REST)
                middle[index] = (one.soft_lower[index] + one.soft_upper[index]) / 2
                edge = np.array(middle)
                edge[index] = one.soft_lower[index] if sign < 0 else one.soft_upper[index]
                step = one.velocity[index] * TICK_S
                drive = one.kp[index] * step + one.kd[index] * one.velocity[index]
                ahead = shifted(drive / (one.kp[index] + one.kd[index] / TICK_S) - step, middle)
                yield 'joint_position', edge, (shifted((share - 1.0) * 0.1, edge), np.zeros(14)), share
                # The drive's own limit is nearer than that of speed: measured moving, so that it is not met.
                yield 'joint_velocity', ahead, (shifted(step * share, middle), np.zeros(14)), share
                alone = one.effort[index] / (one.kp[index] + one.kd[index] / TICK_S)
                if alone < step * 0.99:
                    yield 'joint_effort', middle, (shifted(alone * share, middle), np.zeros(14)), share
                reach = (one.kp[index] * 0.01, one.kd[index] * one.velocity[index] * 0.9, one.effort[index] * 0.9)
                efforts = shifted(min(reach), np.zeros(14))
                near = shifted(-min(reach) / one.kp[index] / share, edge)
                yield 'feed_forward_reach', near, (near, efforts), share
                yield ('feed_forward_speed', middle,
                       (middle, shifted(one.kd[index] * one.velocity[index] * share, np.zeros(14))), share)


@pytest.mark.parametrize('share', [1.0 - 1e-6, 1.0 + 1e-6])
@pytest.mark.parametrize('rule', ['joint_position', 'joint_velocity', 'joint_effort', 'feed_forward_reach',
                                  'feed_forward_speed'])
def test_a_hair_inside_each_bound_passes_and_a_hair_outside_is_refused(rule, share):
    one, seen = sets()['reset'], 0
    for name, positions, asked, drawn in at_bounds():
        if name != rule or drawn != share or not inside_hard(positions, one):
            continue
        measured = JointState(tick_to_ns(100), positions, np.zeros(14), np.zeros(14))
        verdict = check(core(), Oracle(one), 100, asked, measured, positions, None)
        seen += verdict.decision == 'passed' if share < 1.0 else verdict.rule == rule
    assert seen >= 2, 'no example meets this bound alone'


@settings(max_examples=300)
@given(st.integers(0, 13), ANY, st.sampled_from(['positions', 'efforts']))
@example(3, math.nan, 'positions')
@example(3, -math.inf, 'efforts')
@example(3, 2.0 / 30, 'positions')
@example(3, -2.0 / 30, 'positions')
@example(3, math.nextafter(2.0 / 30, 1.0), 'positions')
@example(3, 3.0, 'efforts')
@example(3, math.nextafter(3.0, 4.0), 'efforts')
@example(6, 0.096, 'positions')
@example(6, 0.0, 'positions')
@example(6, math.nextafter(0.0, -1.0), 'positions')
def test_one_number_anywhere_cannot_break_a_limit(index, value, array):
    positions, efforts = REST.copy(), np.zeros(14)
    {'positions': positions, 'efforts': efforts}[array][index] = value
    measured = JointState(tick_to_ns(100), REST.copy(), np.zeros(14), np.zeros(14))
    check(core(), Oracle(sets()['reset']), 100, (positions, efforts), measured, REST, None)


@settings(max_examples=200)
@given(WILD, WILD, WILD)
def test_wild_numbers_never_pass_and_never_reach_the_driver(positions, efforts, velocities):
    gate, one = core(), sets()['reset']
    measured = JointState(tick_to_ns(100), REST.copy(), velocities, np.zeros(14))
    verdict = gate.step(measured.stamp_ns, JointCommand(tick_to_ns(100), positions, efforts), measured)
    sound = (np.abs(velocities) <= one.measured_velocity).all()
    assert bool(gate.latched) != sound
    assert verdict.decision == 'refused' or Oracle(one).accepts(verdict.command, measured, REST, None)
    assert inside_hard(verdict.command.positions, one)


@settings(max_examples=200)
@given(st.lists(st.one_of(ZEROS, STEP, WILD), min_size=1, max_size=6))
def test_a_hold_is_inside_the_hard_limits_whatever_was_measured(changes):
    gate, one = core(lockstep=False), sets()['reset']
    for tick, change in enumerate(changes, start=100):
        measured = JointState(tick_to_ns(tick), REST + change, np.zeros(14), np.zeros(14))
        gate.step(measured.stamp_ns, None, measured)
        command = gate.trip('look').command
        assert command is None or inside_hard(command.positions, one)
    assert command is not None or not np.isfinite(changes[-1]).all()


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
            verdict = gate.give_up_waiting(5.0)
            assert verdict.decision in ('none', 'refused')
        else:
            assert gate.select(kind)[0]
        if verdict is not None and verdict.command is not None:
            assert inside_hard(verdict.command.positions, sets()['reset'])
            if verdict.decision == 'passed':
                assert not latched and not gate.latched
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
    except LimitsError:
        return
    assert (made.soft_lower >= robot.soft_lower).all() and (made.soft_upper <= robot.soft_upper).all()
    assert (made.soft_lower < made.soft_upper).all()
    assert (made.velocity <= robot.velocity).all() and (made.effort <= robot.effort).all()
    for name in ('hard_lower', 'hard_upper', 'kp', 'kd'):
        assert (getattr(made, name) == getattr(robot, name)).all()
