"""Space: box, table, camera, the two arms, tool speed, on the shipped robot; and the way back from beyond a limit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enpire_safety.gate.clearance import Clearances
from enpire_safety.gate.space import Space
from enpire_safety.gate.station_model import StationModel

from .helpers import HOME, Arms, shipped, state

MODEL = StationModel(shipped().body)


def turned(**joints):
    positions = HOME.copy()
    for name, value in joints.items():
        side, number = name[0], int(name[1:])
        positions[{'l': 0, 'r': 7}[side] + number - 1] = value
    return positions


def exact(arms):
    clearances = Clearances(MODEL, arms.limits.station)
    return clearances, clearances.of(MODEL.pose(arms.positions), exact=True)


# Where a rule is met, and how the arms get there from home.
WAYS = {
    'workspace': (dict(l1=1.5), {'left_workspace': {'y': [-0.6, 0.45]}}),
    'table': (dict(l2=2.6), {}),
    'keep_out': (dict(l1=1.5), {'keep_out': {
        'post': {'from': [0.15, 0.52, 0.0], 'to': [0.15, 0.52, 0.5], 'radius': 0.03}}}),
    'arm_distance': (dict(l1=-1.2, r1=1.2), {}),
    'self_distance': (dict(l2=0.63, l3=0.12, l4=-1.44, l5=1.41, l6=0.6), {}),
}


@pytest.mark.parametrize('rule', WAYS)
def test_the_arms_stop_at_each_limit_of_space_and_never_beyond(rule):
    goal, changes = WAYS[rule]
    arms = Arms(changes=changes)
    verdict = arms.go(turned(**goal), straight=True)
    assert verdict.decision == 'refused' and verdict.rule == rule, verdict
    clearances, found = exact(arms)
    assert found.min() >= 0.0
    # And not far before it: what was asked for is a tick of motion away.
    assert found[clearances.parts[rule]].min() <= 0.03
    assert verdict.unit == 'm' and np.isfinite([verdict.limit, verdict.value]).all() and verdict.joint
    assert not arms.gate.latched


@pytest.mark.parametrize('rule', WAYS)
def test_what_is_beyond_a_limit_of_space_is_refused_as_often_as_it_is_asked_for(rule):
    goal, changes = WAYS[rule]
    arms = Arms(changes=changes)
    for _ in range(4):
        verdict = arms.go(turned(**goal), straight=True)
        assert verdict.decision == 'refused' and verdict.rule == rule, verdict


@pytest.mark.parametrize('rule', WAYS)
def test_from_each_limit_of_space_there_is_a_way_back(rule):
    goal, changes = WAYS[rule]
    arms = Arms(changes=changes)
    arms.go(turned(**goal))
    verdict = arms.go(HOME)
    assert verdict.decision == 'passed' and np.abs(arms.positions - HOME).max() < 1e-9


def test_a_text_names_tool_axis_limit_and_value():
    arms = Arms(changes=WAYS['workspace'][1])
    verdict = arms.go(turned(**WAYS['workspace'][0]))
    assert verdict.joint == 'left_tool' and verdict.limit == 0.45 and verdict.value > 0.45
    assert verdict.text.startswith('y of the left tool: expected largest 0.45 m, got 0.4')


def test_a_tool_may_not_be_faster_than_its_limit_though_each_joint_may():
    arms = Arms(changes={'tool_speed': 0.5})
    fast = np.zeros(14)
    fast[[0, 1]] = 1.9 / 30
    verdict = None
    for _ in range(6):
        verdict = arms.ask(arms.positions + np.clip(fast, -0.035 * (arms.tick - 99), 0.035 * (arms.tick - 99)))
        if verdict.decision == 'refused':
            break
    assert verdict.rule == 'tool_speed' and verdict.limit == 0.5 < verdict.value and verdict.joint == 'left_tool'


def beyond(**changes):
    """Arms at home under limits that home is 30 mm beyond."""
    tool_z = float(Arms().tools()[0, 2])
    return Arms(changes={'left_workspace': {'z': [0.004, tool_z - 0.03]}, **changes})


def test_a_tool_that_is_beyond_its_box_may_stay_and_come_back_but_not_go_farther():
    arms = beyond()
    assert arms.ask(arms.positions).decision == 'passed'
    lower = arms.positions.copy()
    lower[1] += 0.01
    assert arms.ask(lower).decision == 'passed', 'downward is inward'
    higher = arms.positions.copy()
    higher[1] -= 0.03
    assert arms.ask(higher).rule == 'workspace'


def test_what_was_given_up_of_the_way_out_cannot_be_had_back():
    arms, start = beyond(), HOME
    for _ in range(12):
        down = arms.positions.copy()
        down[1] += 0.01
        assert arms.ask(down).decision == 'passed'
    verdict = arms.go(start, step=0.005)
    assert verdict.rule == 'workspace'
    # 5 mm are granted to what is measured; a tick's step comes on top.
    assert arms.tools()[0, 2] < Arms().tools()[0, 2] - 0.01


def test_within_what_is_granted_to_the_measured_nothing_farther_out_may_be_asked_for():
    arms = beyond()
    for by in (0.001, 0.003):  # 1 mm and less, well within the 5 mm
        higher = arms.positions.copy()
        higher[1] -= by
        verdict = arms.ask(higher)
        assert verdict.decision == 'refused' and verdict.rule == 'workspace', by


def test_arms_that_were_pushed_out_again_may_stay_no_farther_out_than_what_is_granted():
    about = Clearances(MODEL, beyond().limits.station)

    def out(millimetres):
        """Return positions with the left tool so far beyond its box, above it."""
        lifts = np.linspace(-0.05, 0.1, 301)
        heights = [about.of(MODEL.pose(turned(l2=HOME[1] + by)), exact=True).min() for by in lifts]
        return turned(l2=HOME[1] + np.interp(-1e-3 * millimetres, heights, lifts))
    space = Space(MODEL, about)
    assert space.view(out(20.0), None, out(20.0)).clear, 'where they are'
    assert space.view(out(24.0), None, out(30.0)).clear, 'within the 5 mm of the best that was measured'
    assert not space.view(out(26.0), None, out(30.0)).clear


def test_a_space_says_whether_all_of_it_is_clear():
    for arms, clear in ((Arms(), True), (beyond(), False)):
        space = Space(MODEL, Clearances(MODEL, arms.limits.station))
        higher = HOME.copy()
        higher[1] -= 0.03
        for _ in range(2):
            assert space.view(HOME, None, HOME).clear
            assert space.view(higher, None, HOME).clear == clear


class CountedForces:
    """A model that says which forces it was asked for, and how often."""

    def __init__(self):
        self.asked = 0

    def tool_forces(self, state, above):
        self.asked += 1
        return state.stamp_ns, above


def test_forces_are_worked_out_once_and_are_those_of_the_state_that_is_asked_about():
    model = CountedForces()
    space = Space(model, Clearances(MODEL, shipped().station))
    first, second, above = state(100, HOME), state(101, HOME), shipped().station.contact_force
    assert space.forces(first) == (first.stamp_ns, 0.0)
    space.feel(first)
    asked = model.asked
    assert space.forces(first, above) == (first.stamp_ns, above) and model.asked == asked
    assert space.forces(second, above) == (second.stamp_ns, above)
    assert space.forces(first, above / 2) == (first.stamp_ns, above / 2)


JOINTS = st.lists(st.tuples(st.integers(0, 13), st.floats(-0.06, 0.06)), min_size=1, max_size=4)


@settings(max_examples=60, deadline=None)
@given(st.lists(JOINTS, min_size=3, max_size=25))
def test_whatever_is_asked_for_all_that_passes_keeps_every_limit_of_space(walk):
    arms, before = Arms(), HOME
    for changes in walk:
        asked = arms.positions.copy()
        for joint, by in changes:
            asked[joint] += by
        before = arms.positions.copy()
        verdict = arms.ask(asked)
        if verdict.decision == 'passed':
            assert exact(arms)[1].min() >= 0.0
            shifts = MODEL.pose(arms.positions).tools - MODEL.pose(before).tools
            assert np.linalg.norm(shifts, axis=1).max() * 30 <= shipped().station.tool_speed + 1e-9
        else:
            assert (arms.positions == before).all()
