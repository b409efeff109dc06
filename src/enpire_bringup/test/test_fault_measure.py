"""When a world left lockstep, when its arms held, and how far they got."""

import collections

import fault_measure
import numpy as np
import pytest
from enpire_core.joints import JOINT_NAMES
from enpire_core.ticks import TICK_S, tick_to_ns
from fault_measure import Note, look

Sample = collections.namedtuple('Sample', 'stamp_ns positions velocities wall_s')
LEFT = 100  # the tick at which the world of these tests leaves lockstep
SPEEDS = (0.9, 0.5, 0.35, 0.12, 0.06)  # then still, rad/s


def world(first=0, speeds=SPEEDS, begins_s=0.0, joint=0):
    """Return (samples, wall time at which it leaves): it moves until LEFT, then as ``speeds`` say, for 60 ticks."""
    samples, position = [], 0.0
    for tick in range(first, LEFT + 61):
        speed = 0.9 if tick < LEFT else dict(enumerate(speeds)).get(tick - LEFT, 0.0)
        positions, velocities = np.zeros(len(JOINT_NAMES)), np.zeros(len(JOINT_NAMES))
        position += speed * TICK_S
        positions[joint], velocities[joint] = position, speed
        samples.append(Sample(tick_to_ns(tick), positions, velocities, begins_s + (tick - first) * TICK_S))
    return samples, begins_s + (LEFT - first) * TICK_S


def notes(left_s):
    """Return what the driver says of such a world, once a second."""
    return [Note(left_s - 0.5, False), Note(left_s + 0.5, True, LEFT, 'silence'),
            Note(left_s + 1.5, True, LEFT, 'silence'), Note(left_s + 2.5, False, LEFT, 'silence'),
            Note(left_s + 3.5, False, LEFT, 'lockstep')]


def test_from_where_a_world_left_lockstep_it_is_looked_at_for_two_seconds():
    samples, left_s = world()
    found = look(notes(left_s), samples, left_s - 0.2)
    (leaving,) = found.leavings
    assert (leaving.tick, leaving.text, found.anew) == (LEFT, 'silence', 0)
    assert leaving.speed == pytest.approx(0.9) and leaving.held_s == pytest.approx(3 * TICK_S) and leaving.in_time
    # From the state at the leaving on: what it moved until then is not its fault.
    assert leaving.way[0] == pytest.approx(sum(SPEEDS[1:]) * TICK_S) and leaving.way[1:] == (0.0,) * 13


@pytest.mark.parametrize('speeds, held_s, still_s', [
    ((0.04,), 0, 0), ((0.9, 0.2), 1, 2), ((*SPEEDS[:3], 0.32), 4, 4), ((*[0.0] * 32, 0.06), 0, 33),
    ((*[0.0] * 32, 0.31), 33, 33),
    # Slow enough, but it goes on for 43 ticks: thirteen more are within the bound of the way.
    ((*SPEEDS[:3], *[0.045] * 40), 29, 29), ([0.4] * 61, None, None)],
    ids=['at rest', 'at once', 'late', 'trembles', 'moves again', 'drifts', 'never'])
def test_held_is_the_first_tick_from_which_on_joints_stay_and_still_where_they_are_slow_too(speeds, held_s, still_s):
    samples, left_s = world(speeds=speeds)
    (leaving,) = look(notes(left_s), samples, 0.0).leavings
    assert (leaving.held_s, leaving.still_s) == tuple(
        ticks if ticks is None else pytest.approx(ticks * TICK_S, abs=1e-5) for ticks in (held_s, still_s))
    assert leaving.in_time == (held_s is not None and held_s <= 3)


def test_a_gripper_holds_by_its_own_bounds():
    samples, left_s = world(speeds=(0.03, 0.03, 0.015), joint=JOINT_NAMES.index('left_gripper'))
    (leaving,) = look(notes(left_s), samples, 0.0).leavings
    assert leaving.held_s == pytest.approx(2 * TICK_S, abs=1e-5) and leaving.still_s == pytest.approx(
        3 * TICK_S, abs=1e-5) and leaving.speed == 0.0


def test_arms_do_not_hold_in_a_joint_state_that_was_missed():
    samples, left_s = world(speeds=(0.9,))
    missed = [sample for sample in samples if sample.stamp_ns != tick_to_ns(LEFT + 1)]
    (leaving,) = look(notes(left_s), missed, 0.0).leavings
    assert leaving.held_s == pytest.approx(2 * TICK_S, abs=1e-5)


@pytest.mark.parametrize('lost', [LEFT, LEFT + 60], ids=['first', 'last'])
def test_without_its_first_or_last_joint_state_a_leaving_is_known_but_not_measured(lost):
    samples, left_s = world()
    found = look(notes(left_s), [one for one in samples if one.stamp_ns != tick_to_ns(lost)], 0.0)
    assert found.leavings == (fault_measure.Leaving('silence', LEFT),) and not found.leavings[0].in_time


def test_a_world_that_was_never_heard_of_while_it_ran_freely_is_measured_all_the_same():
    samples, left_s = world()
    (leaving,) = look([notes(left_s)[0], notes(left_s)[-1]], samples, 0.0).leavings
    assert (leaving.tick, leaving.text) == (LEFT, 'lockstep') and leaving.in_time


def test_a_world_that_was_broken_before_the_fault_or_stays_in_lockstep_left_nothing():
    samples, left_s = world()
    assert look(notes(left_s), samples, left_s + 3.0) == fault_measure.Found((), 0)
    assert look(notes(left_s)[:1], samples, 0.0) == fault_measure.Found((), 0)
    assert look([], [], 0.0) == fault_measure.Found((), 0)


def test_two_leavings_are_two_also_where_another_process_begins_anew_and_breaks_at_the_same_tick():
    samples, left_s = world()
    later, again_s = world(begins_s=left_s + 20.0)
    found = look(notes(left_s) + notes(again_s), samples + later, 0.0)
    assert [leaving.tick for leaving in found.leavings] == [LEFT, LEFT] and found.anew == 1
    assert all(leaving.in_time for leaving in found.leavings)
