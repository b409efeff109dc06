"""When the driver cuts the power by itself, and when it may come back."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enpire_core.joints import JOINT_NAMES
from enpire_core.ticks import NANOSECONDS, tick_to_ns
from enpire_core.types import JointState
from enpire_drivers.arm import power
from enpire_drivers.arm.power import PowerError, PowerGuard, PowerLimits
from enpire_description import share_path

LIMITS = PowerLimits(np.full(14, 6.0), runaway_s=0.2, blind_s=0.4)
NAN = float('nan')


def state(tick=0, speed=0.0, joint=1, position=0.5):
    velocities, positions = np.zeros(14), np.full(14, 0.5)
    velocities[joint], positions[joint] = speed, position
    return JointState(tick_to_ns(tick), positions, velocities, np.zeros(14))


def see(guard, ticks, holding=True, **what):
    """Return what the guard says in each of ``ticks``."""
    return [guard.see(tick_to_ns(tick), holding, state(tick, **what)) for tick in ticks]


@pytest.mark.parametrize('speed', [6.1, -6.1, 40.0])
def test_a_joint_that_runs_away_while_the_driver_holds_is_cut_after_its_time_and_not_before(speed):
    said = see(PowerGuard(LIMITS), range(10), speed=speed)
    assert said[:7] == [''] * 7, said  # 0.2 s are six ticks
    assert said[7].startswith('runaway: expected left_joint2 slower than 6 rad/s') and f'{speed:.3g}' in said[7]


@pytest.mark.parametrize('what', [{'speed': 6.0}, {'speed': 9.0, 'holding': False}])
def test_no_speed_within_the_limit_and_none_while_a_command_is_followed_cuts(what):
    assert not any(see(PowerGuard(LIMITS), range(60), **what))


def test_a_joint_that_slows_down_or_is_commanded_again_begins_its_time_anew():
    for what in ({'speed': 5.0}, {'speed': 9.0, 'holding': False}):
        guard = PowerGuard(LIMITS)
        assert not any(see(guard, range(6), speed=9.0))
        assert not any(see(guard, [6], **what))
        assert not any(see(guard, range(7, 13), speed=9.0))


@pytest.mark.parametrize('position, speed', [
    (NAN, 0.0), (float('inf'), 0.0), (10.1, 0.0), (-10.1, 0.0), (0.5, NAN), (0.5, float('inf'))])
@pytest.mark.parametrize('holding', [True, False])
def test_what_can_not_be_read_for_too_long_cuts_whether_the_driver_holds_or_not(position, speed, holding):
    said = see(PowerGuard(LIMITS), range(14), holding, position=position, speed=speed)
    assert said[:13] == [''] * 13 and said[13].startswith('blind: expected a readable joint state within 0.4 s'), said


def test_no_joint_state_at_all_cuts_and_one_that_can_be_read_begins_anew():
    guard = PowerGuard(LIMITS)
    assert not any(guard.see(tick_to_ns(tick), True, None) for tick in range(12))
    assert guard.see(tick_to_ns(12), True, state()) == ''
    assert [bool(guard.see(tick_to_ns(tick), True, None)) for tick in (13, 25, 26)] == [False, False, True]


def test_a_clock_that_runs_back_is_no_way_to_stay_uncut():
    guard = PowerGuard(LIMITS)
    see(guard, [10], speed=9.0)
    assert see(guard, [9], speed=9.0)[0].startswith('runaway')


def test_after_the_power_came_back_the_guard_begins_anew():
    guard = PowerGuard(LIMITS)
    see(guard, range(7), speed=9.0)
    guard.forget()
    assert not any(see(guard, range(7, 13), speed=9.0))


@given(st.lists(st.tuples(st.booleans(), st.floats(-20, 20)), max_size=60))
def test_it_cuts_exactly_where_a_hold_was_without_effect_for_longer_than_its_time(course):
    guard, since = PowerGuard(LIMITS), None
    for tick, (holding, speed) in enumerate(course):
        since = (tick if since is None else since) if holding and not abs(speed) <= 6.0 else None
        expected = since is not None and tick_to_ns(tick) - tick_to_ns(since) > 0.2 * NANOSECONDS
        assert bool(see(guard, [tick], holding, speed=speed)[0]) == expected


# ---- coming back -------------------------------------------------------------------------------
def test_power_comes_back_only_to_arms_at_rest():
    power.check_at_rest(state(speed=0.05))
    for joint, speed, what in ((1, 0.051, 'left_joint2'), (6, -0.006, 'left_gripper'), (1, NAN, 'readable')):
        with pytest.raises(PowerError, match=what):
            power.check_at_rest(state(speed=speed, joint=joint))
    for unreadable in (None, state(position=NAN), state(position=11.0)):
        with pytest.raises(PowerError, match='readable joint state'):
            power.check_at_rest(unreadable)


# ---- the limits --------------------------------------------------------------------------------
def test_the_shipped_limits_are_those_of_the_file():
    limits = power.load_limits()
    assert (limits.runaway_s, limits.blind_s) == (0.2, 0.4)
    of = dict(zip(JOINT_NAMES, limits.measured_velocity))
    assert (of['right_joint1'], of['left_joint6'], of['left_gripper']) == (6.0, 10.0, 0.5)


@pytest.mark.parametrize('value', ['0', '-0.1', '0.51', '.nan', '.inf', 'null', 'true', "'0.2'"])
@pytest.mark.parametrize('name', ['runaway_s', 'blind_s'])
def test_no_file_switches_a_cause_off(tmp_path, name, value):
    path = tmp_path / 'robot.yaml'
    text = share_path('limits', 'yam.yaml').read_text()
    path.write_text(text.replace(f'{name}: {0.2 if name == "runaway_s" else 0.4}', f'{name}: {value}'))
    with pytest.raises(PowerError, match=f'robot.yaml: power.{name}: expected more than 0 and at most 0.5 s, got'):
        power.load_limits(path)


@pytest.mark.parametrize('old, new', [('power:', 'powers:'), ('measured_velocity: 6.0', 'measured_velocity: fast'),
                                      ('measured_velocity: 6.0', 'measured_velocity: .nan'), ('joints:', 'joints: [')])
def test_a_file_without_what_is_needed_is_refused_by_name(tmp_path, old, new):
    path = tmp_path / 'robot.yaml'
    path.write_text(share_path('limits', 'yam.yaml').read_text().replace(old, new))
    with pytest.raises(PowerError, match='robot.yaml'):
        power.load_limits(path)


def test_limits_of_another_shape_are_refused():
    with pytest.raises(PowerError, match='14 finite numbers'):
        dataclasses.replace(LIMITS, measured_velocity=np.ones(13))
