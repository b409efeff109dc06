"""The follower: interpolation, the age of a command, and what it refuses."""

import numpy as np
import pytest

from enpire_core.ticks import TICK_S, tick_to_ns
from enpire_core.types import JointCommand
from enpire_drivers.arm.follower import (MAX_EFFORT, MAX_POSITION, STEPS_PER_TICK, CommandRefused,
                                         Follower)

START = np.linspace(0.1, 0.5, 14)


def command(tick=0, positions=None, efforts=None):
    return JointCommand(tick_to_ns(tick), START + 0.02 if positions is None else positions,
                        np.zeros(14) if efforts is None else efforts)


def test_a_tick_ends_exactly_at_the_commanded_position():
    motion = Follower(START).follow(command(), 0)
    assert motion.positions.shape == motion.velocities.shape == (STEPS_PER_TICK, 14)
    assert np.array_equal(motion.positions[-1], START + 0.02)


def test_the_set_points_of_a_tick_lie_on_a_line_and_its_rate_is_the_velocity():
    motion = Follower(START).follow(command(), 0)
    path = np.vstack([START, motion.positions])
    assert np.allclose(np.diff(path, axis=0), 0.02 / STEPS_PER_TICK, atol=1e-15)
    assert np.allclose(motion.velocities, 0.02 / TICK_S)


def test_the_next_tick_starts_from_the_last_set_point_and_not_from_the_measurement():
    follower = Follower(START)
    follower.follow(command(0), 0)
    motion = follower.follow(command(1, START + 0.04), tick_to_ns(1))
    assert np.allclose(motion.positions[0], START + 0.02 + 0.02 / STEPS_PER_TICK)


def test_a_follower_without_a_command_holds_where_it_started():
    follower = Follower(START)
    motion = follower.coast(5, START + 0.3)
    assert follower.holding
    assert np.array_equal(motion.positions, np.tile(START, (STEPS_PER_TICK, 1)))
    assert not motion.velocities.any() and not motion.feedforward.any()


def test_a_command_stays_in_force_until_its_maximum_age_and_then_the_measured_position_is_held():
    follower = Follower(START, max_age_s=0.1)
    follower.follow(command(0, efforts=np.full(14, 0.5)), 0)
    for tick in (1, 2):
        motion = follower.coast(tick, START + 0.01)
        assert not follower.holding
        assert np.array_equal(motion.positions[0], START + 0.02) and motion.feedforward[0] == 0.5
    motion = follower.coast(3, START + 0.011)
    assert follower.holding
    assert np.array_equal(motion.positions, np.tile(START + 0.011, (STEPS_PER_TICK, 1)))
    assert not motion.velocities.any() and not motion.feedforward.any()


def test_a_hold_does_not_drift_with_later_measurements():
    follower = Follower(START)
    follower.follow(command(0), 0)
    follower.coast(10, START + 0.01)
    motion = follower.coast(11, START - 0.2)
    assert np.array_equal(motion.positions[0], START + 0.01)


@pytest.mark.parametrize('value', [np.nan, np.inf, -1e11])
def test_a_hold_is_never_at_a_measurement_that_cannot_be(value):
    follower = Follower(START)
    follower.follow(command(0), 0)
    measured = START.copy()
    measured[3] = value
    motion = follower.coast(10, measured)
    assert follower.holding and np.array_equal(motion.positions[0], START + 0.02)


def test_a_command_ends_a_hold_and_moves_from_the_held_position():
    follower = Follower(START)
    follower.hold(START + 0.1)
    motion = follower.follow(command(7, START + 0.1), tick_to_ns(7))
    assert not follower.holding and np.array_equal(motion.positions[0], START + 0.1)


@pytest.mark.parametrize('field', ['positions', 'efforts'])
@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_refused_and_its_joint_named(field, value):
    values = np.zeros(14)
    values[8] = value
    follower = Follower(START)
    before = follower.state_bytes()
    with pytest.raises(CommandRefused, match=f'finite {field}.*right_joint2'):
        follower.follow(command(**{field: values}), 0)
    assert follower.state_bytes() == before


