"""Clearances: distances of capsules, and bounds that are never too high."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

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
