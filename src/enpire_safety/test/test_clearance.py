"""Clearances: distances of capsules, and bounds that are never too high."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from enpire_safety.gate import clearance
from enpire_safety.gate.clearance import Clearances, line_distances
from enpire_safety.gate.station_model import StationModel

from .helpers import HOME, shipped

LIMITS = shipped()
MODEL = StationModel(LIMITS.body)
POINTS = arrays(np.float64, (4, 3), elements=st.floats(-1.0, 1.0))
SHARES = np.linspace(0.0, 1.0, 101)


def sampled(p1, q1, p2, q2):
    one, other = (start + SHARES[:, None] * (end - start) for start, end in ((p1, q1), (p2, q2)))
    return np.linalg.norm(one[:, None] - other[None], axis=2).min()


@settings(max_examples=300)
@given(POINTS, st.sampled_from(['any', 'parallel', 'point', 'same']))
def test_the_distance_of_two_lines_is_that_of_their_nearest_points(points, kind):
    p1, q1, p2, q2 = points
    if kind == 'parallel':
        q2 = p2 + 0.7 * (q1 - p1)
    elif kind == 'point':
        q2 = p2.copy()
    elif kind == 'same':
        p2, q2 = q1, p1
    found = line_distances(*(end[None] for end in (p1, q1, p2, q2)))[0]
    near = sampled(p1, q1, p2, q2)
    step = 0.01 * (np.linalg.norm(q1 - p1) + np.linalg.norm(q2 - p2))
    assert near - step - 1e-9 <= found <= near + 1e-9


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 13), st.floats(-0.3, 0.3)), min_size=1, max_size=30))
def test_what_is_too_near_is_told_exactly_and_no_bound_is_above_the_truth(moves):
    clearances, positions = Clearances(MODEL, LIMITS.station), HOME.copy()
    for joint, by in moves:
        positions[joint] = np.clip(positions[joint] + by, LIMITS.hard_lower[joint], LIMITS.hard_upper[joint])
        found = clearances.of(MODEL.pose(positions))
        exact = Clearances(MODEL, LIMITS.station).of(MODEL.pose(positions), exact=True)
        near = exact < 0.0
        assert np.allclose(found[near], exact[near], atol=1e-9) and (found <= exact + 1e-9).all()
        assert ((found < 0.0) == near).all()


def test_every_clearance_has_a_name_a_limit_and_a_part():
    clearances = Clearances(MODEL, LIMITS.station)
    found = clearances.of(MODEL.pose(HOME), exact=True)
    assert len(clearances.names) == len(found) == sum(p.stop - p.start for p in clearances.parts.values())
    assert [part.start for part in clearances.parts.values()] == [0] + [
        part.stop for part in clearances.parts.values()][:-1]
    for i, name in enumerate(clearances.names):
        value, limit = clearances.value_of(i, found[i]), clearances.limit_of(i)
        assert len(name) == 2 and abs(abs(value - limit) - abs(found[i])) < 1e-9


def test_at_home_everything_is_clear():
    assert Clearances(MODEL, LIMITS.station).of(MODEL.pose(HOME), exact=True).min() > 0.0


def test_an_arm_that_was_folded_by_hand_is_no_fault():
    folded = np.zeros(14)
    found = Clearances(MODEL, LIMITS.station).of(MODEL.pose(folded), exact=True)
    assert found.min() > 0.0


def capsules(positions):
    """Return {name of a link, or of what stands still: [(start, end, radius)]}."""
    pose, found = MODEL.pose(positions), {}
    for name, *one in zip(MODEL.capsule_names, *pose.lines, MODEL.radii):
        found.setdefault(name, []).append(one)
    for one in LIMITS.station.keep_out:
        found[one.name] = [(np.array(one.start), np.array(one.end), one.radius)]
    return found


def measured(rule, first, second):
    """Return what a rule measures at home between those two, and its limit, told without Clearances."""
    box, tools, made = LIMITS.station, MODEL.pose(HOME).tools, capsules(HOME)
    if rule == 'workspace':
        place = ('left_tool', 'right_tool').index(first), 'xyz'.index(second[-1])
        return [tools[place]], (box.box_lower if second.startswith('least') else box.box_upper)[place]
    if rule == 'table':
        return [min(start[2], end[2]) - radius for start, end, radius in made[first]], box.table_z
    distances = [sampled(*one[:2], *other[:2]) - one[2] - other[2] for one in made[first] for other in made[second]]
    return distances, getattr(box, {'keep_out': 'keep_out_distance'}.get(rule, rule))


def test_what_was_measured_and_its_limit_are_those_of_the_rule():
    clearances = Clearances(MODEL, LIMITS.station)
    found, told = clearances.of(MODEL.pose(HOME), exact=True), {}
    for rule, part in clearances.parts.items():
        for i in range(part.start, part.stop):
            told.setdefault((rule, *clearances.names[i]), []).append(
                (clearances.value_of(i, found[i]), clearances.limit_of(i)))
    for place, values in told.items():
        wanted, limit = measured(*place)
        assert {one for _, one in values} == {limit} and len(values) == len(wanted), place
        # Of lines that are sampled the nearest points are half a step off at most.
        assert np.allclose(sorted(value for value, _ in values), sorted(wanted), rtol=0.0, atol=0.005), place


def test_links_that_stand_are_not_measured_against_each_other():
    clearances = Clearances(MODEL, LIMITS.station)
    pairs = clearances.names[clearances.parts['arm_distance']]
    links = {tuple(name.split('_', 1)[1] for name in pair) for pair in pairs}
    assert ('base_link', 'tip_left') in links and ('base_link', 'base_link') not in links
    assert not any(set(pair) <= {'base_link', 'link1'} for pair in links)


def test_the_pair_nearest_to_its_limit_is_shown_with_its_points():
    clearances = Clearances(MODEL, LIMITS.station)
    index, points = clearances.nearest(MODEL.pose(HOME))
    found = clearances.of(MODEL.pose(HOME), exact=True)
    pairs = slice(clearances.parts['table'].stop, None)
    assert found[index] == found[pairs].min() and index >= pairs.start and points.shape == (2, 3)
    one, other = (capsules(HOME)[name] for name in clearances.names[index])
    apart = np.linalg.norm(points[0] - points[1]) - clearances.value_of(index, found[index])
    assert any(abs(apart - first[2] - second[2]) < 1e-9 for first in one for second in other)


def test_of_the_pairs_few_are_measured_and_after_a_small_motion_none(monkeypatch):
    measured = []

    def counted(p1, q1, p2, q2):
        measured.append(len(p1))
        return line_distances(p1, q1, p2, q2)
    monkeypatch.setattr(clearance, 'line_distances', counted)
    clearances, shift = Clearances(MODEL, LIMITS.station), np.zeros(14)
    clearances.of(MODEL.pose(HOME))
    every = sum(clearances.parts[rule].stop - clearances.parts[rule].start
                for rule in ('keep_out', 'arm_distance', 'self_distance'))
    assert len(measured) == 1 and 0 < measured[0] < every / 2, (measured, every)
    shift[[0, 7]] = 0.002
    clearances.of(MODEL.pose(HOME + shift))
    assert len(measured) == 1, 'what was measured a moment ago is a bound'