@pytest.mark.parametrize('field, bound', [('positions', MAX_POSITION), ('efforts', MAX_EFFORT)])
@pytest.mark.parametrize('value', [1.0001, 1e10, 1e300, -1.0001, -1e10, -1e300])
def test_a_finite_value_that_nobody_can_mean_is_refused_and_its_joint_named(field, bound, value):
    values = np.zeros(14)
    values[6] = value * bound
    follower = Follower(START)
    before = follower.state_bytes()
    with pytest.raises(CommandRefused, match=f'{field} in .*left_gripper: nothing was moved'):
        follower.follow(command(**{field: values}), 0)
    assert follower.state_bytes() == before


def test_values_at_their_bounds_are_followed():
    motion = Follower(START).follow(command(positions=np.full(14, -MAX_POSITION), efforts=np.full(14, MAX_EFFORT)), 0)
    assert (motion.positions[-1] == -MAX_POSITION).all() and (motion.feedforward == MAX_EFFORT).all()


def test_infinities_of_both_signs_do_not_cancel():
    values = np.zeros(14)
    values[2], values[3] = np.inf, -np.inf
    with pytest.raises(CommandRefused, match='left_joint3'):
        Follower(START).follow(command(positions=values), 0)


@pytest.mark.parametrize('values', [np.zeros(13), np.zeros(15), np.zeros((1, 14)), [0.0] * 14, None,
                                    np.zeros(14, np.float32)])
def test_a_wrong_shape_or_type_is_refused(values):
    bad = JointCommand(0, values, np.zeros(14))
    with pytest.raises(CommandRefused, match='positions'):
        Follower(START).follow(bad, 0)


@pytest.mark.parametrize('stamp_ns', [-1, 1, tick_to_ns(3), tick_to_ns(5)])
def test_a_command_for_another_stamp_is_refused(stamp_ns):
    with pytest.raises(CommandRefused, match='stamp'):
        Follower(START).follow(JointCommand(stamp_ns, START, np.zeros(14)), tick_to_ns(4))


def test_the_caller_may_reuse_its_arrays():
    follower, positions = Follower(START), START + 0.02
    follower.follow(command(positions=positions), 0)
    positions[:] = 9.0
    assert np.array_equal(follower.coast(1, START).positions[0], START + 0.02)


@pytest.mark.parametrize('age', [0, -1, 0.03, 0.51, float('nan'), float('inf')])
def test_the_maximum_age_cannot_be_switched_off(age):
    with pytest.raises(ValueError, match='command_max_age_s'):
        Follower(START, max_age_s=age)


def test_a_follower_restored_from_bytes_goes_on_with_the_same_bits():
    first = Follower(START)
    first.follow(command(3, efforts=np.full(14, 0.25)), tick_to_ns(3))
    second = Follower(np.zeros(14))
    second.restore_bytes(first.state_bytes())
    for tick in range(4, 10):
        one, two = (f.coast(tick, START) for f in (first, second))
        assert all(np.array_equal(getattr(one, n), getattr(two, n))
                   for n in ('positions', 'velocities', 'feedforward'))
    assert first.state_bytes() == second.state_bytes()


@pytest.mark.parametrize('place, value', [(0, np.nan), (13, 1e11), (14, -np.inf), (20, 1e9)])
def test_a_state_that_no_follower_can_have_is_refused_and_changes_nothing(place, value):
    follower = Follower(START)
    before = follower.state_bytes()
    numbers = np.frombuffer(before[:8 * 28]).copy()
    numbers[place] = value
    with pytest.raises(ValueError, match='follower state'):
        follower.restore_bytes(numbers.tobytes() + before[8 * 28:])
    assert follower.state_bytes() == before


def test_bytes_of_another_length_are_refused():
    with pytest.raises(ValueError, match='bytes of follower state'):
        Follower(START).restore_bytes(b'123')
